"""Checks that a form and a serializer share; each raises Django's ValidationError by field."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from courses.models import Assignment, Course

# What the student may set on anything; on what comes from a source, nothing else.
OWN_COURSE_FIELDS = {"nickname", "notes", "hue", "is_hidden"}
OWN_ASSIGNMENT_FIELDS = {"notes", "estimate_minutes", "planned_on"}

COURSE_FIELDS = OWN_COURSE_FIELDS | {
    "name",
    "code",
    "term_name",
    "starts_at",
    "ends_at",
    "state",
    "html_url",
}
ASSIGNMENT_FIELDS = OWN_ASSIGNMENT_FIELDS | {"name", "due_at", "points_possible", "html_url"}

LONGEST_NOTES = 100_000


def check_changes(thing: Course | Assignment, changes: dict[str, Any]) -> None:
    """Refuse changes to what a source owns: the next import would undo them without a word."""
    own = OWN_COURSE_FIELDS if isinstance(thing, Course) else OWN_ASSIGNMENT_FIELDS
    if thing.is_by_hand:
        return
    refused = sorted(set(changes) - own)
    if refused:
        reason = "This comes from a connected source: change it there, and the next sync brings it here."
        raise ValidationError(dict.fromkeys(refused, reason))


def check_course(values: dict[str, Any]) -> None:
    """Check what a person wrote about a course, as far as it is given."""
    errors: dict[str, str] = {}
    if "name" in values and not (values["name"] or "").strip():
        errors["name"] = "Give the course a name."
    starts_at, ends_at = values.get("starts_at"), values.get("ends_at")
    if starts_at and ends_at and ends_at < starts_at:
        errors["ends_at"] = "The course ends before it starts: check both dates."
    _check_notes(values, errors)
    if errors:
        raise ValidationError(errors)


def check_assignment(values: dict[str, Any]) -> None:
    """Check what a person wrote about an assignment, as far as it is given."""
    errors: dict[str, str] = {}
    if "name" in values and not (values["name"] or "").strip():
        errors["name"] = "Say what there is to do."
    points = values.get("points_possible")
    if points is not None and not 0 <= points <= 1_000_000:
        errors["points_possible"] = "Points are a number from 0 to 1,000,000."
    _check_notes(values, errors)
    if errors:
        raise ValidationError(errors)


def _check_notes(values: dict[str, Any], errors: dict[str, str]) -> None:
    if len(values.get("notes") or "") > LONGEST_NOTES:
        errors["notes"] = f"Notes hold {LONGEST_NOTES:,} characters at most."
