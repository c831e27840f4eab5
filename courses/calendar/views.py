"""Pages of the calendar and of events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.calendar import services
from courses.calendar.event_pages import event_page
from courses.calendar.forms import EventForm, EventNotesForm, event_initial
from courses.calendar.pages import calendar_page, choice_of
from courses.calendar.zones import moment_of
from courses.form_answers import back, saved_by
from courses.models import CalendarEvent
from courses.pages import clock_of
from courses.rules import check_year
from courses.sidebar import show_in_sidebar


@require_safe
def calendar(request: Request) -> HttpResponse:
    """Show a month, a week or the days to come."""
    clock = clock_of(request.user)
    page = calendar_page(request.user, choice_of(request.GET, clock), clock)
    show_in_sidebar(request, [course for course in page.courses if course.goes_on])
    context = {"page": page, "deleted": _deleted(request), "moved": _moved(request)}
    return render_page(request, "calendar/calendar.html", context, parts={"calendar": "calendar"})


@require_safe
def event_detail(request: Request, pk: int) -> HttpResponse:
    """Show one event: when it is here and at its course, where it came from, what it is the same as."""
    rows = CalendarEvent.objects.visible_to(request.user).select_related("source__course", "course")
    event = get_object_or_404(rows.defer("source__address", "source__report"), pk=pk)
    context = {"page": event_page(event, request.user, clock_of(request.user)), "event": event}
    return render_page(request, "calendar/event.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def event_create(request: Request) -> HttpResponse:
    """Add an event by hand."""
    form = EventForm(request.POST or None, initial=_proposed(request), owner=request.user)
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in form.fields}
        event = saved_by(form, lambda: services.create_event(request.user, by=request.user, **values))
        if event is not None:
            messages.success(request, f"“{event.title}” is in your calendar.")
            return redirect(
                f"{reverse('courses:calendar')}?date={event.starts_at.astimezone(request.user.zone):%Y-%m-%d}"
            )
    return _form_page(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
def event_edit(request: Request, pk: int) -> HttpResponse:
    """Change an event by hand; of one from a calendar, the notes."""
    event = get_object_or_404(CalendarEvent.objects.editable_by(request.user).defer("search_vector"), pk=pk)
    form: forms.Form
    if event.is_by_hand:
        form = EventForm(request.POST or None, initial=event_initial(event), owner=request.user)
    else:
        form = EventNotesForm(request.POST or None, initial={"notes": event.notes})
    if request.method == "POST" and form.is_valid():
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        saved = saved_by(form, lambda: services.update_event(event, by=request.user, changes=changes))
        if saved is not None:
            messages.success(request, "Saved.")
            return redirect(saved)
    return _form_page(request, form, event)


@require_POST
def event_move(request: Request, pk: int) -> HttpResponse:
    """Put an event by hand at another time, as it was dragged; the answer offers it back."""
    event = get_object_or_404(CalendarEvent.objects.editable_by(request.user).by_hand(), pk=pk)
    moved_from, moved_to = (_moment(request, name) for name in ("from", "to"))
    services.move_event(event, by=request.user, moved_from=moved_from, moved_to=moved_to)
    address = f"{reverse('courses:calendar')}?view=week&date={moved_to.astimezone(request.user.zone):%Y-%m-%d}"
    if request.POST.get("undo") == "1":
        messages.success(request, f"“{event.title}” is back where it was.")
        return redirect(address)
    stamps = [f"{moment.timestamp():.0f}" for moment in (moved_to, moved_from)]
    return redirect(f"{address}&moved={event.pk}&was={'-'.join(stamps)}")


@require_POST
def event_delete(request: Request, pk: int) -> HttpResponse:
    """Delete an event by hand, and offer it back."""
    event = get_object_or_404(CalendarEvent.objects.editable_by(request.user), pk=pk)
    event = services.delete_event(event, by=request.user)
    return redirect(f"{reverse('courses:calendar')}?date={_day_of(event, request)}&deleted={event.pk}")


@require_POST
def event_restore(request: Request, pk: int) -> HttpResponse:
    """Take back a deletion."""
    event = get_object_or_404(CalendarEvent.objects.restorable_by(request.user), pk=pk)
    event = services.restore_event(event, by=request.user)
    messages.success(request, f"“{event.title}” is back.")
    return back(request, event)


def _day_of(event: CalendarEvent, request: Request) -> str:
    """The day on which an event begins for the student."""
    return f"{event.starts_at if event.is_all_day else event.starts_at.astimezone(request.user.zone):%Y-%m-%d}"


def _form_page(request: Request, form: forms.Form, event: CalendarEvent | None) -> HttpResponse:
    status = 422 if form.errors else 200
    return render_page(request, "calendar/event_form.html", {"form": form, "event": event}, status=status)


def _proposed(request: Request) -> dict[str, Any]:
    """The next full hour, or the time of the day that was clicked."""
    zone = request.user.zone
    local = timezone.localtime(timezone=zone).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    try:
        asked = datetime.fromisoformat(request.GET.get("at", "")).replace(tzinfo=None)
        check_year(asked, "at")
        local = asked if "T" in request.GET.get("at", "") else asked.replace(hour=local.hour)
    except (ValueError, ValidationError):
        pass
    starts_at = moment_of(local + timedelta(hours=0 if "T" in request.GET.get("at", "") else 1), zone)
    course = request.GET.get("course", "")
    proposed = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=1), "is_busy": True}
    return {**proposed, "course": int(course) if course.isdecimal() and len(course) < 19 else None}


def _moment(request: Request, name: str) -> datetime:
    """Read a moment from a form: ISO 8601 with a zone, the student's local time, or seconds."""
    text = request.POST.get(name, "")
    try:
        if text.isdecimal() and len(text) < 12:
            return datetime.fromtimestamp(int(text), tz=request.user.zone)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment_of(moment, request.user.zone)
    except ValueError as error:
        raise ValidationError({"starts_at": "That is not a time, such as 2026-11-30T14:00."}) from error


def _deleted(request: Request) -> CalendarEvent | None:
    pk = request.GET.get("deleted", "")
    if not (pk.isdecimal() and len(pk) < 19):
        return None
    return CalendarEvent.objects.restorable_by(request.user).only("title").filter(pk=pk).first()


def _moved(request: Request) -> dict[str, Any] | None:
    """What was just moved, and how to take that back; the two times travel in the address."""
    pk, (now_at, _, was_at) = request.GET.get("moved", ""), request.GET.get("was", "").partition("-")
    if not (pk.isdecimal() and len(pk) < 19 and now_at.isdecimal() and was_at.isdecimal()):
        return None
    event = CalendarEvent.objects.editable_by(request.user).by_hand().only("title", "rrule").filter(pk=pk).first()
    return {"event": event, "from": now_at, "to": was_at} if event else None
