"""What workflows can ask of this app beside imports: make courses and work by hand, note results, archive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, Field

from coreengine.accounts.models import User
from coreengine.kernel.actions import ActionContext, system_action
from courses.archive.services import request_archive
from courses.handmade.services import set_result
from courses.models import Assignment, Course, ImportDraft
from courses.services import create_assignment, create_course
from courses.syllabus.drafts import apply_import, begin_import, chosen_rows
from courses.syllabus.reading import is_table


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CreateCourse(Params):
    name: str = Field(min_length=1, max_length=255)
    code: str = Field(default="", max_length=100)
    term: str = Field(default="", max_length=255, description="A known term's name, or a new one")


class CreateAssignment(Params):
    course: int = Field(description="Our id of the course")
    name: str = Field(min_length=1, max_length=255)
    due_at: datetime | None = Field(default=None, description="With its offset")
    points: float | None = Field(default=None, ge=0)
    notes: str = Field(default="", max_length=100_000)


class SetResult(Params):
    assignment: int = Field(description="Our id of work in a course made by hand")
    score: float | None = Field(default=None, ge=0)
    grade: str = Field(default="", max_length=64)


class ImportText(Params):
    course: int = Field(description="Our id of the course")
    text: str = Field(min_length=1, max_length=500_000, description="A table or a syllabus")


class Archive(Params):
    courses: list[int] = Field(default_factory=list, max_length=200, description="Our ids; empty with a term")
    term: str = Field(default="", max_length=255, description="All courses of the term of this name")
    title: str = Field(default="", max_length=255)
    with_files: bool = True


def _course(owner: User, pk: int) -> Course:
    course = Course.objects.editable_by(owner).filter(pk=pk).first()
    if course is None:
        raise ValidationError({"course": f"There is no course {pk} among yours."})
    return course


@system_action("courses.create", params=CreateCourse, writes=True, summary="Make a course by hand")
def create_course_action(context: ActionContext, params: CreateCourse) -> dict[str, Any]:
    values = {"name": params.name, "code": params.code, "term_name": params.term}
    course = create_course(context.owner, by=context.actor, **values)
    return {"course": course.pk, "url": course.get_absolute_url()}


@system_action("assignments.create", params=CreateAssignment, writes=True, summary="Add own work to a course")
def create_assignment_action(context: ActionContext, params: CreateAssignment) -> dict[str, Any]:
    course = _course(context.owner, params.course)
    values = {"name": params.name, "due_at": params.due_at, "points_possible": params.points, "notes": params.notes}
    work = create_assignment(course, by=context.actor, **values)
    return {"assignment": work.pk, "url": work.get_absolute_url()}


@system_action(
    "assignments.set_result", params=SetResult, writes=True, summary="Note the score of work in a course by hand"
)
def set_result_action(context: ActionContext, params: SetResult) -> dict[str, Any]:
    work = Assignment.objects.editable_by(context.owner).filter(pk=params.assignment).first()
    if work is None:
        raise ValidationError({"assignment": f"There is no assignment {params.assignment} among yours."})
    result = set_result(work, by=context.actor, changes={"score": params.score, "grade": params.grade})
    return {"state": result.state, "score": result.score, "grade": result.grade}


@system_action(
    "courses.import_text",
    params=ImportText,
    writes=True,
    summary="Bring the work of a table or a syllabus into a course; what is doubtful stays in a draft",
)
def import_text_action(context: ActionContext, params: ImportText) -> dict[str, Any]:
    kinds = ImportDraft.Kind
    kind = kinds.TABLE if is_table(params.text, "") else kinds.SYLLABUS
    course = _course(context.owner, params.course)
    draft = begin_import(context.owner, by=context.actor, kind=kind, text=params.text, course=course)
    ready = chosen_rows(draft)
    if ready:
        draft = apply_import(draft, by=context.actor)
    doubtful = [{"line": row["line"], "name": row["name"], "problems": row["problems"]} for row in draft.rows]
    return {
        "draft": draft.pk,
        "url": draft.get_absolute_url(),
        "created": len(draft.made.get("assignments", [])),
        "left_out": [each for each in doubtful if each["problems"]][:50],
    }


@system_action("courses.archive", params=Archive, writes=True, summary="Make a ZIP of courses, by a worker")
def archive_action(context: ActionContext, params: Archive) -> dict[str, Any]:
    numbers = list(params.courses)
    if params.term:
        named = Course.objects.visible_to(context.owner).filter(term__name__iexact=params.term)
        numbers += list(named.values_list("pk", flat=True))
    archive = request_archive(
        context.owner, list(dict.fromkeys(numbers)), by=context.actor, title=params.title, with_files=params.with_files
    )
    return {"archive": archive.pk, "url": archive.get_absolute_url(), "title": archive.title}
