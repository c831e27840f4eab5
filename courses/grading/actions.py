"""What workflows and agents can ask about grades."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from coreengine.kernel.actions import ActionContext, system_action
from courses.grading import services
from courses.grading.averages import average, term_averages
from courses.grading.courses import CourseGrades, grades_of
from courses.grading.differences import comparison_of
from courses.grading.pages import needed_words
from courses.grading.questions import ALL, needed_for, target_of
from courses.grading.scenarios import checked_changes, checked_extra, played
from courses.grading.summaries import summaries_of
from courses.models import Course, GradeScenario

MOST_COURSES = 200


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


class SetCourse(OfCourse):
    goal: float | None = Field(default=None, ge=0, le=1000, description="The percentage to reach")
    credits: float | None = Field(default=None, ge=0, le=1000)
    counts_in_average: bool | None = Field(default=None)
    scale: list[list[Any]] | None = Field(
        default=None,
        max_length=40,
        description='Rows of name, lowest percentage and points: [["A", 90, 4], ["F", 0, 0]]',
    )


class SetGroups(OfCourse):
    groups: list[dict[str, Any]] = Field(
        max_length=50, description="All groups: id (of a known one), name, weight, drop_lowest, drop_highest"
    )


class SetScale(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scale: list[list[Any]] | None = Field(
        max_length=40, description="Rows of name, lowest percentage and points; null takes the student's scale away"
    )


class Averages(BaseModel):
    model_config = ConfigDict(extra="forbid")


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


@system_action(
    "grades.scenarios", params=OfCourse, writes=False, summary="List the kept what-ifs of a course", is_brief=True
)
def scenarios_action(context: ActionContext, params: OfCourse) -> dict[str, Any]:
    """Give `{count, percent, scenarios: [{id, name, percent, letter, url}]}`; `percent` is the course's own."""
    grades = _grades(context, params.course)
    rows = GradeScenario.objects.visible_to(context.owner).filter(course=grades.course, deleted_at=None)
    scenarios = []
    for row in rows.order_by("name", "pk"):
        line = _line(played(grades, row))
        url = f"{line['url']}?scenario={row.pk}"
        scenarios.append(
            {"id": row.pk, "name": row.name, "percent": line["percent"], "letter": line["letter"], "url": url}
        )
    return {"count": len(scenarios), "percent": grades.percent, "scenarios": scenarios}


@system_action("grades.set_course", params=SetCourse, writes=True, summary="Set a course's goal, credits or scale")
def set_course_action(context: ActionContext, params: SetCourse) -> dict[str, Any]:
    """Give `{course, goal, credits, counts_in_average}`. Only what is given changes."""
    changes = params.model_dump(include=params.model_fields_set - {"course"})
    if changes.get("counts_in_average", False) is None:
        del changes["counts_in_average"]
    row = services.update_grading(_grades(context, params.course).course, by=context.actor, changes=changes)
    facts = ("goal", "credits", "counts_in_average")
    return {"course": params.course, **{name: _number(getattr(row, name)) for name in facts}}


@system_action(
    "grades.set_groups", params=SetGroups, writes=True, summary="Set the groups and weights of a course made by hand"
)
def set_groups_action(context: ActionContext, params: SetGroups) -> dict[str, Any]:
    """Give `{groups: [{id, name, weight}]}`, in their order; those left out go."""
    rows = services.update_groups(_grades(context, params.course).course, params.groups, by=context.actor)
    return {"groups": [{"id": row.pk, "name": row.name, "weight": _number(row.weight)} for row in rows]}


@system_action("grades.set_scale", params=SetScale, writes=True, summary="Set the student's own grading scale")
def set_scale_action(context: ActionContext, params: SetScale) -> dict[str, Any]:
    """Give `{scale}`, the highest first; a scale with gaps is refused."""
    return {"scale": services.update_own_scale(context.owner, params.scale, by=context.actor).scale}


@system_action("grades.averages", params=Averages, writes=False, summary="Read the grade point average over terms")
def averages_action(context: ActionContext, params: Averages) -> dict[str, Any]:
    """Give `{average, credits, terms: [{term, name, points, credits, cumulative, ...}]}`, the newest term first."""
    now = timezone.now()
    own = Course.objects.visible_to(context.owner).filter(is_hidden=False).shown_once().for_list().by_newest_term()
    courses = list(own[:MOST_COURSES])
    grades = summaries_of(courses, now)
    points, credits = average(grades)
    going_on = {course.pk for course in courses if not course.is_concluded(now)}
    return {
        "average": points,
        "credits": credits,
        "terms": [asdict(each) for each in term_averages(grades, going_on)],
    }


def _number(value: Any) -> Any:
    """A decimal as JSON has it."""
    return float(value) if isinstance(value, Decimal) else value


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
