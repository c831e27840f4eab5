"""Everything that changes own tasks. An occurrence of a series makes the next one when it is done or skipped."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.errors import TaskDoesNotRepeat
from courses.importing.compare import differences, said
from courses.models import OwnTask, TaskSeries
from courses.planning.recurrence import Pattern, next_day, rest_of
from courses.planning.rules import SUBTASK_FIELDS, check_task

AS_IT_IS: Any = object()
DELETED_KEPT_FOR = timedelta(days=30)
PATTERN_FIELDS = ("title", "notes", "course_id", "assignment_id", "estimate_minutes")
SAVED = [
    *("title", "notes", "course", "assignment", "due_on", "due_at", "estimate_minutes", "series", "occurrence_on"),
    *("started_at", "done_at", "dismissed_at", "deleted_at", "updated_at"),
]


@transaction.atomic
def create_task(owner: User, *, by: User | None, repeat: Pattern | None = None, **values: Any) -> OwnTask:
    """Keep a task. `values` are fields of `OwnTask`; an assignment brings its course along.

    Raises:
        ValidationError: by field, in words for the form.
    """
    values = {"title": "", **_whole_values(values)}
    check_task(owner, values | ({"repeat": repeat} if repeat else {}))
    task = OwnTask(owner=owner, **values)
    if task.parent is not None:
        task.parent = OwnTask.objects.select_for_update(of=("self",)).get(pk=task.parent.pk)
    task.full_clean(exclude=["owner", "course", "assignment", "parent"])
    if repeat is not None:
        _begin_series(task, repeat)
    task.save()
    _tell(task, "task.created", by=by, due=_due_text(task))
    return task


@transaction.atomic
def update_task(task: OwnTask, *, by: User | None, changes: dict[str, Any], following: bool = False) -> OwnTask:
    """Change a task. Of one that repeats, this occurrence alone, or with `following` also those that come after.

    `repeat` among the changes (a `Pattern`, or None to end it) makes a series, changes it or ends it, which is always
    for the following ones too.

    Raises:
        ValidationError: by field, in words for the form.
    """
    task = _locked(task)
    changes = _whole_values(changes)
    repeat = changes.pop("repeat", AS_IT_IS)
    if task.parent_id is not None and (extra := sorted(set(changes) - SUBTASK_FIELDS)):
        raise ValidationError(dict.fromkeys(extra, "A subtask has this from its task."))
    changes.pop("parent", None)
    check_task(task.owner, {"due_on": task.due_on, "due_at": task.due_at, **changes})
    found = differences(task, _plain(changes))
    for name, value in changes.items():
        setattr(task, name, value)
    task.full_clean(exclude=["owner", "course", "assignment", "parent", "series", "previous"])
    is_new_pattern = repeat is not AS_IT_IS and repeat != repeats_as(task)
    if is_new_pattern or (following and task.series is not None):
        _change_series(task, repeat if is_new_pattern else repeats_as(task))
    if not found and not is_new_pattern and not following:
        return task
    task.save(update_fields=SAVED)
    _tell(task, "task.updated", by=by, changes=said(found), following=following or is_new_pattern)
    return task


@transaction.atomic
def complete_task(task: OwnTask, *, by: User | None) -> OwnTask:
    """Tick a task off. One that repeats makes its next occurrence (`task.follower`). Twice is harmless."""
    task = _locked(task)
    if task.done_at is None:
        task.done_at = timezone.now()
        task.save(update_fields=SAVED)
        _tell(task, "task.completed", by=by)
        _follow(task, by=by)
    return task


@transaction.atomic
def reopen_task(task: OwnTask, *, by: User | None) -> OwnTask:
    """Take the tick back; the next occurrence that it made goes, unless something was done with that already."""
    task = _locked(task)
    if task.done_at is not None:
        task.done_at = None
        task.save(update_fields=SAVED)
        _tell(task, "task.reopened", by=by)
        _unfollow(task)
    return task


@transaction.atomic
def dismiss_task(task: OwnTask, *, by: User | None) -> OwnTask:
    """Put a task out of sight undone. Of one that repeats this skips an occurrence: the next is made."""
    task = _locked(task)
    if task.dismissed_at is None:
        task.dismissed_at = timezone.now()
        task.save(update_fields=SAVED)
        _tell(task, "task.dismissed", by=by)
        _follow(task, by=by)
    return task


@transaction.atomic
def return_task(task: OwnTask, *, by: User | None) -> OwnTask:
    """Bring a dismissed task back; the next occurrence that skipping it made goes."""
    task = _locked(task)
    if task.dismissed_at is not None:
        task.dismissed_at = None
        task.save(update_fields=SAVED)
        _tell(task, "task.returned", by=by)
        _unfollow(task)
    return task


def skip_task(task: OwnTask, *, by: User | None) -> OwnTask:
    """Pass over one occurrence.

    Raises:
        TaskDoesNotRepeat: there is nothing to go on to.
    """
    if task.series_id is None:
        raise TaskDoesNotRepeat(f"“{task.title}” does not repeat. Dismiss it instead.")
    return dismiss_task(task, by=by)


@transaction.atomic
def delete_task(task: OwnTask, *, by: User | None) -> OwnTask:
    """Put a task, with its subtasks, where `restore_task` finds it for thirty days. Nothing follows a deleted one."""
    task = _locked(task)
    if task.deleted_at is None:
        long_ago = timezone.now() - DELETED_KEPT_FOR
        OwnTask.objects.filter(owner=task.owner, deleted_at__lt=long_ago).exclude(pk=task.pk).delete()
        task.deleted_at = timezone.now()
        task.save(update_fields=SAVED)
        _tell(task, "task.deleted", by=by)
    return task


@transaction.atomic
def restore_task(task: OwnTask, *, by: User | None) -> OwnTask:
    """Take back a deletion. Harmless where it is not deleted."""
    task = _locked(task)
    if task.deleted_at is not None:
        task.deleted_at = None
        task.save(update_fields=SAVED)
        _tell(task, "task.restored", by=by)
    return task


def repeats_as(task: OwnTask) -> Pattern | None:
    """How a task repeats from this occurrence on; None where it does not."""
    if task.series is None or task.occurrence_on is None:
        return None
    return rest_of(task.series.rule, task.series.starts_on, at=task.occurrence_on)


def _plain(changes: dict[str, Any]) -> dict[str, Any]:
    """Name rows by their ids, so that changes can be compared and told."""
    return {
        f"{name}_id" if name in ("course", "assignment") else name: getattr(value, "pk", value)
        for name, value in changes.items()
    }


def _whole_values(values: dict[str, Any]) -> dict[str, Any]:
    """Add what follows: an assignment's course; a day puts a time out, and the other way round."""
    values = dict(values)
    if values.get("assignment") is not None:
        values["course"] = values["assignment"].course
    for name, other in (("due_on", "due_at"), ("due_at", "due_on")):
        if values.get(name) is not None and values.get(other) is None:
            values[other] = None
    return {name: value.strip() if name == "title" and value else value for name, value in values.items()}


