"""Importing the people of a course."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from courses.importing.assignments import imported_course
from courses.importing.compare import ImportResult, apply, differences, lock_source, write_changed
from courses.importing.records import PersonRecord, read_batch
from courses.models import CoursePerson


@transaction.atomic
def import_people(owner: User, *, source: str, course_id: str, people: list[Any], by: Any) -> ImportResult:
    """Make a course's list of people ours; `people` are raw records (see `PersonRecord`).

    Who is no longer listed goes, unless the student wrote something about them: then they stay, marked. Running it
    again with the same records changes nothing.

    Raises:
        CourseNotImported: the source's course is not here yet.
    """
    lock_source(owner, source)
    course = imported_course(owner, source=source, course_id=course_id)
    batch = read_batch(PersonRecord, people)
    result = ImportResult(problems=batch.problems)
    known = {row.external_id: row for row in CoursePerson.objects.filter(course=course, source=source)}
    created: list[CoursePerson] = []
    changed: list[CoursePerson] = []
    fields: set[str] = set()
    for person in batch.records:
        values = _values(person)
        row = known.get(person.id)
        if row is None:
            created.append(CoursePerson(owner=owner, course=course, source=source, external_id=person.id, **values))
        elif found := differences(row, values):
            apply(row, values)
            changed.append(row)
            fields |= found.keys()
        else:
            result.unchanged += 1
    CoursePerson.objects.bulk_create(created)
    write_changed(CoursePerson, changed, fields)
    result.missing = _let_go([row for identity, row in known.items() if identity not in batch.named_ids])
    result.created, result.changed = len(created), len(changed)
    if created or changed or result.missing:
        data = {"name": course.name, **result.counts()}
        record("course.people_updated", actor=by, subject=course, owner=owner, data=data)
    return result


def _values(person: PersonRecord) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.known_role,
        "email": person.email,
        "html_url": person.html_url,
        "missing_since": None,
    }


def _let_go(gone: list[CoursePerson]) -> int:
    """Delete them, or mark those about whom the student wrote; return how many are gone since before."""
    kept = [row.pk for row in gone if row.has_own_words and row.missing_since is None]
    dropped = [row.pk for row in gone if not row.has_own_words]
    CoursePerson.objects.filter(pk__in=kept).update(missing_since=timezone.now())
    CoursePerson.objects.filter(pk__in=dropped).delete()
    return len(kept) + len(dropped)
