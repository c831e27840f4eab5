"""Own tasks in the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta

from coreengine.accounts.models import User
from courses.calendar.entries import Entry, Layer, register_layer
from courses.models import OwnTask
from courses.moments import Clock

MOST_ENTRIES = 1_000


def task_entries(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """The own tasks that are due in a span, done ones too. One query. None of them takes time by itself."""
    clock = Clock(start, owner.zone)
    rows = OwnTask.objects.visible_to(owner).whole().filter(dismissed_at__isnull=True)
    rows = rows.due_between(start, end, owner.zone).select_related("course")
    rows = rows.only(
        *("title", "due_on", "due_at", "done_at", "owner_id"),
        *(f"course__{name}" for name in ("name", "nickname", "hue", "deleted_at")),
    )
    return [_entry(task, clock) for task in rows[:MOST_ENTRIES]]


def _entry(task: OwnTask, clock: Clock) -> Entry:
    course = task.course if task.course and task.course.deleted_at is None else None
    day = task.due_on
    return Entry(
        key=f"task:{task.pk}",
        kind="task",
        title=task.title,
        starts_at=task.due_at or clock.midnight(day),  # type: ignore[arg-type]
        ends_at=clock.midnight(day + timedelta(days=1)) if day else None,
        is_all_day=day is not None,
        is_done=task.done_at is not None,
        url=task.get_absolute_url(),
        course_id=course.pk if course else None,
        course=course.title if course else "",
        hue=course.hue if course else None,
    )


def register() -> None:
    """Add the layer; called once, when the app is ready."""
    register_layer(Layer("tasks", "Own tasks", "list-todo", task_entries, 20, takes_time=False))
