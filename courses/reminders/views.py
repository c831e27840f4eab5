"""Pages of reminders, their settings, and digests."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from coreengine.accounts.models import User
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.forms import add_errors
from courses.models import Reminder, ReminderRule, ReminderSettings
from courses.pages import clock_of
from courses.reminders import digests, services
from courses.reminders.forms import ReminderForm, RuleForm, SettingsForm
from courses.reminders.pages import (
    lead_choices,
    next_digests,
    reminder_card,
    reminder_list,
    rule_groups,
    soon_words,
)
from courses.reminders.targets import Target, targets_of
from courses.reminders.unsubscribing import FIELDS, read_token, subscribe_again, unsubscribe

CARD = {"reminders": "card"}


@require_http_methods(["GET", "HEAD", "POST"])
def reminders(request: Request) -> HttpResponse:
    """List what comes and what came lately; POST adds a reminder of a thing."""
    if request.method != "POST":
        context = reminder_list(request.user, clock_of(request.user))
        return render_page(request, "courses/reminders/list.html", context)
    form = ReminderForm(request.POST)
    target = _posted_target(request, form)
    if form.is_valid():
        try:
            services.create_reminder(
                request.user, target_kind=target.kind, target_id=target.pk, by=request.user, **form.values()
            )
            return _card(request, target)
        except ValidationError as error:
            add_errors(form, error)
    context = reminder_card(request.user, target, clock_of(request.user), form=form)
    return render_page(request, "courses/reminders/card.html", context, parts=CARD, status=422)


@require_POST
def remove(request: Request, pk: int) -> HttpResponse:
    """Take a reminder away, of a thing that repeats each time, and offer it back."""
    reminder = _own(request, pk)
    reminder = services.dismiss_every_time(reminder, by=request.user)
    return _card(request, _target_of(reminder), removed=reminder)


@require_POST
def restore(request: Request, pk: int) -> HttpResponse:
    """Take back that a reminder was removed."""
    reminder = services.restore_reminder(_own(request, pk), by=request.user)
    return _card(request, _target_of(reminder))


@require_POST
def snooze(request: Request, pk: int) -> HttpResponse:
    """Let a reminder come again later (`for`: 10m, 1h, tomorrow), from the bell."""
    choice = request.GET.get("for", "") or request.POST.get("for", "")
    reminder = services.snooze_reminder(_own(request, pk), choice=choice, by=request.user)
    local = reminder.fire_at.astimezone(request.user.zone)
    messages.success(request, f"It comes again at {local:%H:%M}{' tomorrow' if choice == 'tomorrow' else ''}.")
    return _bell(request)


@require_POST
def dismiss(request: Request, pk: int) -> HttpResponse:
    """Be done with a reminder, from the bell."""
    services.dismiss_reminder(_own(request, pk), by=request.user)
    messages.success(request, "Dismissed. This reminder comes no more.")
    return _bell(request)


# --- Settings ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: Request) -> HttpResponse:
    """Show and change the defaults and the digests."""
    row = services.settings_of(request.user)
    form = SettingsForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.update_settings(request.user, by=request.user, changes=form.cleaned_data)
            messages.success(request, "Saved.")
            return redirect("courses:reminder-settings")
        except ValidationError as error:
            add_errors(form, error)
    return _settings_page(request, form=form, row=None if form.is_bound else row)


@require_POST
def rule_add(request: Request) -> HttpResponse:
    """Add a default."""
    form = RuleForm(request.POST, owner=request.user)
    if form.is_valid():
        try:
            services.create_rule(request.user, by=request.user, **form.values())
            messages.success(request, "Added. What is to come follows it.")
            return redirect("courses:reminder-settings")
        except ValidationError as error:
            add_errors(form, error)
    return _settings_page(request, rule_form=form)


@require_POST
def rule_update(request: Request, pk: int) -> HttpResponse:
    """Change how long before, or how, a default reminds."""
    rule = get_object_or_404(ReminderRule.objects.editable_by(request.user), pk=pk)
    changes: dict[str, Any] = {"channels": request.POST.getlist("channels")}
    lead = request.POST.get("lead_minutes", "")
    if lead.isdecimal():
        changes["lead_minutes"] = int(lead[:9])
    try:
        services.update_rule(rule, by=request.user, changes=changes)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "Saved. What is to come follows it.")
    return redirect("courses:reminder-settings")


@require_POST
def rule_delete(request: Request, pk: int) -> HttpResponse:
    """Remove a default, and what was to come of it."""
    rule = get_object_or_404(ReminderRule.objects.editable_by(request.user), pk=pk)
    services.delete_rule(rule, by=request.user)
    messages.success(request, "Removed. What you set for single things stays.")
    return redirect("courses:reminder-settings")


def _settings_page(
    request: Request,
    *,
    form: SettingsForm | None = None,
    rule_form: RuleForm | None = None,
    row: ReminderSettings | None = None,
) -> HttpResponse:
    row = row or services.settings_of(request.user)  # a form with faults has changed its own
    context = {
        "form": form or SettingsForm(instance=row),
        "rule_form": rule_form or RuleForm(owner=request.user),
        "groups": rule_groups(request.user),
        "leads": lead_choices(),
        "digests": {digest.kind: digest for digest in next_digests(row, clock_of(request.user))},
        "soon": soon_words(row.soon_hours),
    }
    is_faulty = bool(form and form.errors) or bool(rule_form and rule_form.errors)
    return render_page(request, "courses/reminders/settings.html", context, status=422 if is_faulty else 200)


# --- Digests -----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def digest(request: Request, kind: str) -> HttpResponse:
    """Show a digest as it would come now; POST mails it."""
    if kind not in FIELDS:
        raise Http404
    if request.method == "POST":
        found = digests.send_digest_now(request.user, kind=kind, by=request.user)
        if found.is_empty:
            messages.info(request, "There is nothing to say now, so no mail was sent.")
        else:
            messages.success(request, f"It is on its way to {request.user.email}.")
        return redirect("courses:digest", kind)
    found = digests.preview_digest(request.user, kind=kind)
    return render_page(request, "courses/reminders/digest.html", {"digest": found, "kind": kind})


@require_safe
@xframe_options_sameorigin
def digest_mail(request: Request, kind: str) -> HttpResponse:
    """Give the mail's HTML to the preview's frame: it runs nothing and loads nothing."""
    if kind not in FIELDS:
        raise Http404
    found = digests.preview_digest(request.user, kind=kind)
    context = digests.digest_context(request.user, found, late_since=None, now=timezone.now())
    context |= {"unsubscribe_url": "", "site": ""}
    response = HttpResponse(render_to_string("emails/courses/digest.html", context))
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups"
    )
    return response


@csrf_exempt  # mail programs send the one click of RFC 8058 without a cookie; the address is the proof
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def digest_unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Switch a digest off from its mail; reading the page changes nothing, as programs read ahead."""
    found = read_token(token)
    if found is None:
        raise Http404
    owner, kind = found
    state = ""
    if request.method == "POST":
        is_again = request.POST.get("again") == "1"
        (subscribe_again if is_again else unsubscribe)(owner, kind)
        state = "again" if is_again else "off"
    response = render_page(
        request, "courses/reminders/unsubscribe.html", {"kind": kind, "state": state, "email": _hidden(owner)}
    )
    response["Referrer-Policy"] = "no-referrer"
    return response


