"""What a student keeps about grades: a scale, credits, a goal, scenarios."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from coreengine.accounts.models import User
from courses.grading.courses import CourseGrades
from courses.grading.scales import checked_scale
from courses.models import Course, CourseGrading, GradeScenario

MOST_SCENARIOS = 20
MOST_SCORE = 1_000_000


@transaction.atomic
def update_grading(course: Course, *, by: User, changes: Mapping[str, Any]) -> CourseGrading:
    """Change the student's own rules of a course: `scale` (rows, or None for the common one), `credits`,
    `counts_in_average`, `goal`. What is not named stays as it is.

    Raises:
        ValidationError: by field.
    """
    Course.objects.select_for_update(of=("self",)).get(pk=course.pk)
    row, _made = CourseGrading.objects.get_or_create(course=course, defaults={"owner": course.owner})
    for name, value in changes.items():
        if name == "scale" and value:
            value = [[step.name, step.least, step.points] for step in checked_scale(value)]
        setattr(row, name, value or None if name == "scale" else value)
    row.full_clean(exclude=["owner", "course"])
    row.save()
    return row


def checked_changes(grades: CourseGrades, given: Mapping[Any, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the changes of a scenario with numbers as numbers; what says nothing is left out.

    Raises:
        ValidationError: by `changes.<id>`: no work of this course, or not a score.
    """
    known = {str(work.id): work for work in grades.works}
    errors: dict[str, str] = {}
    found: dict[int, dict[str, Any]] = {}
    for key, change in given.items():
        work = known.get(str(key))
        if work is None:
            errors[f"changes.{key}"] = f"This course has no work {key}."
        elif not isinstance(change, Mapping) or set(change) - {"score", "left_out"}:
            errors[f"changes.{key}"] = 'Say {"score": number} or {"left_out": true}.'
        elif change.get("left_out"):
            found[work.id] = {"left_out": True}
        else:
            try:
                score = _score(change.get("score"))
            except ValueError as error:
                errors[f"changes.{key}"] = f"{work.name}: {error}"
            else:
                if score is not None:
                    found[work.id] = {"score": score}
    if errors:
        raise ValidationError(errors)
    return found


@transaction.atomic
def save_scenario(
    grades: CourseGrades, name: str, given: Mapping[Any, Mapping[str, Any]], *, by: User
) -> GradeScenario:
    """Keep changes under a name; a scenario of the course that has it already is replaced.

    Raises:
        ValidationError: by field; also when there are too many.
    """
    course = Course.objects.select_for_update(of=("self",)).get(pk=grades.course.pk)
    name = _name(name)
    own = GradeScenario.objects.filter(course=course)
    row = own.filter(name=name).first() or GradeScenario(course=course, owner_id=course.owner_id)
    if row.pk is None and own.count() >= MOST_SCENARIOS:
        raise ValidationError({"name": f"A course has at most {MOST_SCENARIOS} scenarios. Delete one first."})
    return _write(row, grades, name, given)


@transaction.atomic
def update_scenario(
    scenario: GradeScenario,
    grades: CourseGrades,
    *,
    by: User,
    name: str | None = None,
    given: Mapping[Any, Mapping[str, Any]] | None = None,
) -> GradeScenario:
    """Give a scenario another name or other changes; what is None stays as it is.

    Raises:
        ValidationError: by field; also for the name of another scenario.
    """
    row = GradeScenario.objects.select_for_update().get(pk=scenario.pk)
    return _write(row, grades, row.name if name is None else _name(name), row.changes if given is None else given)


def _write(
    row: GradeScenario, grades: CourseGrades, name: str, given: Mapping[Any, Mapping[str, Any]]
) -> GradeScenario:
    changes = checked_changes(grades, given)
    row.name = name
    row.changes = {str(number): change for number, change in changes.items()}
    row.full_clean(exclude=["owner", "changes"])
    row.save()
    return row


def _name(text: str) -> str:
    return " ".join(text.split())


def delete_scenario(scenario: GradeScenario, *, by: User) -> None:
    """Remove a scenario."""
    scenario.delete()


def changes_in(scenario: GradeScenario) -> dict[int, dict[str, Any]]:
    """The changes of a scenario by id of work; work that has gone since then is no longer looked at."""
    return {int(number): change for number, change in scenario.changes.items()}


def _score(value: Any) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        score = float(str(value).strip().replace(",", "."))
    except ValueError:
        raise ValueError(f"“{str(value)[:20]}” is not a number.") from None
    if not math.isfinite(score) or not 0 <= score <= MOST_SCORE:
        raise ValueError(f"a score lies between 0 and {MOST_SCORE:,}.")
    return score
