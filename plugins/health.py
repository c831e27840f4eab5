"""How a connection is: asked once a day where nobody used it, and said in words with the next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from plugins import calls
from plugins.models import ActionCall, Connection
from plugins.registry import usable_plugins

IDLE_FOR = timedelta(days=1)
AT_ONCE = 20
"""Connections asked in one round: every five minutes, so that thousands are spread over the day."""


def check_idle() -> int:
    """Ask the connections that were not used for a day how they are, longest unasked first; return how many.

    Any call counts as use. Those that wait for their student are left alone: asking again would change nothing.
    """
    since = timezone.now() - IDLE_FOR
    recent = ActionCall.objects.filter(connection=OuterRef("pk"), created_at__gt=since)
    idle = (
        Connection.objects.confirmed()
        .filter(~Exists(recent), created_at__lt=since, plugin__in=[plugin.name for plugin in usable_plugins()])
        .exclude(last_error_code__in=calls.NEEDS_THE_STUDENT)
        .select_related("owner")
        .order_by("last_checked_at", "pk")[:AT_ONCE]
    )
    asked = 0
    for connection in idle:
        with transaction.atomic():
            calls.ask(connection, by=connection.owner, method="get_health_status")
        asked += 1
    return asked


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a student can do about a connection: an action of its page, and words for its button."""

    action: str
    label: str
    words: str


_STEPS = {
    "reconnect_needed": NextStep("reconnect", "Reconnect", "Sign in again. Settings, schedule and data stay."),
    "other_account": NextStep("reconnect", "Reconnect", "Sign in as the person that this connection belongs to."),
    "credential_rejected": NextStep("edit", "Put in a new one", "Make a new one at the service, and paste it here."),
    "token_endpoint_failed": NextStep("test", "Try again", "It is tried again by itself with the next use."),
    "too_many_requests": NextStep("test", "Try again", "It passes by itself. The next sync tries again."),
    "timeout": NextStep("test", "Try again", "The service may be slow just now. The next sync tries again."),
    "unreachable": NextStep("edit", "Check the address", "If the address is right, the service is away for now."),
    "worker_lost": NextStep("test", "Try again", "It was interrupted here, not at the service."),
    "sandbox_unavailable": NextStep(
        "test", "Try again", "Plugins cannot run here just now. Tell your admin if it stays."
    ),
    "plugin_not_installed": NextStep("", "", "Ask your admin to install the plugin again."),
}


def next_step(connection: Connection) -> NextStep | None:
    """Return what can be done about the last error, None where there is none."""
    if not connection.last_error:
        return None
    usual = NextStep("edit", "Change the settings", "Or try again in a while.")
    return _STEPS.get(connection.last_error_code, usual)
