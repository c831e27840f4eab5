"""What workflows can do with the planner: make and change tasks, decide of anything in it, list what is to do."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.http import Http404
from pydantic import BaseModel, ConfigDict, Field

from coreengine.accounts.models import User
from coreengine.kernel.actions import ActionContext, system_action
from courses.models import Assignment, Course, OwnTask
from courses.pages import clock_of
from courses.planning import services
from courses.planning.counting import count_anew
from courses.planning.decisions import Thing, estimate, move_to_day, set_dismissed, set_done, thing_of
from courses.planning.pages import planner_page
from courses.planning.reading import Choice
from courses.planning.recurrence import read_rule
from courses.reading_actions import one_line

MOST_ROWS = 200


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CreateTask(Params):
    title: str = Field(min_length=1, max_length=255, description="What is to do")
    notes: str = Field(default="", max_length=100_000)
    due_on: date | None = Field(default=None, description="The day on which it is due, if it has no time")
    due_at: datetime | None = Field(default=None, description="When it is due; with an offset, or UTC")
    in_days: int | None = Field(default=None, ge=0, le=3650, description="Due so many days from today, instead")
    estimate_minutes: int | None = Field(default=None, ge=1, le=6000)
    course: int | None = Field(default=None, description="The id of a course")
    assignment: int | None = Field(default=None, description="The id of an assignment; its course follows")
    parent: int | None = Field(default=None, description="The id of the task that this is a part of")
    recurrence: str = Field(default="", max_length=255, description="RFC 5545: FREQ=WEEKLY;BYDAY=MO")


class CompleteTask(Params):
    task: int = Field(description="The id of an own task")
    done: bool = Field(default=True, description="False takes the tick back")


class UpdateTask(Params):
    task: int = Field(description="The id of an own task")
    title: str | None = Field(default=None, min_length=1, max_length=255)
    notes: str | None = Field(default=None, max_length=100_000)
    due_on: date | None = Field(default=None, description="The day on which it is due, if it has no time")
    due_at: datetime | None = Field(default=None, description="When it is due; with an offset, or the student's time")
    estimate_minutes: int | None = Field(default=None, ge=1, le=6000)


class DeleteTask(Params):
    task: int = Field(description="The id of an own task")


class CompleteItem(Params):
    key: str = Field(max_length=40, description="What to tick off: task:3, assignment:12 or item:7")
    done: bool = Field(default=True, description="False takes the tick back")


class MoveItem(Params):
    key: str = Field(max_length=40, description="What to move: task:3, assignment:12 or item:7")
    day: date | None = Field(default=None, description="The day to do it on; none takes it away")


class EstimateItem(Params):
    key: str = Field(max_length=40, description="task:3, assignment:12 or item:7")
    minutes: int | None = Field(default=None, ge=1, le=6000, description="None forgets what was said")


class DismissItem(Params):
    key: str = Field(max_length=40, description="What to put out of sight: task:3, assignment:12 or item:7")
    dismissed: bool = Field(default=True, description="False brings it back")


class ListPlanner(Params):
    within_days: int = Field(default=7, ge=0, le=60, description="How far ahead to look")
    include_overdue: bool = True
    include_undated: bool = False
    kind: Literal["", "task", "assignment", "item"] = ""


def _own(rows: Any, owner: Any, pk: int | None, name: str) -> Any:
    if pk is None:
        return None
    found = rows.editable_by(owner).filter(pk=pk).first()
    if found is None:
        raise ValidationError({name: f"There is no {name} {pk} among yours."})
    return found


def _thing(owner: User, key: str) -> Thing:
    try:
        return thing_of(owner, key)
    except Http404:
        raise ValidationError({"key": f"There is no {key} in the planner."}) from None


def _in_zone(owner: User, moment: datetime | None) -> datetime | None:
    """A time without an offset is the student's own."""
    return moment.replace(tzinfo=owner.zone) if moment is not None and moment.tzinfo is None else moment


@system_action("tasks.create", params=CreateTask, writes=True, summary="Make an own task", is_brief=True)
def create_task_action(context: ActionContext, params: CreateTask) -> dict[str, Any]:
    """Give `{id, key, title, url, due}`."""
    owner = context.owner
    due_on = params.due_on
    if params.in_days is not None:
        due_on = clock_of(owner).today + timedelta(days=params.in_days)
    due_at = _in_zone(owner, params.due_at)
    task = services.create_task(
        owner,
        by=context.actor,
        title=params.title,
        notes=params.notes,
        due_on=due_on,
        due_at=due_at,
        estimate_minutes=params.estimate_minutes,
        course=_own(Course.objects, owner, params.course, "course"),
        assignment=_own(Assignment.objects.select_related("course"), owner, params.assignment, "assignment"),
        parent=_own(OwnTask.objects, owner, params.parent, "parent"),
        repeat=read_rule(params.recurrence) if params.recurrence else None,
    )
    count_anew(owner)
    due = task.due_at or task.due_on
    return {
        "id": task.pk,
        "key": f"task:{task.pk}",
        "title": task.title,
        "url": task.get_absolute_url(),
        "due": due.isoformat() if due else None,
    }


