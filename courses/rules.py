"""Checks that a form and a serializer share; each raises Django's ValidationError by field."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.core.exceptions import ValidationError

from courses.models import AiPolicy, Assignment, Course
from courses.moments import FIRST_YEAR, LAST_YEAR

# What the student may set on anything; on what comes from a source, nothing else.
OWN_COURSE_FIELDS = {"nickname", "notes", "hue", "is_hidden", "ai_policy", "ai_policy_text", "ai_policy_where"}
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
ASSIGNMENT_FIELDS = OWN_ASSIGNMENT_FIELDS | {
    *("name", "due_at", "unlock_at", "lock_at", "points_possible", "html_url", "group", "omit_from_final_grade"),
}

LONGEST_NOTES = 100_000
MOST_POINTS = 1_000_000


def check_year(when: date, field: str) -> None:
    """Refuse a day or moment whose year no page shows.

    Raises:
        ValidationError: at the field.
    """
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        raise ValidationError({field: f"Choose a year from {FIRST_YEAR} to {LAST_YEAR}."})


def check_local_time(local: datetime, zone: tzinfo) -> datetime:
    """Give the moment that a date and a time without an offset mean in a zone.

    Raises:
        ValidationError: clocks skip this time that night, or show it twice; the message names two times around it.
    """
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    day = f"{local:%A} {local.day} {local:%B %Y}"
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        earlier, later = (moment.astimezone(UTC).astimezone(zone) for moment in (second, first))
        raise ValidationError(
            f"{local:%H:%M} does not exist on {day}: the clocks go forward over it. "
            f"Choose {earlier:%H:%M} or {later:%H:%M}.",
            code="time_does_not_exist",
        )
    before, after = local, local
    while _is_twice(before, zone):
        before -= timedelta(minutes=1)
    while _is_twice(after, zone):
        after += timedelta(minutes=1)
    raise ValidationError(
        f"{local:%H:%M} comes twice on {day}: the clocks go back over it. Choose {before:%H:%M} or {after:%H:%M}.",
        code="time_exists_twice",
    )


def _is_twice(local: datetime, zone: tzinfo) -> bool:
    return local.replace(tzinfo=zone, fold=0).utcoffset() != local.replace(tzinfo=zone, fold=1).utcoffset()


def check_changes(thing: Course | Assignment, changes: dict[str, Any]) -> None:
    """Refuse changes to what a source owns: the next import would undo them without a word."""
    own = OWN_COURSE_FIELDS if isinstance(thing, Course) else OWN_ASSIGNMENT_FIELDS
    if thing.is_by_hand:
        return
    refused = sorted(set(changes) - own)
    if refused:
        reason = "This comes from a connected source: change it there, and the next sync brings it here."
        raise ValidationError(dict.fromkeys(refused, reason))


def check_group_of_course(course: Course, group: Any) -> None:
    """Only a course made by hand has groups to choose, and only its own."""
    if group is None:
        return
    if not course.is_by_hand:
        raise ValidationError(
            {"group": "The groups of this course are its source's: your own tasks stand beside them."}
        )
    if group.course_id != course.pk:
        raise ValidationError({"group": "Choose a group of this course."})


def check_course(values: dict[str, Any]) -> None:
    """Check what a person wrote about a course, as far as it is given."""
    errors: dict[str, str] = {}
    if "name" in values and not (values["name"] or "").strip():
        errors["name"] = "Give the course a name."
    starts_at, ends_at = values.get("starts_at"), values.get("ends_at")
    if starts_at and ends_at and ends_at < starts_at:
        errors["ends_at"] = "The course ends before it starts: check both dates."
    if values.get("ai_policy", AiPolicy.UNSTATED) not in AiPolicy.values:
        errors["ai_policy"] = "Choose one of the four."
    if len(values.get("ai_policy_text") or "") > LONGEST_NOTES:
        errors["ai_policy_text"] = f"This holds {LONGEST_NOTES:,} characters at most."
    _check_notes(values, errors)
    if errors:
        raise ValidationError(errors)


def check_assignment(values: dict[str, Any]) -> None:
    """Check what a person wrote about an assignment, as far as it is given."""
    errors: dict[str, str] = {}
    if "name" in values and not (values["name"] or "").strip():
        errors["name"] = "Say what there is to do."
    points = values.get("points_possible")
    if points is not None and not 0 <= points <= MOST_POINTS:
        errors["points_possible"] = "Points are a number from 0 to 1,000,000."
    opens, closes = values.get("unlock_at"), values.get("lock_at")
    if opens and closes and closes < opens:
        errors["lock_at"] = "It closes before it opens: check both."
    _check_notes(values, errors)
    if errors:
        raise ValidationError(errors)


def _check_notes(values: dict[str, Any], errors: dict[str, str]) -> None:
    if len(values.get("notes") or "") > LONGEST_NOTES:
        errors["notes"] = f"Notes hold {LONGEST_NOTES:,} characters at most."
