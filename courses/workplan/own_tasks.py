"""Own tasks as work to plan: by their estimate, else by those of their subtasks, else by the usual assumption."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from coreengine.accounts.models import User
from courses.kept_queries import KeptQuery, owner_with
from courses.models import OwnTask, PlanPreferences
from courses.moments import Clock
from courses.workplan.effort import Effort
from courses.workplan.work import MOST_WORK, PlannableWork, address_of


def read_tasks(owner: User, clock: Clock, preferences: PlanPreferences) -> list[PlannableWork]:
    """The tasks still to be done; one query. A subtask is a part of its task, not work of its own."""
    return [_work(clock, preferences, *row) for row in _TASKS.rows(owner=owner.pk)]


def open_tasks(owner: User, ids: Iterable[int], now: datetime) -> set[int]:
    """Which of these tasks are still to be done; one query."""
    rows = OwnTask.objects.visible_to(owner).whole().open().filter(pk__in=list(ids))
    return set(rows.values_list("pk", flat=True))


def _work(
    clock: Clock, preferences: PlanPreferences, pk: int, title: str, due_on: date | None, due_at: datetime | None,
    minutes: int | None, parts: int | None, course_id: int | None, name: str | None, nickname: str | None,
    hue: int | None, deleted_at: datetime | None,
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
    )


def _deadline(due_on: date | None, due_at: datetime | None, clock: Clock) -> datetime | None:
    """What is due on a day may be done until its last minute."""
    if due_on is None:
        return due_at
    return clock.midnight(due_on + timedelta(days=1)) - timedelta(minutes=1)


def _effort(minutes: int | None, parts: int | None, preferences: PlanPreferences) -> Effort:
    if minutes:
        return Effort(minutes, "your estimate", is_estimate=True)
    if parts:
        return Effort(parts, "your estimates of its subtasks", is_estimate=True)
    return Effort(preferences.default_minutes, "assumed, since it has no estimate")


def _open_tasks(owner: int) -> QuerySet[Any]:
    still_open = Q(subtasks__deleted_at__isnull=True, subtasks__done_at__isnull=True)
    rows = OwnTask.objects.visible_to(owner_with(owner)).whole().open()
    rows = rows.annotate(parts_minutes=Sum("subtasks__estimate_minutes", filter=still_open))
    soonest = (F("due_at").asc(nulls_last=True), F("due_on").asc(nulls_last=True), "pk")
    return rows.order_by(*soonest).values_list(
        *("pk", "title", "due_on", "due_at", "estimate_minutes", "parts_minutes"),
        *("course_id", "course__name", "course__nickname", "course__hue", "course__deleted_at"),
    )[:MOST_WORK]


_TASKS = KeptQuery(_open_tasks, owner=int)