@system_action("tasks.complete", params=CompleteTask, writes=True, summary="Tick an own task off", is_brief=True)
def complete_task_action(context: ActionContext, params: CompleteTask) -> dict[str, Any]:
    """Give `{id, done, next}`: `next` is the id of the next occurrence of a task that repeats, or null."""
    task = _own(OwnTask.objects, context.owner, params.task, "task")
    set_done(task, done=params.done, by=context.actor)
    follower = OwnTask.objects.visible_to(context.owner).filter(previous=task).first()
    count_anew(context.owner)
    return {"id": task.pk, "done": params.done, "next": follower.pk if follower else None}


@system_action("tasks.update", params=UpdateTask, writes=True, summary="Change an own task", is_brief=True)
def update_task_action(context: ActionContext, params: UpdateTask) -> dict[str, Any]:
    """Give `{id, title, due}`. Only what is given changes; null takes a date or an estimate away."""
    owner = context.owner
    task = _own(OwnTask.objects, owner, params.task, "task")
    changes = params.model_dump(include=params.model_fields_set - {"task"})
    for name in {"title", "notes"} & changes.keys():
        changes[name] = changes[name] or ""
    if "due_at" in changes:
        changes["due_at"] = _in_zone(owner, changes["due_at"])
    task = services.update_task(task, by=context.actor, changes=changes)
    count_anew(owner)
    due = task.due_at or task.due_on
    return {"id": task.pk, "title": task.title, "due": due.isoformat() if due else None}


@system_action("tasks.delete", params=DeleteTask, writes=True, summary="Delete an own task; it can be restored")
def delete_task_action(context: ActionContext, params: DeleteTask) -> dict[str, Any]:
    """Give `{id, title}` of what was deleted."""
    task = services.delete_task(_own(OwnTask.objects, context.owner, params.task, "task"), by=context.actor)
    count_anew(context.owner)
    return {"id": task.pk, "title": task.title}


@system_action(
    "planner.dismiss", params=DismissItem, writes=True, summary="Put something in the planner out of sight, undone"
)
def dismiss_action(context: ActionContext, params: DismissItem) -> dict[str, Any]:
    """Give `{key, dismissed}`."""
    set_dismissed(_thing(context.owner, params.key), dismissed=params.dismissed, by=context.actor)
    count_anew(context.owner)
    return {"key": params.key, "dismissed": params.dismissed}


@system_action(
    "planner.complete",
    params=CompleteItem,
    writes=True,
    summary="Tick anything in the planner off; its source is told where it takes that",
)
def complete_action(context: ActionContext, params: CompleteItem) -> dict[str, Any]:
    """Give `{key, done}`."""
    set_done(_thing(context.owner, params.key), done=params.done, by=context.actor)
    count_anew(context.owner)
    return {"key": params.key, "done": params.done}


@system_action(
    "planner.move", params=MoveItem, writes=True, summary="Do something on another day; a source's due date stays"
)
def move_action(context: ActionContext, params: MoveItem) -> dict[str, Any]:
    """Give `{key, day}`."""
    move_to_day(_thing(context.owner, params.key), params.day, by=context.actor)
    count_anew(context.owner)
    return {"key": params.key, "day": params.day.isoformat() if params.day else None}


@system_action("planner.estimate", params=EstimateItem, writes=True, summary="Say how many minutes something will take")
def estimate_action(context: ActionContext, params: EstimateItem) -> dict[str, Any]:
    """Give `{key, minutes}`."""
    estimate(_thing(context.owner, params.key), params.minutes, by=context.actor)
    return {"key": params.key, "minutes": params.minutes}


@system_action(
    "planner.list", params=ListPlanner, writes=False, summary="List what there is to do, own tasks too", is_brief=True
)
def list_planner_action(context: ActionContext, params: ListPlanner) -> dict[str, Any]:
    """Give `{count, text, items: [{key, kind, title, course, day, due, is_late, estimate_minutes, url}]}`.

    Late ones first, then by day; `text` is the list as Markdown, one line each.
    """
    clock = clock_of(context.owner)
    page = planner_page(context.owner, clock, "list", Choice(kind=params.kind), None)
    last = clock.today + timedelta(days=params.within_days)
    items = []
    for row in (row for group in page.groups for row in group.rows):
        is_wanted = params.include_undated if row.day is None else row.day <= last
        if not is_wanted or (row.late and not params.include_overdue):
            continue
        items.append(
            {
                "key": row.key,
                "kind": row.kind,
                "title": row.title,
                "course": row.course,
                "day": row.day.isoformat() if row.day else None,
                "due": row.when.iso if row.when else None,
                "is_late": row.late,
                "estimate_minutes": row.minutes,
                "url": row.url,
            }
        )
    items = items[:MOST_ROWS]
    lines = [_line(item) for item in items]
    return {"count": len(items), "text": "\n".join(lines), "items": items}


def _line(item: dict[str, Any]) -> str:
    """One thing to do as one line of Markdown."""
    course = f" ({one_line(item['course'])})" if item["course"] else ""
    when = ", overdue" if item["is_late"] else f", {item['day']}" if item["day"] else ""
    return f"- **{one_line(item['title'])}**{course}{when}"
