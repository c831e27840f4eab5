"""Pages of the calendars that are brought in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.calendar.forms import AddressForm, EditSourceForm, FileForm, SourceForm, source_initial
from courses.calendar.sources import services
from courses.calendar.sources.pages import source_lines, source_page
from courses.form_answers import saved_by
from courses.models import CalendarSource
from courses.pages import clock_of


@require_safe
def source_list(request: Request) -> HttpResponse:
    """List the calendars that are brought in, and how they are."""
    lines = source_lines(request.user, clock_of(request.user))
    pk = request.GET.get("deleted", "")
    deleted = CalendarSource.objects.restorable_by(request.user).only("name").filter(pk=pk) if pk.isdecimal() else None
    context = {"lines": lines, "deleted": deleted.first() if deleted is not None and len(pk) < 19 else None}
    return render_page(request, "calendar/sources.html", context)


@require_safe
def source_detail(request: Request, pk: int) -> HttpResponse:
    """Show one calendar: how it is, what could not be read; of a file, what would be taken."""
    source = get_object_or_404(_own(request), pk=pk)
    return _source_answer(request, source, None)


@require_http_methods(["GET", "HEAD", "POST"])
def source_add(request: Request) -> HttpResponse:
    """Follow a calendar by its address; a file is taken by the form beside it."""
    form = AddressForm(request.POST or None, initial={"is_busy": True}, owner=request.user)
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in form.fields}
        source = saved_by(form, lambda: services.add_source(request.user, by=request.user, **values))
        if source is not None:
            return redirect(source)
    return _add_page(request, form, FileForm())


@require_POST
def source_upload(request: Request, pk: int | None = None) -> HttpResponse:
    """Take a file in to look at; with a calendar's id, as its newer copy."""
    replaces = get_object_or_404(_own(request).accepted(), pk=pk) if pk is not None else None
    form = FileForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        draft = saved_by(form, lambda: services.upload_source(request.user, file, by=request.user, replaces=replaces))
        if draft is not None:
            return redirect(draft)
    if replaces is not None:
        return _source_answer(request, replaces, form)
    return _add_page(request, AddressForm(initial={"is_busy": True}, owner=request.user), form)


@require_POST
def source_accept(request: Request, pk: int) -> HttpResponse:
    """Take the good part of a file that was looked at."""
    source = get_object_or_404(_own(request), pk=pk)
    form = SourceForm(request.POST, owner=request.user)
    if form.is_valid():
        values = {name: form.cleaned_data[name] for name in form.fields}
        values["name"] = values["name"] or source.name
        accepted = saved_by(form, lambda: services.accept_source(source, by=request.user, **values))
        if accepted is not None:
            messages.success(request, f"“{accepted}” is being put into your calendar.")
            return redirect(accepted)
    return _source_answer(request, source, form)


@require_http_methods(["GET", "HEAD", "POST"])
def source_edit(request: Request, pk: int) -> HttpResponse:
    """Change a calendar's name, colour, course, address."""
    source = get_object_or_404(_own(request).accepted(), pk=pk)
    form = EditSourceForm(request.POST or None, initial=source_initial(source), owner=request.user, source=source)
    if request.method == "POST" and form.is_valid():
        changes = form.changes()
        saved = saved_by(form, lambda: services.update_source(source, by=request.user, changes=changes))
        if saved is not None:
            messages.success(request, "Saved.")
            return redirect(source)
    status = 422 if form.errors else 200
    return render_page(request, "calendar/source_form.html", {"form": form, "source": source}, status=status)


@require_POST
def source_refresh(request: Request, pk: int) -> HttpResponse:
    """Read a calendar again now."""
    source = services.refresh_source(get_object_or_404(_own(request).accepted(), pk=pk), by=request.user)
    return redirect(source)


@require_POST
def source_delete(request: Request, pk: int) -> HttpResponse:
    """Let a calendar go, and offer it back; a file that was looked at goes at once."""
    source = services.remove_source(get_object_or_404(_own(request), pk=pk), by=request.user)
    query = f"?deleted={source.pk}" if source.pk else ""
    return redirect(f"{reverse('courses:calendar-sources')}{query}")


@require_POST
def source_restore(request: Request, pk: int) -> HttpResponse:
    """Take back that a calendar was removed."""
    source = get_object_or_404(CalendarSource.objects.restorable_by(request.user), pk=pk)
    source = services.restore_source(source, by=request.user)
    messages.success(request, f"“{source}” is back.")
    return redirect(source)


def _own(request: Request) -> Any:
    return CalendarSource.objects.editable_by(request.user).select_related("course", "replaces").defer("address")


def _add_page(request: Request, form: AddressForm, file_form: FileForm) -> HttpResponse:
    status = 422 if form.errors or file_form.errors else 200
    context = {"form": form, "file_form": file_form}
    return render_page(request, "calendar/source_add.html", context, status=status)


def _source_answer(request: Request, source: CalendarSource, form: Any) -> HttpResponse:
    context = source_page(source, request.user, clock_of(request.user))
    if isinstance(form, FileForm):
        context["file_form"] = form
    elif form is not None:
        context["form"] = form
    status = 422 if form is not None and form.errors else 200
    return render_page(request, "calendar/source.html", context, parts={"source-state": "state"}, status=status)
