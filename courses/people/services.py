"""Keeping contacts, and office hours and notes on anyone."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from coreengine.kernel.importing.compare import apply, differences, said
from coreengine.kernel.models import Event
from courses.errors import ComesFromSource
from courses.models import Course, CoursePerson

OWN_FIELDS = ("office_hours", "notes")
FIELDS = ("name", "role", "email", "html_url", *OWN_FIELDS)
MOST_PEOPLE = 200
LONGEST_NOTES = 20_000


def check_person(person: CoursePerson | None, values: dict[str, Any]) -> None:
    """Check what a person wrote about somebody: on whom a source names, only the student's own fields.

    Raises:
        ValidationError: by field.
    """
    errors: dict[str, str] = {}
    if person is not None and not person.is_by_hand:
        reason = "This comes from a connected source: write what you know into the notes."
        errors |= dict.fromkeys(sorted(set(values) - set(OWN_FIELDS)), reason)
    elif "name" in values and not (values["name"] or "").strip():
        errors["name"] = "Give the person a name."
    if len(values.get("notes") or "") > LONGEST_NOTES:
        errors["notes"] = f"Notes hold {LONGEST_NOTES:,} characters at most."
    if errors:
        raise ValidationError(errors)


@transaction.atomic
def add_person(course: Course, *, by: User, **values: Any) -> CoursePerson:
    """Add a contact to any course; errors as of `check_person`."""
    check_person(None, {"name": "", **values})
    if course.people.count() >= MOST_PEOPLE:
        raise ValidationError(f"A course has at most {MOST_PEOPLE} people.")
    person = CoursePerson(owner=course.owner, course=course, **values)
    person.full_clean(exclude=["owner", "course"])
    person.save()
    _tell("course.person_added", person, by)
    return person


@transaction.atomic
def update_person(person: CoursePerson, *, by: User, changes: dict[str, Any]) -> CoursePerson:
    """Change a contact: all of one added by hand; of one from a source, office hours and notes."""
    person = CoursePerson.objects.select_for_update(of=("self",)).select_related("course", "owner").get(pk=person.pk)
    check_person(person, changes)
    found = differences(person, changes)
    if found:
        apply(person, changes)
        person.full_clean(exclude=["owner", "course", "source", "external_id"])
        person.save(update_fields=[*found, "updated_at"])
        _tell("course.person_updated", person, by, changes=said(found))
    return person


@transaction.atomic
def remove_person(person: CoursePerson, *, by: User) -> Event:
    """Take away a contact added by hand; the event is what `restore_person` brings them back from.

    Raises:
        ComesFromSource: the next sync would bring them back.
    """
    if not person.is_by_hand:
        raise ComesFromSource(f"{person.name} is listed by the source of this course, and would return.")
    event = _tell("course.person_removed", person, by, facts={name: getattr(person, name) for name in FIELDS})
    person.delete()
    return event


def restore_person(course: Course, event: Event, *, by: User) -> CoursePerson:
    """Bring back a contact as they were when they were taken away. Twice is harmless."""
    facts = {name: value for name, value in event.data["facts"].items() if name in FIELDS}
    known = course.people.filter(source="", **facts).first()
    return known or add_person(course, by=by, **facts)


def _tell(type: str, person: CoursePerson, by: User, **facts: Any) -> Event:
    course = person.course
    data = {"name": course.name, "person": person.name, "by_hand": True, **facts}
    return record(type, actor=by, subject=course, owner=person.owner, data=data)
