"""Own tasks as work to plan: by their estimate, else by those of their subtasks, else by the usual assumption."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from coreengine.accounts.models import User
from courses.models import OwnTask, PlanPreferences
from courses.moments import Clock
from courses.workplan.effort import Effort
from courses.workplan.work import MOST_WORK, PlannableWork, address_of

STEPS_KEPT_FOR = timedelta(days=120)


def read_tasks(owner: User, clock: Clock, preferences: PlanPreferences) -> list[PlannableWork]:
    """The tasks still to be done; one query. A subtask is a part of its task, not work of its own.

    With them come those done lately towards an assignment, which is the less to do for them.
    """
    still_open = Q(subtasks__deleted_at__isnull=True, subtasks__done_at__isnull=True)
    done_steps = Q(done_at__gte=clock.now - STEPS_KEPT_FOR, assignment__isnull=False)
    rows = OwnTask.objects.visible_to(owner).whole().filter(Q(done_at__isnull=True) | done_steps, dismissed_at=None)
    rows = rows.select_related("course")
    rows = rows.only("title", "due_on", "due_at", "done_at", "estimate_minutes", "owner_id", *_course_fields())
    rows = rows.annotate(
        parts_minutes=Sum("subtasks__estimate_minutes", filter=still_open),
        towards=Coalesce("assignment__same_as_id", "assignment_id"),
    )
    open_first, last = F("done_at").asc(nulls_first=True), {"nulls_last": True}
    rows = rows.order_by(open_first, F("due_at").asc(**last), F("due_on").asc(**last), "pk")
    return [_work(task, clock, preferences) for task in rows[:MOST_WORK]]


def open_tasks(owner: User, ids: Iterable[int], now: datetime) -> set[int]:
    """Which of these tasks are still to be done; one query."""
    rows = OwnTask.objects.visible_to(owner).whole().open().filter(pk__in=list(ids))
    return set(rows.values_list("pk", flat=True))


def _course_fields() -> list[str]:
    return [f"course__{name}" for name in ("name", "nickname", "hue", "deleted_at")]


def _work(task: OwnTask, clock: Clock, preferences: PlanPreferences) -> PlannableWork:
    course = task.course if task.course and task.course.deleted_at is None else None
    return PlannableWork(
        kind="task",
        id=task.pk,
        title=task.title,
        url=address_of("task", task.pk),
        due_at=_deadline(task, clock),
        effort=_effort(task, preferences),
        course_id=course.pk if course else None,
        course=course.title if course else "",
        hue=course.hue if course else 0,
        towards=("assignment", task.towards) if task.towards else None,  # type: ignore[attr-defined]
        is_done=task.done_at is not None,
    )


def _deadline(task: OwnTask, clock: Clock) -> datetime | None:
    """What is due on a day may be done until its last minute."""
    if task.due_on is None:
        return task.due_at
    return clock.midnight(task.due_on + timedelta(days=1)) - timedelta(minutes=1)


def _effort(task: OwnTask, preferences: PlanPreferences) -> Effort:
    if task.estimate_minutes:
        return Effort(task.estimate_minutes, "your estimate", is_estimate=True)
    parts: int | None = task.parts_minutes  # type: ignore[attr-defined]
    if parts:
        return Effort(parts, "your estimates of its subtasks", is_estimate=True)
    return Effort(preferences.default_minutes, "assumed, since it has no estimate")
