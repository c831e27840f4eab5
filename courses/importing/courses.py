"""Importing courses and their terms."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from courses.importing.compare import (
    ImportResult,
    apply,
    differences,
    finish_import,
    lock_source,
    note_import,
    said,
    write_changed,
)
from courses.importing.records import Batch, CourseRecord, Problem, TermRecord, read_batch
from courses.models import Course, SourceImport, Term
from courses.models.courses import HUES


@transaction.atomic
def import_courses(owner: User, *, source: str, courses: list[Any], by: Any) -> ImportResult:
    """Make a source's courses ours: create, update, mark the vanished, leave alone what the student wrote.

    `courses` are raw records (see `CourseRecord`); a malformed one is reported and changes nothing. Running it
    again with the same records changes nothing. `extra["ids"]` maps the source's ids to ours.
    """
    lock_source(owner, source)
    note, is_baseline = note_import(owner, source=source, kind=SourceImport.Kind.COURSES)
    batch = read_batch(CourseRecord, courses)
    known = {course.external_id: course for course in Course.objects.filter(owner=owner).from_source(source)}
    terms = _import_terms(owner, source, batch)
    result = ImportResult(problems=batch.problems)
    drafts: list[EventDraft] = []

    created, changed, fields = _sort(owner, source, batch, known, terms, result)
    Course.objects.bulk_create(created)
    for course in created:
        drafts.append(EventDraft("course.created", course, {"name": course.name, "baseline": is_baseline}))
    for course, changes in changed:
        drafts.append(EventDraft("course.updated", course, {"name": course.name, "changes": said(changes)}))
    write_changed(Course, [course for course, _ in changed], fields | {"updated_at"})

    vanished = [
        course for identity, course in known.items() if identity not in batch.named_ids and course.missing_since is None
    ]
    now = timezone.now()
    Course.objects.filter(pk__in=[course.pk for course in vanished]).update(missing_since=now, updated_at=now)
    drafts += [EventDraft("course.missing", course, {"name": course.name}) for course in vanished]

    record_many(drafts, actor=by, owner=owner)
    result.created, result.changed, result.missing = len(created), len(changed), len(vanished)
    known.update({course.external_id: course for course in created})
    result.extra = {"ids": {record.id: known[record.id].pk for record in batch.records if record.id in known}}
    finish_import(note, result)
    return result


def _sort(
    owner: User,
    source: str,
    batch: Batch[CourseRecord],
    known: dict[str, Course],
    terms: dict[str, Term],
    result: ImportResult,
) -> tuple[list[Course], list[tuple[Course, dict[str, list[Any]]]], set[str]]:
    """Split the records into new courses and changed ones; count the rest as unchanged."""
    created: list[Course] = []
    changed: list[tuple[Course, dict[str, list[Any]]]] = []
    fields: set[str] = set()
    hues = Counter(Course.objects.filter(owner=owner, deleted_at__isnull=True).values_list("hue", flat=True))
    now = timezone.now()
    for index, record in enumerate(batch.records):
        course = known.get(record.id)
        if not record.name and not record.is_restricted:
            result.problems.append(Problem(index, record.id, "", "name: a course needs a name"))
            continue
        values = _values(record, terms, course)
        if course is None:
            hue = free_hue(hues)
            hues[hue] += 1
            created.append(Course(owner=owner, source=source, external_id=record.id, hue=hue, **values))
            continue
        changes = differences(course, values)
        if not changes:
            result.unchanged += 1
            continue
        apply(course, values)
        course.updated_at = now
        fields |= changes.keys()
        changed.append((course, changes))
    return created, changed, fields


def _values(record: CourseRecord, terms: dict[str, Term], course: Course | None) -> dict[str, Any]:
    """Say which fields an import sets, and to what.

    Canvas gives a bare stub of a course whose dates shut the student out: it says so and wipes nothing.
    """
    if record.is_restricted and not record.name:
        stub = {"is_restricted": True, "missing_since": None}
        return stub if course else {**stub, "name": record.course_code or f"Course {record.id}"}
    term = terms.get(record.term.id) if record.term else None
    return {
        "name": record.name,
        "code": record.course_code,
        "term_id": term.pk if term else None,
        "starts_at": record.start_at,
        "ends_at": record.end_at,
        "time_zone": record.time_zone,
        "state": record.known_state,
        "html_url": record.html_url,
        "syllabus_html": record.syllabus_html,
        "teachers": record.teachers,
        "current_score": record.current_score,
        "current_grade": record.current_grade,
        "final_score": record.final_score,
        "final_grade": record.final_grade,
        "is_restricted": record.is_restricted,
        "missing_since": None,
    }


def _import_terms(owner: User, source: str, batch: Batch[CourseRecord]) -> dict[str, Term]:
    """Create or update the terms that the courses name; one that is no longer named stays as it is."""
    named: dict[str, TermRecord] = {record.term.id: record.term for record in batch.records if record.term}
    terms = {term.external_id: term for term in Term.objects.filter(owner=owner).from_source(source)}
    for identity, record in named.items():
        values = {"name": record.name, "starts_at": record.start_at, "ends_at": record.end_at}
        term = terms.get(identity)
        if term is None:
            terms[identity] = Term.objects.create(owner=owner, source=source, external_id=identity, **values)
        elif differences(term, values):
            apply(term, values)
            term.save(update_fields=list(values))
    return terms


def free_hue(taken: Counter[int]) -> int:
    """Pick the colour that the student's courses use least; the first ones of the palette differ most."""
    return min(range(HUES), key=lambda hue: taken[hue])
