"""Own tasks in the calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from coreengine.accounts.models import User
from courses.calendar.entries import Entry, Layer, register_layer
from courses.kept_queries import KeptQuery, owner_with
from courses.models import OwnTask
from courses.moments import Clock

MOST_ENTRIES = 1_000


def _tasks(owner: int, start: datetime, end: datetime, first: date, last: date) -> QuerySet[Any]:
    rows = OwnTask.objects.visible_to(owner_with(owner)).whole().filter(dismissed_at__isnull=True)
    return rows.due_within(start, end, first, last)[:MOST_ENTRIES].values_list(
        *("pk", "title", "due_on", "due_at", "done_at", "course_id"),
        *(f"course__{name}" for name in ("name", "nickname", "hue", "deleted_at")),
    )


_TASKS = KeptQuery(_tasks, owner=int, start=datetime, end=datetime, first=date, last=date)


def task_entries(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """The own tasks that are due in a span, done ones too. One query. None of them takes time by itself."""
    clock = Clock(start, owner.zone)
    days = {"first": clock.day_of(start), "last": clock.day_of(end)}
    rows = _TASKS.rows(owner=owner.pk, start=start, end=end, **days)
    return [_entry(clock, *row) for row in rows]


def _entry(
    clock: Clock,
    pk: int,
    title: str,
    day: date | None,
    due_at: datetime | None,
    done_at: datetime | None,
    course_id: int | None,
    name: str | None,
    nickname: str | None,
    hue: int | None,
    deleted_at: datetime | None,
) -> Entry:
    has_course = course_id is not None and deleted_at is None
    return Entry(
        key=f"task:{pk}",
        kind="task",
        title=title,
        starts_at=due_at or clock.midnight(day),  # type: ignore[arg-type]
        ends_at=clock.midnight(day + timedelta(days=1)) if day else None,
        is_all_day=day is not None,
        is_done=done_at is not None,
        url=f"/planner/tasks/{pk}/",
        course_id=course_id if has_course else None,
        course=nickname or name or "" if has_course else "",
        hue=hue if has_course else None,
    )


def register() -> None:
    """Add the layer; called once, when the app is ready."""
    register_layer(Layer("tasks", "Own tasks", "list-todo", task_entries, 20, takes_time=False))