def _hidden(owner: User) -> str:
    """ "s…@example.edu": enough to know one's own, too little for who found the mail."""
    name, _, host = owner.email.partition("@")
    return f"{name[:1]}…@{host}"


def _own(request: Request, pk: int) -> Reminder:
    return get_object_or_404(Reminder.objects.editable_by(request.user).select_related("owner"), pk=pk)


def _target_of(reminder: Reminder) -> Target | None:
    key = (reminder.target_kind, reminder.target_id)
    return targets_of(reminder.owner, [key]).get(key)


def _posted_target(request: Request, form: ReminderForm) -> Target:
    form.is_valid()
    key = (form.cleaned_data.get("target_kind", ""), form.cleaned_data.get("target_id", 0))
    target = targets_of(request.user, [key]).get(key)
    if target is None:
        raise Http404
    return target


def _card(request: Request, target: Target | None, *, removed: Reminder | None = None) -> HttpResponse:
    """Answer with the piece that was changed; without htmx with the page that it is on."""
    if target is None:
        return redirect("courses:reminders")
    if request.htmx and request.htmx.target in CARD:
        context = reminder_card(request.user, target, clock_of(request.user), removed=removed)
        return render_page(request, "courses/reminders/card.html", context, parts=CARD)
    if removed is not None:
        return render_page(
            request,
            "courses/reminders/card.html",
            reminder_card(request.user, target, clock_of(request.user), removed=removed),
        )
    return redirect(target.url)


def _bell(request: Request) -> HttpResponse:
    if request.htmx:
        return trigger_client_event(HttpResponse(status=204), "notifications-changed")
    following = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    return redirect(following if is_ours else "kernel:notifications")
