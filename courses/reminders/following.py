"""What in the log concerns reminders: work that came, moved or went, and a student's time zone."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import subscriber
from coreengine.kernel.models import Event
from courses.models import ReminderSettings
from courses.reminders.deriving import signal_soon
from courses.reminders.services import mark_stale, plan_digests

TYPES = [
    *("assignment.created", "assignment.updated", "assignment.missing", "assignment.deleted", "assignment.restored"),
    *("assignment.done", "assignment.reopened", "assignment.dismissed", "assignment.returned"),
    *("assignment.joined", "assignment.parted", "course.joined", "course.parted"),
    *("course.created", "course.updated", "course.deleted", "course.restored", "course.missing", "course.archived"),
    *("planner_item.*", "task.*", "event.*", "calendar_source.*"),
    *("source.imported", "user.updated"),
]


@subscriber("reminders", types=TYPES)
def follow(event: Event) -> None:
    """Note that a student's reminders are behind; the next tick brings them in step, once for many events."""
    if event.owner_id is None:
        return
    owner = User.objects.filter(pk=event.owner_id).first()
    if owner is None:
        return
    mark_stale(owner)
    if event.type == "user.updated":
        _plan_anew(owner)
    due_at = _new_due_date(event)
    if due_at is not None:
        signal_soon(owner, int(event.subject_id), due_at, timezone.now())


def _plan_anew(owner: User) -> None:
    """Digests come by the student's clock: another zone, another moment."""
    row = ReminderSettings.objects.select_for_update().select_related("owner").get(owner=owner)
    plan_digests(row, timezone.now())
    row.save(update_fields=["next_daily_at", "next_weekly_at"])


def _new_due_date(event: Event) -> datetime | None:
    """The due date that an event tells of, if it is news: not that of a source's first import."""
    if event.type == "assignment.created" and not event.data.get("baseline"):
        moment = event.data.get("due_at")
    elif event.type == "assignment.updated":
        moment = (event.data.get("changes", {}).get("due_at") or [None, None])[1]
    else:
        return None
    return datetime.fromisoformat(moment) if moment else None
