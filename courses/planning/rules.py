"""Checks of own tasks that a form, a serializer and a system action share; each raises ValidationError by field."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError

from coreengine.accounts.models import User
from courses.models import OwnTask
from courses.models.planned import LONGEST_ESTIMATE
from courses.rules import LONGEST_NOTES

FIRST_YEAR, LAST_YEAR = 2000, 2200
MOST_SUBTASKS = 100
TASK_FIELDS = {
    *("title", "notes", "course", "assignment", "parent", "due_on", "due_at", "estimate_minutes", "repeat"),
}
SUBTASK_FIELDS = {"title", "notes", "estimate_minutes", "parent"}


def check_task(owner: User, values: dict[str, Any]) -> None:
    """Check what a person wrote about a task, as far as it is given; second objects must be the owner's."""
    errors: dict[str, str] = {}
    if "title" in values and not (values["title"] or "").strip():
        errors["title"] = "Say what there is to do."
    elif len(values.get("title") or "") > 255:
        errors["title"] = "A title has 255 characters at most; put the rest into the notes."
    if len(values.get("notes") or "") > LONGEST_NOTES:
        errors["notes"] = f"Notes hold {LONGEST_NOTES:,} characters at most."
    errors |= check_estimate(values)
    if values.get("due_on") and values.get("due_at"):
        errors["due_on"] = "A task is due on a day or at a time, not both."
    for name in ("due_on", "due_at"):
        if (day := values.get(name)) is not None and not _is_sensible(day):
            errors[name] = f"Choose a day between the years {FIRST_YEAR} and {LAST_YEAR}."
    for name in ("course", "assignment", "parent"):
        if (thing := values.get(name)) is not None and thing.owner_id != owner.pk:
            errors[name] = f"There is no such {'task' if name == 'parent' else name} among yours."
    errors |= _check_parent(values)
    if errors:
        raise ValidationError(errors)


def check_estimate(values: dict[str, Any]) -> dict[str, str]:
    """Say what is wrong with an estimate, by field; nothing where it is right."""
    minutes = values.get("estimate_minutes")
    if minutes is not None and not 1 <= minutes <= LONGEST_ESTIMATE:
        return {"estimate_minutes": f"An estimate is 1 to {LONGEST_ESTIMATE:,} minutes."}
    return {}


def _check_parent(values: dict[str, Any]) -> dict[str, str]:
    parent: OwnTask | None = values.get("parent")
    if parent is None:
        return {}
    if parent.parent_id is not None:
        return {"parent": "A subtask has no subtasks of its own."}
    if any(values.get(name) for name in TASK_FIELDS - SUBTASK_FIELDS):
        return {"parent": "A subtask has no date and no course of its own: those are its task's."}
    if parent.subtasks.filter(deleted_at__isnull=True).count() >= MOST_SUBTASKS:
        return {"parent": f"A task has at most {MOST_SUBTASKS} subtasks."}
    return {}


def _is_sensible(day: date) -> bool:
    return FIRST_YEAR <= day.year <= LAST_YEAR
