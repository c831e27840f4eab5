"""Own tasks in the calendar; one that repeats also at the times that are to come, until they are made."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.calendar.entries import Entry, Layer, register_layer
from courses.models import OwnTask
from courses.moments import Clock
from courses.planning.recurrence import days_between

MOST_ENTRIES = 1_000


def _tasks(owner: int, start: datetime, end: datetime, first: date, last: date) -> QuerySet[Any]:
    rows = OwnTask.objects.whole_of(owner_with(owner)).filter(dismissed_at__isnull=True)
    goes_on = Q(series__isnull=False, done_at__isnull=True) & (Q(due_at__lt=start) | Q(due_on__lt=first))
    rows = rows.due_within(start, end, first, last) | rows.filter(goes_on)
    return rows[:MOST_ENTRIES].values_list(
        *("pk", "title", "due_on", "due_at", "done_at", "course_id"),
        *(f"course__{name}" for name in ("name", "nickname", "hue", "deleted_at")),
        *("occurrence_on", "series__rule", "series__starts_on", "series__at_time"),
    )


_TASKS = KeptQuery(_tasks, owner=int, start=datetime, end=datetime, first=date, last=date)


def task_entries(owner: User, start: datetime, end: datetime) -> list[Entry]:
    """The own tasks that are due in a span, done ones too. One query. None of them takes time by itself."""
    clock = Clock(start, owner.zone)
    days = {"first": clock.day_of(start), "last": clock.day_of(end)}
    rows = _TASKS.rows(owner=owner.pk, start=start, end=end, **days)
    entries = []
    for row in rows:
        facts, repeats = row[:10], row[10:]
        entry = _entry(clock, *facts)
        entries.append(entry)
        if not entry.is_done and repeats[0] is not None and repeats[1]:
            entries += _to_come(entry, clock, days["last"], *repeats)
    return [entry for entry in entries if entry.starts_at < end and (entry.ends_at or entry.starts_at) >= start]


def _to_come(
    entry: Entry, clock: Clock, last: date, occurrence: date, rule: str, first: date, at_time: time | None
) -> list[Entry]:
    """The same task at the times that follow the open one: nothing is made of them before that is done."""
    found = []
    for day in days_between(rule, first, after=occurrence, until=last):
        starts_at = datetime.combine(day, at_time, clock.zone) if at_time else clock.midnight(day)
        ends_at = None if at_time else clock.midnight(day + timedelta(days=1))
        found.append(entry._replace(key=f"{entry.key}@{day}", starts_at=starts_at, ends_at=ends_at))
    return found


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
    starts_at = due_at or clock.midnight(day)  # type: ignore[arg-type]
    ends_at = clock.midnight(day + timedelta(days=1)) if day else None
    course = (course_id, nickname or name or "", hue) if has_course else (None, "", None)
    # Positions and no names: a month has hundreds of these.
    return Entry(
        *(f"task:{pk}", "task", title, starts_at, ends_at, day is not None, False, done_at is not None),
        *(f"/planner/tasks/{pk}/", "", *course),
    )


def register() -> None:
    """Add the layer; called once, when the app is ready."""
    register_layer(Layer("tasks", "Own tasks", "list-todo", task_entries, 20, takes_time=False))