def _begin_series(task: OwnTask, repeat: Pattern) -> None:
    """Make the series whose first occurrence a task is."""
    first = task.due_day(task.owner.zone)
    repeat.check(first)
    assert first is not None
    task.series = TaskSeries(owner=task.owner, rule=repeat.rule(first), starts_on=first)
    _copy_pattern(task)
    task.series.save()
    task.series_id = task.series.pk
    task.occurrence_on = first


def _change_series(task: OwnTask, repeat: Pattern | None) -> None:
    """From this occurrence on the series is as the task is now; without a pattern it ends here."""
    if repeat is None:
        task.series, task.occurrence_on = None, None
    elif task.series is None:
        _begin_series(task, repeat)
    else:
        first = task.due_day(task.owner.zone)
        repeat.check(first)
        assert first is not None
        task.series.rule, task.series.starts_on, task.occurrence_on = repeat.rule(first), first, first
        _copy_pattern(task)
        task.series.save()


def _copy_pattern(task: OwnTask) -> None:
    assert task.series is not None
    for name in PATTERN_FIELDS:
        setattr(task.series, name, getattr(task, name))
    local = task.due_at.astimezone(task.owner.zone) if task.due_at else None
    task.series.at_time = local.time().replace(tzinfo=None) if local else None


def _follow(task: OwnTask, *, by: User | None) -> OwnTask | None:
    """Make the next occurrence, or bring back the one that was made before."""
    if task.series is None or task.occurrence_on is None:
        return None
    known = OwnTask.objects.select_for_update(of=("self",)).filter(previous=task).first()
    if known is not None:
        if known.deleted_at is not None:
            known.deleted_at = None
            known.save(update_fields=["deleted_at", "updated_at"])
        return known
    series, owner = task.series, task.owner
    today = timezone.now().astimezone(owner.zone).date()
    day, passed = next_day(series.rule, series.starts_on, after=task.occurrence_on, not_before=today)
    if day is None:
        return None
    values = {name: getattr(series, name) for name in PATTERN_FIELDS}
    follower = OwnTask.objects.create(
        owner=owner, series=series, occurrence_on=day, previous=task, **values, **_due_of(series, day)
    )
    OwnTask.objects.bulk_create(
        OwnTask(
            owner=owner,
            parent=follower,
            title=part.title,
            notes=part.notes,
            estimate_minutes=part.estimate_minutes,
            plan_position=part.plan_position,
        )
        for part in task.subtasks.filter(deleted_at__isnull=True).order_by("pk")
    )
    _tell(follower, "task.created", by=by, due=_due_text(follower), follows=task.pk, passed_over=passed)
    return follower


def _due_of(series: TaskSeries, day: date) -> dict[str, Any]:
    """The due date of one day's occurrence. A time that the clocks leap over comes right after the leap."""
    if series.at_time is None:
        return {"due_on": day}
    return {"due_at": datetime.combine(day, series.at_time, tzinfo=series.owner.zone)}


def _unfollow(task: OwnTask) -> None:
    follower = OwnTask.objects.select_for_update(of=("self",)).filter(previous=task, deleted_at__isnull=True).first()
    if follower is not None and not follower.is_settled and not task.is_settled:
        follower.deleted_at = timezone.now()
        follower.save(update_fields=["deleted_at", "updated_at"])


def _locked(task: OwnTask) -> OwnTask:
    rows = OwnTask.objects.select_for_update(of=("self",))
    return rows.select_related("owner", "course", "assignment", "series__owner", "parent").get(pk=task.pk)


def _due_text(task: OwnTask) -> str | None:
    due = task.due_at or task.due_on
    return due.isoformat() if due else None


def _tell(task: OwnTask, type: str, *, by: User | None, **facts: Any) -> None:
    data = {
        "title": task.title,
        "course": task.course_id,
        "assignment": task.assignment_id,
        "parent": task.parent_id,
        "series": task.series_id,
        **facts,
    }
    record(type, actor=by, subject=task, owner=task.owner, data=data)
