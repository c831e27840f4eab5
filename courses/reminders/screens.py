"""What reminders add to shared screens: the piece on a thing's page, a settings page, the kinds of notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coreengine.kernel.notifications import NotificationKind, register_kind
from coreengine.kernel.screens import SettingsPage, register_settings_page, register_slot
from coreengine.kernel.typing import Request
from courses.pages import clock_of
from courses.reminders import following, own, work  # noqa: F401  (`following` subscribes to the log)
from courses.reminders.pages import reminder_card
from courses.reminders.sending import KIND
from courses.reminders.targets import target_kind, targets_of

CARD = "courses/reminders/_card.html"


def reminders_of(kind: str) -> Callable[..., dict[str, Any] | None]:
    """Make the context of the piece with the reminders of a thing, for a slot of its page."""

    def context(request: Request, thing: Any) -> dict[str, Any] | None:
        of_row = target_kind(kind).of_row
        key = (kind, thing.pk)
        target = of_row(request.user, thing) if of_row else targets_of(request.user, [key]).get(key)
        if target is None or not target.is_open:
            return None
        return reminder_card(request.user, target, clock_of(request.user))

    return context


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    work.register()
    own.register()
    register_slot("assignment_sidebar", CARD, context=reminders_of("assignment"), order=5)
    register_slot("task_sidebar", CARD, context=reminders_of("task"), order=5)
    register_slot("event_sidebar", CARD, context=reminders_of("event"), order=5)
    register_settings_page(
        SettingsPage("reminders", "Reminders", "alarm-clock", "courses:reminder-settings", 36, "Defaults and digests")
    )
    register_kind(
        NotificationKind(
            KIND, "Reminders", "alarm-clock", "What is due or begins, as you asked.", 10, channels=("bell", "push")
        )
    )
    register_kind(
        NotificationKind("planner", "Marks at the source", "cloud-off", "A “done” that a source did not take.", 20)
    )
