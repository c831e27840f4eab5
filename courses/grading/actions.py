"""What workflows and agents can ask about grades."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.urls import reverse
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses.grading import services
from courses.grading.courses import CourseGrades, grades_of
from courses.grading.differences import comparison_of
from courses.grading.pages import needed_words
from courses.grading.questions import ALL, needed_for, target_of
from courses.grading.scenarios import checked_changes, checked_extra
from courses.models import Course


class OfCourse(BaseModel):
    model_config = ConfigDict(extra="forbid")

    course: int = Field(description="The id of a course")


class WhatIf(OfCourse):
    changes: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description='By id of work: {"score": 9, "counts": "better"} or {"left_out": true}'
    )
    extra: list[dict[str, Any]] = Field(
        default_factory=list, description="Work that may come: name, group, score, points"
    )


class SaveScenario(WhatIf):
    name: str = Field(min_length=1, max_length=80, description="A name of the course replaces that scenario")


class Needed(WhatIf):
    goal: str = Field(min_length=1, max_length=32, description="A letter of the course's scale, or a percentage")
    work: str = Field(default=ALL, max_length=20, description='The id of a piece of work, or "all" that is left')


@system_action("grades.course", params=OfCourse, writes=False, summary="Read one course's grade", is_brief=True)
def course_grade(context: ActionContext, params: OfCourse) -> dict[str, Any]:
    """Give `{id, name, percent, final_percent, letter, source_percent, difference, reason, url}`."""
    grades = _grades(context, params.course)
    return {**_line(grades), "difference": grades.difference, "reason": comparison_of(grades).reason}


@system_action(
    "grades.what_if", params=WhatIf, writes=False, summary="Work out a course's grade with other scores", is_brief=True
)
def what_if(context: ActionContext, params: WhatIf) -> dict[str, Any]:
    """Give the same as `grades.course`, with the scores changed; nothing is kept."""
    return _line(_played(_grades(context, params.course), params))


@system_action(
    "grades.needed",
    params=Needed,
    writes=False,
    summary="Say what a piece of work, or all that is left, must give for a grade",
    is_brief=True,
)
def needed(context: ActionContext, params: Needed) -> dict[str, Any]:
    """Give `{kind, score, best, goal, count, text}`; `text` is the answer in words.

    `kind` is "secured", "reachable", "unreachable" or "no_effect".
    """
    grades = _played(_grades(context, params.course), params)
    try:
        target = target_of(grades, params.goal)
    except ValueError as error:
        raise ValidationError({"goal": str(error)}) from None
    found = needed_for(grades, params.work, target[0]) if target else None
    if target is None or found is None:
        raise ValidationError({"work": f"This course has no work {params.work}."})
    about = None if params.work == ALL else grades.work(int(params.work))
    return {**asdict(found), "text": needed_words(found, about, target[1])}


@system_action("grades.save_scenario", params=SaveScenario, writes=True, summary="Keep a what-if of a course")
def save_scenario(context: ActionContext, params: SaveScenario) -> dict[str, Any]:
    """Give `{id, name, percent, url}` of the scenario that is kept."""
    grades = _grades(context, params.course)
    row = services.save_scenario(grades, params.name, params.changes, params.extra, by=context.actor)
    url = f"{reverse('courses:grades', args=[grades.course.pk])}?scenario={row.pk}"
    return {"id": row.pk, "name": row.name, "percent": _played(grades, params).percent, "url": url}


def _grades(context: ActionContext, number: int) -> CourseGrades:
    course = Course.objects.visible_to(context.owner).for_list().filter(pk=number).first()
    if course is None:
        raise ValidationError({"course": f"There is no course {number}."})
    return grades_of([course])[0]


def _played(grades: CourseGrades, params: WhatIf) -> CourseGrades:
    return grades.with_changes(checked_changes(grades, params.changes), checked_extra(grades, params.extra))


def _line(grades: CourseGrades) -> dict[str, Any]:
    return {
        "id": grades.course.pk,
        "name": grades.course.title,
        "percent": grades.percent,
        "final_percent": grades.final_percent,
        "letter": grades.letter.name if grades.letter else None,
        "source_percent": grades.course.current_score,
        "url": reverse("courses:grades", args=[grades.course.pk]),
    }
