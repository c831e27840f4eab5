"""What a scenario says, read and checked: other scores, retakes, work left out, work that may come."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from courses.grading.courses import CourseGrades
from courses.models import GradeScenario

MOST_SCORE = 1_000_000
MOST_EXTRA = 20
LONGEST_NAME = 120
COUNTS = {"replace": "replaces", "better": "the better counts", "mean": "the mean counts"}
"""What a retake's score does with the score that is there."""


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
            continue
        try:
            checked = _checked(change)
        except ValueError as error:
            errors[f"changes.{key}"] = f"{work.name}: {error}"
            continue
        if checked:
            found[work.id] = checked
    if errors:
        raise ValidationError(errors)
    return found


def _checked(change: Any) -> dict[str, Any] | None:
    if not isinstance(change, Mapping) or set(change) - {"score", "left_out", "counts"}:
        raise ValueError('say {"score": number, "counts": "replace", "better" or "mean"} or {"left_out": true}.')
    if change.get("left_out"):
        return {"left_out": True}
    counts = change.get("counts") or "replace"
    if counts not in COUNTS:
        raise ValueError(f"a retake counts as {', '.join(COUNTS)}.")
    score = read_score(change.get("score"))
    if score is None:
        return None
    return {"score": score} if counts == "replace" else {"score": score, "counts": counts}


def checked_extra(grades: CourseGrades, given: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the work that may come with numbers as numbers; rows that say nothing are left out.

    Raises:
        ValidationError: by `extra.<place>`, from 0.
    """
    groups = {str(group.pk): group.pk for group in grades.groups}
    errors: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    if len(given) > MOST_EXTRA:
        raise ValidationError({"extra": f"A scenario has at most {MOST_EXTRA} pieces of work that may come."})
    for at, row in enumerate(given):
        if not isinstance(row, Mapping) or set(row) - {"name", "group", "score", "points"}:
            errors[f"extra.{at}"] = "Say name, group, score and points."
            continue
        if not any(str(row.get(name) or "").strip() for name in ("name", "score", "points")):
            continue
        name = " ".join(str(row.get("name") or "").split())[:LONGEST_NAME] or "Work that may come"
        group = row.get("group") or None
        try:
            score, points = read_score(row.get("score")), read_score(row.get("points"), "points possible")
            if points is None:
                raise ValueError("say how many points are possible.")
            if group is not None and str(group) not in groups:
                raise ValueError("choose one of the course's groups.")
        except ValueError as error:
            errors[f"extra.{at}"] = f"{name}: {error}"
            continue
        number = groups[str(group)] if group is not None else None
        found.append({"name": name, "group": number, "score": score, "points": points})
    if errors:
        raise ValidationError(errors)
    return found


def changes_in(scenario: GradeScenario) -> dict[int, dict[str, Any]]:
    """The changes of a scenario by id of work; work that has gone since then is no longer looked at."""
    return {int(number): change for number, change in scenario.changes.items()}


def played(grades: CourseGrades, scenario: GradeScenario) -> CourseGrades:
    """The grades as a scenario has them."""
    return grades.with_changes(changes_in(scenario), scenario.extra)


def read_score(value: Any, what: str = "a score") -> float | None:
    """A number of points as a person types it; None for nothing.

    Raises:
        ValueError: in words, without the name of the work.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        raise ValueError(f"“{value}” is not a number.")
    try:
        score = float(str(value).strip().replace(",", "."))
    except ValueError:
        raise ValueError(f"“{str(value)[:20]}” is not a number.") from None
    if not math.isfinite(score) or not 0 <= score <= MOST_SCORE:
        verb = "lie" if what.startswith("points") else "lies"
        raise ValueError(f"{what} {verb} between 0 and {MOST_SCORE:,}.")
    return score
