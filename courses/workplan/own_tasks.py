"""Own tasks as work to plan: by their estimate, else by those of their subtasks, else by the usual assumption."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment, OwnTask, PlanPreferences
from courses.moments import Clock
from courses.planning.recurrence import days_between
from courses.workplan.effort import Effort
from courses.workplan.work import MOST_WORK, PlannableWork, address_of

STEPS_KEPT_FOR = timedelta(days=120)


def read_tasks(
    owner: User, clock: Clock, preferences: PlanPreferences, ids: list[int] | None = None
) -> list[PlannableWork]:
    """The tasks still to be done; one query. A subtask is a part of its task, not work of its own.

    With them come those done lately towards an assignment, which is the less to do for them.
    """
    rows = _TASKS.rows(owner=owner.pk, lately=clock.now - STEPS_KEPT_FOR, ids=ids)
    return [_work(clock, preferences, *row) for row in rows]


def open_tasks(owner: User, ids: Iterable[int], clock: Clock) -> dict[int, datetime | None]:
    """The deadlines of those of these tasks that are still to be done; one query."""
    rows = _OPEN.rows(owner=owner.pk, ids=list(ids))
    return {pk: _deadline(due_on, due_at, clock) for pk, due_on, due_at in rows}


def _open(owner: int, ids: int) -> QuerySet[Any]:
    rows = OwnTask.objects.whole_of(owner_with(owner)).open().filter(pk__any_of=ids)
    return rows.order_by().values_list("pk", "due_on", "due_at")


_OPEN = KeptQuery(_open, owner=int, ids=int)


def _work(
    clock: Clock, preferences: PlanPreferences, pk: int, title: str, due_on: date | None, due_at: datetime | None,
    done_at: datetime | None, minutes: int | None, parts: int | None, towards: int | None, course_id: int | None,
    name: str | None, nickname: str | None, hue: int | None, deleted_at: datetime | None,
    occurrence: date | None, rule: str | None, first: date | None, at_time: time | None,
) -> PlannableWork:  # fmt: skip
    has_course = course_id is not None and deleted_at is None
    return PlannableWork(
        kind="task",
        id=pk,
        title=title,
        url=address_of("task", pk),
        due_at=_deadline(due_on, due_at, clock),
        effort=_effort(minutes, parts, preferences),
        course_id=course_id if has_course else None,
        course=(nickname or name or "") if has_course else "",
        hue=(hue or 0) if has_course else 0,
        towards=("assignment", towards) if towards else None,
        is_done=done_at is not None,
        due_again=partial(_due_again, clock, rule, first, occurrence, at_time)
        if rule and first and occurrence and done_at is None
        else None,
    )


def _due_again(
    clock: Clock, rule: str, first: date, occurrence: date, at_time: time | None, end: datetime
) -> list[datetime]:
    """When a task that repeats is due after the open one and after today: of what was missed only that one is owed."""
    days = days_between(rule, first, after=max(occurrence, clock.today), until=clock.day_of(end))
    return [datetime.combine(day, at_time, clock.zone) if at_time else _end_of(day, clock) for day in days]


def _deadline(due_on: date | None, due_at: datetime | None, clock: Clock) -> datetime | None:
    """What is due on a day may be done until its last minute."""
    return due_at if due_on is None else _end_of(due_on, clock)


def _end_of(day: date, clock: Clock) -> datetime:
    return clock.midnight(day + timedelta(days=1)) - timedelta(minutes=1)


def _effort(minutes: int | None, parts: int | None, preferences: PlanPreferences) -> Effort:
    if minutes:
        return Effort(minutes, "your estimate", is_estimate=True)
    if parts:
        return Effort(parts, "your estimates of its subtasks", is_estimate=True)
    return Effort(preferences.default_minutes, "assumed, since it has no estimate")


def _tasks(owner: int, lately: datetime, ids: int | None) -> QuerySet[Any]:
    done_steps = Q(done_at__gte=lately, assignment__isnull=False)
    rows = OwnTask.objects.whole_of(owner_with(owner))
    rows = rows.filter(Q(done_at__isnull=True) | done_steps, dismissed_at=None)
    if ids is not None:
        rows = rows.filter(pk__any_of=ids)
    # Asked for the few tasks that have one, where joins would read all of a student's work.
    parts = OwnTask.objects.filter(parent=OuterRef("pk"), deleted_at=None, done_at=None).order_by()
    shown = Assignment.objects.filter(pk=OuterRef("assignment")).order_by()
    rows = rows.annotate(
        parts_minutes=Subquery(parts.values("parent").annotate(sum=Sum("estimate_minutes")).values("sum")),
        towards=Subquery(shown.values(shown=Coalesce("same_as_id", "pk"))),
    )
    open_first, last = F("done_at").asc(nulls_first=True), {"nulls_last": True}
    rows = rows.order_by(open_first, F("due_at").asc(**last), F("due_on").asc(**last), "pk")
    return rows.values_list(
        *("pk", "title", "due_on", "due_at", "done_at", "estimate_minutes", "parts_minutes", "towards"),
        *("course_id", "course__name", "course__nickname", "course__hue", "course__deleted_at"),
        *("occurrence_on", "series__rule", "series__starts_on", "series__at_time"),
    )[:MOST_WORK]


_TASKS = KeptQuery(_tasks, owner=int, lately=datetime, ids=int)
