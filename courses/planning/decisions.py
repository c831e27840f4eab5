"""What a student decides of anything in the planner: own tasks, assignments and the items of a source's planner.

A key names a thing: "task:3", "assignment:12", "item:7". Own tasks have services of their own; what is decided of the
others is the student's alone, except for marks, which are told to the source (`courses.marks`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.errors import NotMovable
from courses.marks import want_item_mark, want_mark
from courses.models import Assignment, OwnTask, PlannerItem
from courses.planning import services
from courses.planning.rules import FIRST_YEAR, LAST_YEAR, check_estimate
from courses.services import mark_done
from courses.work_state import WorkState

Thing = OwnTask | Assignment | PlannerItem
COLUMNS = ("todo", "doing", "done")
KINDS: dict[str, type[Thing]] = {"task": OwnTask, "assignment": Assignment, "item": PlannerItem}
JOINED = {
    "task": ("owner", "course", "series", "assignment"),
    "assignment": ("owner", "course", "submission"),
    "item": ("owner", "course"),
}
NOUNS = {OwnTask: "task", Assignment: "assignment", PlannerItem: "planner_item"}


def key_of(thing: Thing) -> str:
    return f"{NOUNS[type(thing)].removeprefix('planner_')}:{thing.pk}"


def thing_of(user: User, key: str) -> Thing:
    """Find what a key names among what a student may change.

    Raises:
        Http404: there is nothing, or it belongs to somebody else.
    """
    kind, _, number = key.partition(":")
    if kind not in KINDS or not number.isdecimal() or len(number) > 18:
        raise Http404(f"{key[:40]} names nothing in the planner")
    thing = KINDS[kind].objects.editable_by(user).select_related(*JOINED[kind]).filter(pk=number).first()  # type: ignore[attr-defined]
    if thing is None:
        raise Http404(f"{key} is not there")
    return thing


@transaction.atomic
def set_done(thing: Thing, *, done: bool, by: User) -> Thing:
    """Tick something off, or take the tick back. Harmless where it is so already."""
    if isinstance(thing, OwnTask):
        return services.complete_task(thing, by=by) if done else services.reopen_task(thing, by=by)
    if isinstance(thing, Assignment):
        return mark_done(thing, done=done, by=by)
    thing = _locked(thing)
    if done != (thing.done_at is not None):
        _decide(thing, {"done_at": timezone.now() if done else None}, "done" if done else "reopened", by=by)
        want_item_mark(thing, complete=done, by=by)
    return thing


@transaction.atomic
def set_dismissed(thing: Thing, *, dismissed: bool, by: User) -> Thing:
    """Put something out of sight undone, or bring it back; the source is told where it takes that."""
    if isinstance(thing, OwnTask):
        return services.dismiss_task(thing, by=by) if dismissed else services.return_task(thing, by=by)
    thing = _locked(thing)
    if dismissed == (thing.dismissed_at is not None):
        return thing
    values = {"dismissed_at": timezone.now() if dismissed else None}
    _decide(thing, values, "dismissed" if dismissed else "returned", by=by)
    if isinstance(thing, Assignment):
        want_mark(thing, dismissed=dismissed, by=by)
    else:
        want_item_mark(thing, dismissed=dismissed, by=by)
    return thing


@transaction.atomic
def move_to_column(thing: Thing, column: str, *, by: User) -> Thing:
    """Put something into a column of the board: to do, doing or done.

    Raises:
        ValidationError: there is no such column.
        NotMovable: the source says that it is handed in.
    """
    if column not in COLUMNS:
        raise ValidationError({"column": f"The columns are {', '.join(COLUMNS)}."})
    if isinstance(thing, Assignment) and column != "done" and _is_handed_in(thing):
        raise NotMovable(f"“{thing.name}” is handed in. That is the source's word, and stays as it is.")
    thing = set_done(thing, done=column == "done", by=by)
    started = column == "doing" or (column == "done" and thing.started_at is not None)
    if started != (thing.started_at is not None):
        thing = _locked(thing)
        _decide(thing, {"started_at": timezone.now() if started else None}, "started" if started else "stopped", by=by)
    return thing


@transaction.atomic
def move_to_day(thing: Thing, day: date | None, *, by: User) -> Thing:
    """Give something another day: an own task is due then, an assignment planned for then; its due date stays.

    Raises:
        ValidationError: the day is out of all reason.
        NotMovable: an event takes place when its source says.
    """
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValidationError({"day": f"Choose a day between the years {FIRST_YEAR} and {LAST_YEAR}."})
    if isinstance(thing, OwnTask):
        return services.update_task(thing, by=by, changes=_due_on_day(thing, day))
    if isinstance(thing, PlannerItem) and thing.is_event:
        raise NotMovable(f"“{thing.title}” takes place when its source says. It cannot be moved here.")
    thing = _locked(thing)
    if isinstance(thing, Assignment) and thing.due_at and thing.due_at.astimezone(thing.owner.zone).date() == day:
        day = None  # back on the day that it is due: nothing is planned any more
    if thing.planned_on != day:
        _decide(thing, {"planned_on": day}, "planned", by=by, day=day.isoformat() if day else None)
    return thing


def _due_on_day(task: OwnTask, day: date | None) -> dict[str, Any]:
    """The changes that put a task on another day, at its time of day if it has one."""
    if day is None:
        return {"due_on": None, "due_at": None}
    if task.due_at is None:
        return {"due_on": day}
    local = task.due_at.astimezone(task.owner.zone)
    return {"due_at": datetime.combine(day, local.time(), tzinfo=task.owner.zone)}


@transaction.atomic
def estimate(thing: Thing, minutes: int | None, *, by: User) -> Thing:
    """Say how long something will take, in minutes; None forgets it.

    Raises:
        ValidationError: at `estimate_minutes`.
    """
    if errors := check_estimate({"estimate_minutes": minutes}):
        raise ValidationError(errors)
    if isinstance(thing, OwnTask):
        return services.update_task(thing, by=by, changes={"estimate_minutes": minutes})
    thing = _locked(thing)
    if thing.estimate_minutes != minutes:
        _decide(thing, {"estimate_minutes": minutes}, "estimated", by=by, minutes=minutes)
    return thing


@transaction.atomic
def put_before(keys: list[str], thing: Thing, before: str, *, by: User) -> None:
    """Order a list: `thing` comes before the one that `before` names, or last if that is nothing.

    `keys` is the list as it is shown. Those up to the moved one are numbered, so that they stay in this order; what
    follows keeps the order of its dates.
    """
    moved = key_of(thing)
    order = [key for key in keys if key != moved]
    at = order.index(before) if before in order else len(order)
    order.insert(at, moved)
    numbers = {key: number for number, key in enumerate(order[: at + 1], start=1)}
    for kind, model in KINDS.items():
        ids = {int(key.partition(":")[2]): at for key, at in numbers.items() if key.startswith(f"{kind}:")}
        rows = list(model.objects.editable_by(by).filter(pk__in=ids).only("pk", "plan_position").order_by("pk"))  # type: ignore[attr-defined]
        for row in rows:
            row.plan_position = ids[row.pk]
        model.objects.bulk_update(rows, ["plan_position"])  # type: ignore[attr-defined]


def _is_handed_in(assignment: Assignment) -> bool:
    now = timezone.now()
    return assignment.state_at(now) in (WorkState.SUBMITTED, WorkState.GRADED, WorkState.EXCUSED)


def _locked(thing: Any) -> Any:
    rows = type(thing).objects.select_for_update(of=("self",)).select_related("owner")
    return rows.get(pk=thing.pk)


def _decide(thing: Thing, values: dict[str, Any], verb: str, *, by: User, **facts: Any) -> None:
    """Write the student's own fields and tell of it."""
    for name, value in values.items():
        setattr(thing, name, value)
    thing.save(update_fields=list(values))
    data = {"name": str(thing), "course": thing.course_id, "by_hand": True, **facts}
    record(f"{NOUNS[type(thing)]}.{verb}", actor=by, subject=thing, owner=thing.owner, data=data)
