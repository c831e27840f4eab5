"""What workflows can do with courses and their work as they are: read, change, join what is the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses.agenda import build_agenda
from courses.maps.across import course_map
from courses.maps.modules import module_map
from courses.models import AiPolicy, Assignment, Course, CoursePerson
from courses.models.courses import HUES
from courses.news import build_stream
from courses.pages import clock_of
from courses.sameness import services as sameness
from courses.services import delete_assignment, update_assignment, update_course, write_course_note


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(Params):
    """Takes nothing."""


class OfCourse(Params):
    course: int = Field(description="Our id of the course")


class UpdateCourse(OfCourse):
    nickname: str | None = Field(default=None, max_length=255, description="What the student calls it")
    hue: int | None = Field(default=None, ge=0, lt=HUES, description="Its colour, one of twelve")
    is_hidden: bool | None = Field(default=None, description="Whether lists leave it out")
    notes: str | None = Field(default=None, max_length=100_000)
    ai_policy: Literal[tuple(AiPolicy.values)] | None = Field(  # type: ignore[valid-type]
        default=None, description="What the course allows of AI"
    )
    ai_policy_text: str | None = Field(default=None, max_length=100_000, description="What the teacher says of it")
    ai_policy_where: str | None = Field(default=None, max_length=500, description="Where that is stated")


class WriteNote(OfCourse):
    title: str = Field(min_length=1, max_length=255)
    body: str = Field(default="", max_length=100_000, description="Markdown")


class UpdateAssignment(Params):
    assignment: int = Field(description="Our id of the work")
    name: str | None = Field(default=None, min_length=1, max_length=255, description="Of work made by hand only")
    due_at: datetime | None = Field(default=None, description="With its offset; of work made by hand only")
    points: float | None = Field(default=None, ge=0, description="Of work made by hand only")
    notes: str | None = Field(default=None, max_length=100_000, description="The student's own")


class DeleteAssignment(Params):
    assignment: int = Field(description="Our id of work made by hand")


class SameThings(Params):
    kind: Literal["course", "assignment"] = Field(description="What the two are")
    first: int = Field(description="Our id of one")
    second: int = Field(description="Our id of the other")


class OfMap(Params):
    goal: int = Field(default=0, description="The id of a course to reach, or 0 for the one that is furthest away")


@system_action("agenda.read", params=Nothing, writes=False, summary="Read what the dashboard says is to do")
def agenda_action(context: ActionContext, params: Nothing) -> dict[str, Any]:
    """Give `{sentence, sections: [{key, title, total, rows: [{id, kind, name, course, state, due_at}]}]}`.

    The sections are overdue, missing, today, week, next, later, waiting and gone; each has its first rows.
    """
    agenda = build_agenda(context.owner, clock_of(context.owner))
    sections = [
        {
            "key": section.key,
            "title": section.title,
            "total": section.total,
            "rows": [
                {
                    "id": row.pk,
                    "kind": row.kind or "assignment",
                    "name": row.name,
                    "course": row.course,
                    "state": str(row.state),
                    "due_at": row.when.iso if row.when else None,
                }
                for row in section.rows
            ],
        }
        for section in agenda.sections
    ]
    return {"sentence": agenda.sentence, "sections": sections}


@system_action("news.list", params=Nothing, writes=False, summary="List what is new since the last visit")
def news_action(context: ActionContext, params: Nothing) -> dict[str, Any]:
    """Give `{since, count, news: [{name, verb, old, new, url, time}]}`, the newest first; notes no visit."""
    stream = build_stream(context.owner, clock_of(context.owner))
    news = [
        {name: getattr(line.change, name) for name in ("name", "verb", "old", "new", "url")}
        | {"time": line.time.isoformat()}
        for line in stream.new
    ]
    since = stream.since.isoformat() if stream.since else None
    return {"since": since, "count": len(news) + stream.more_new, "news": news}


@system_action(
    "courses.update", params=UpdateCourse, writes=True, summary="Change what of a course is the student's own"
)
def update_course_action(context: ActionContext, params: UpdateCourse) -> dict[str, Any]:
    """Give `{course, name, is_hidden, ai_policy}`. Only what is given changes."""
    course = update_course(_course(context, params.course), by=context.actor, changes=_given(params, "course"))
    return {"course": course.pk, "name": course.title, "is_hidden": course.is_hidden, "ai_policy": course.ai_policy}


@system_action("courses.write_note", params=WriteNote, writes=True, summary="Write a note of a course into the vault")
def write_note_action(context: ActionContext, params: WriteNote) -> dict[str, Any]:
    """Give `{resource, title, url}` of the note."""
    course = _course(context, params.course)
    note = write_course_note(course, by=context.actor, title=params.title, body=params.body)
    return {"resource": note.pk, "title": note.title, "url": note.get_absolute_url()}


@system_action(
    "assignments.update", params=UpdateAssignment, writes=True, summary="Change work made by hand, or the notes of any"
)
def update_assignment_action(context: ActionContext, params: UpdateAssignment) -> dict[str, Any]:
    """Give `{assignment, name, due_at}`. Only what is given changes."""
    changes = _given(params, "assignment")
    if "points" in changes:
        changes["points_possible"] = changes.pop("points")
    if changes.get("due_at") and changes["due_at"].tzinfo is None:
        raise ValidationError({"due_at": "Write the time with its offset, such as 2026-11-30T14:00:00+01:00."})
    work = update_assignment(_assignment(context, params.assignment), by=context.actor, changes=changes)
    return {"assignment": work.pk, "name": work.name, "due_at": work.due_at.isoformat() if work.due_at else None}


@system_action(
    "assignments.delete", params=DeleteAssignment, writes=True, summary="Delete work made by hand; it can be restored"
)
def delete_assignment_action(context: ActionContext, params: DeleteAssignment) -> dict[str, Any]:
    """Give `{assignment, name}` of what was deleted."""
    work = delete_assignment(_assignment(context, params.assignment), by=context.actor)
    return {"assignment": work.pk, "name": work.name}


@system_action(
    "courses.join", params=SameThings, writes=True, summary="Say that two courses, or two pieces of work, are one"
)
def join_action(context: ActionContext, params: SameThings) -> dict[str, Any]:
    """Give `{shown}`: the id of the one that lists have from now on."""
    return {"shown": sameness.join(*_pair(context, params), by=context.actor).pk}


@system_action(
    "courses.part", params=SameThings, writes=True, summary="Say that two courses, or two pieces of work, are two"
)
def part_action(context: ActionContext, params: SameThings) -> dict[str, Any]:
    """Give `{shown}`: the id as which the second is shown from now on."""
    return {"shown": sameness.part(*_pair(context, params), by=context.actor).pk}


@system_action("courses.modules", params=OfCourse, writes=False, summary="List the modules of a course", is_brief=True)
def modules_action(context: ActionContext, params: OfCourse) -> dict[str, Any]:
    """Give `{course, completed, unlocked, modules: [{id, name, state, waits_for, done, needed}]}`, in order."""
    course = _course(context, params.course)
    found = module_map(course, clock_of(context.owner))
    modules = [
        {
            "id": step.module.pk,
            "name": step.module.name,
            "state": str(step.state),
            "waits_for": step.waits_for,
            "done": step.section.done,
            "needed": step.section.needed,
        }
        for step in found.steps
    ]
    counts = {"completed": found.counts["completed"], "unlocked": found.counts["unlocked"]}
    return {"course": course.pk, **counts, "modules": modules}


@system_action("courses.map", params=OfMap, writes=False, summary="Read which course comes before which")
def course_map_action(context: ActionContext, params: OfMap) -> dict[str, Any]:
    """Give `{goal, critical_path, text, courses: [{id, name, term, state, needs, missing}]}`."""
    found = course_map(context.owner, clock_of(context.owner), params.goal or None)
    courses = [
        {
            "id": step.course.pk,
            "name": step.course.title,
            "term": step.term,
            "state": step.state,
            "needs": [course.pk for _, course in step.needs],
            "missing": [course.pk for course in step.missing],
        }
        for step in found.steps
    ]
    path = [course.pk for course in found.path]
    goal = found.goal.pk if found.goal else None
    return {"goal": goal, "critical_path": path, "text": found.sentence, "courses": courses}


@system_action("courses.people", params=OfCourse, writes=False, summary="List the people of a course", is_brief=True)
def people_action(context: ActionContext, params: OfCourse) -> dict[str, Any]:
    """Give `{count, people: [{id, name, role, email, office_hours}]}`, teachers first."""
    rows = CoursePerson.objects.visible_to(context.owner).in_course(_course(context, params.course)).present()
    shown = ("name", "role", "email", "office_hours")
    people = [{"id": row.pk, **{name: getattr(row, name) for name in shown}} for row in rows.by_role()]
    return {"count": len(people), "people": people}


def _given(params: BaseModel, without: str) -> dict[str, Any]:
    """What a step gave; what it left out, or gave as null, stays as it is."""
    given = params.model_dump(include=params.model_fields_set - {without})
    return {name: value for name, value in given.items() if value is not None}


def _course(context: ActionContext, pk: int) -> Course:
    course = Course.objects.editable_by(context.owner).select_related("owner", "term").filter(pk=pk).first()
    if course is None:
        raise ValidationError({"course": f"There is no course {pk} among yours."})
    return course


def _assignment(context: ActionContext, pk: int) -> Assignment:
    work = Assignment.objects.editable_by(context.owner).select_related("course", "owner").filter(pk=pk).first()
    if work is None:
        raise ValidationError({"assignment": f"There is no assignment {pk} among yours."})
    return work


def _pair(context: ActionContext, params: SameThings) -> tuple[Any, Any]:
    model: Any = Course if params.kind == "course" else Assignment
    rows = model.objects.visible_to(context.owner).select_related("owner").in_bulk([params.first, params.second])
    for name in ("first", "second"):
        if getattr(params, name) not in rows:
            raise ValidationError({name: f"There is no {params.kind} {getattr(params, name)} among yours."})
    return rows[params.first], rows[params.second]
