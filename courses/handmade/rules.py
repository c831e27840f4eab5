"""Checks of what is kept by hand; each raises Django's ValidationError by field."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from courses.models import Assignment, AssignmentGroup, Course, Submission
from courses.rules import MOST_POINTS

MOST_GROUPS = 50
MOST_DROPPED = 99
MOST_WEIGHT = 1_000
RESULT_FIELDS = ("state", "submitted_at", "score", "grade", "late", "missing", "excused")


def check_by_hand(course: Course) -> None:
    """Groups and results of a course from a source are its source's."""
    if not course.is_by_hand:
        raise ValidationError("This course comes from a connected source, and so do its groups and grades.")


def check_group(course: Course, values: dict[str, Any], *, but: AssignmentGroup | None = None) -> None:
    """Check a group of work, as far as it is given."""
    errors: dict[str, str] = {}
    if "name" in values:
        name = (values["name"] or "").strip()
        others = course.groups.exclude(pk=but.pk) if but else course.groups.all()
        if not name:
            errors["name"] = "Give the group a name, such as Homework."
        elif others.filter(name__iexact=name).exists():
            errors["name"] = f"This course has a group “{name}” already."
    weight = values.get("weight")
    if weight is not None and not 0 <= weight <= MOST_WEIGHT:
        errors["weight"] = "A weight is a number of per cent, 0 or more."
    for field in ("drop_lowest", "drop_highest"):
        if not 0 <= (values.get(field) or 0) <= MOST_DROPPED:
            errors[field] = f"From 0 to {MOST_DROPPED}."
    if errors:
        raise ValidationError(errors)


def weights_note(groups: list[AssignmentGroup]) -> str:
    """Say what is odd about the weights of a course; nothing where they are as they should be.

    It is no error: a course may give extra credit, and a table is filled in row by row.
    """
    weights = [group.weight for group in groups if group.weight is not None]
    total = sum(weights)
    if not weights or abs(total - 100) < 0.005:
        return ""
    without = [group.name for group in groups if group.weight is None]
    rest = f" {', '.join(without[:3])} {'has' if len(without) == 1 else 'have'} none." if without else ""
    taken = "What lies above is extra credit." if total > 100 else "Grades are worked out in proportion."
    return f"The weights add up to {total:g} %, not to 100 %.{rest} {taken}"


def check_result(assignment: Assignment, values: dict[str, Any]) -> None:
    """Check the student's own word about a piece of work: only where no source has the say."""
    if not (assignment.is_by_hand and assignment.course.is_by_hand):
        raise ValidationError("The results of this course come from its source.")
    errors: dict[str, str] = {}
    if values.get("state", Submission.State.UNSUBMITTED) not in Submission.State.values:
        errors["state"] = "Choose one of the four."
    score = values.get("score")
    if score is not None and not 0 <= score <= MOST_POINTS:
        errors["score"] = "A score is a number of points from 0 to 1,000,000."
    if len(values.get("grade") or "") > 64:
        errors["grade"] = "At most 64 characters."
    if errors:
        raise ValidationError(errors)
