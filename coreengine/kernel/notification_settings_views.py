"""Pages of how a student is told: channels by kind, quiet hours, and the browsers that are pushed to."""

from __future__ import annotations

from pathlib import Path

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.models import PushSubscription, QuietHours
from coreengine.kernel.notification_settings import choose_channels, preferences_of, quiet_hours_of, set_quiet_hours
from coreengine.kernel.notifications import CHANNELS, kinds, notify, quiet_end
from coreengine.kernel.pages import render_page
from coreengine.kernel.push.browsers import add_browser, remove_browser
from coreengine.kernel.push.keys import current_key
from coreengine.kernel.typing import Request


class QuietHoursForm(forms.ModelForm):
    """When nothing is mailed or pushed."""

    class Meta:
        model = QuietHours
        fields = ["is_on", "starts_at", "ends_at"]
        widgets = {
            "starts_at": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "ends_at": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def _post_clean(self) -> None:
        """Leave the row as it is: the service changes it."""


@require_http_methods(["GET", "HEAD", "POST"])
def notification_settings(request: Request) -> HttpResponse:
    """Show and change how a student is told."""
    quiet = QuietHoursForm(request.POST or None, instance=quiet_hours_of(request.user))
    if request.method == "POST" and quiet.is_valid():
        chosen = set(request.POST.getlist("channel"))
        matrix = {kind.key: {channel: f"{kind.key}:{channel}" in chosen for channel in CHANNELS} for kind in kinds()}
        try:
            set_quiet_hours(request.user, by=request.user, **quiet.cleaned_data)
            choose_channels(request.user, matrix, by=request.user)
            messages.success(request, "Saved.")
            return redirect("kernel:notification-settings")
        except ValidationError as error:
            quiet.add_error(None, error)
    now_quiet = quiet_end(request.user, timezone.now())
    context = {
        "lines": preferences_of(request.user),
        "quiet": quiet,
        "now_quiet": now_quiet,
        "browsers": PushSubscription.objects.visible_to(request.user),
        "push_key": current_key().application_key,
    }
    return render_page(request, "kernel/notification_settings.html", context, status=422 if quiet.errors else 200)


@require_POST
def browser_add(request: Request) -> HttpResponse:
    """Let the browser that asks be pushed to."""
    keys = {name: request.POST.get(name, "") for name in ("endpoint", "p256dh", "auth", "label")}
    try:
        add_browser(request.user, by=request.user, **keys)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "This browser is pushed to from now on.")
    return redirect("kernel:notification-settings")


@require_POST
def browser_remove(request: Request, pk: int) -> HttpResponse:
    """Push to a browser no more."""
    browser = get_object_or_404(PushSubscription.objects.editable_by(request.user), pk=pk)
    remove_browser(browser, by=request.user)
    messages.success(request, "Removed. It is pushed to no more.")
    return redirect("kernel:notification-settings")


@require_POST
def push_try(request: Request) -> HttpResponse:
    """Push a line to the student's own browsers, quiet hours or not."""
    notify(
        request.user,
        title="Push works",
        content="This is how Core Engine reaches you.",
        priority="urgent",
        url="/settings/notifications/",
        channels=["push"],
    )
    messages.success(request, "A test is on its way to your browsers.")
    return redirect("kernel:notification-settings")


@require_safe
@login_not_required
def push_worker(request: HttpRequest) -> HttpResponse:
    """Give browsers the service worker at an address that never changes, for the whole site."""
    source = Path(settings.BASE_DIR, "static/js/push-worker.js").read_text(encoding="utf-8")
    response = HttpResponse(source, content_type="text/javascript; charset=utf-8")
    response["Service-Worker-Allowed"] = "/"
    response["Cache-Control"] = "no-cache"
    return response
