"""Importing announcements, across all courses of a source at once."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from courses.importing.compare import (
    BATCH,
    ImportResult,
    apply,
    differences,
    finish_import,
    lock_student,
    note_import,
    said,
    write_changed,
)
from courses.importing.records import AnnouncementRecord, Problem, read_batch
from courses.models import Announcement, Course, SourceImport
from courses.sameness.services import match_dated
from courses.texts import plain_text

# What the next step (an agent's digest) is given of what is new.
NEW_SAID = 20
NEW_TEXT_CHARACTERS = 2_000


@transaction.atomic
def import_announcements(owner: User, *, source: str, announcements: list[Any], by: Any) -> ImportResult:
    """Make a source's announcements ours; `extra["new"]` lists the newest of those not seen before.

    Sources give a window of time, not everything, so one that is not in the list has not vanished: `missing` is
    always 0. Running it again with the same records changes nothing.
    """
    lock_student(owner, source)
    note, is_baseline = note_import(owner, source=source, kind=SourceImport.Kind.ANNOUNCEMENTS)
    batch = read_batch(AnnouncementRecord, announcements)
    result = ImportResult(problems=batch.problems)
    courses = {course.external_id: course for course in Course.objects.filter(owner=owner).from_source(source)}
    known = {
        row.external_id: row
        for row in Announcement.objects.filter(owner=owner, external_id__in=batch.named_ids).from_source(source)
    }
    created: list[Announcement] = []
    changed: list[Announcement] = []
    fields: set[str] = set()
    drafts: list[EventDraft] = []
    for record in batch.records:
        course = courses.get(record.course_id)
        if course is None:
            reason = f"course_id: course {record.course_id} is not here yet"
            result.problems.append(Problem(-1, record.id, record.title, reason))
            continue
        values = {**record.model_dump(exclude={"id", "course_id"}), "course_id": course.pk}
        row = known.get(record.id)
        if row is None:
            created.append(Announcement(owner=owner, source=source, external_id=record.id, **values))
            continue
        changes = differences(row, values)
        if not changes:
            result.unchanged += 1
            continue
        apply(row, values)
        changed.append(row)
        fields |= changes.keys()
        drafts.append(EventDraft("announcement.updated", row, {"name": row.title, "changes": said(changes)}))
    created.sort(key=lambda row: row.posted_at, reverse=True)
    Announcement.objects.bulk_create(created, batch_size=BATCH)
    write_changed(Announcement, changed, fields)
    names = {course.pk: course.title for course in courses.values()}
    for row in created:
        data = {"name": row.title, "course": row.course_id, "baseline": is_baseline}
        drafts.append(EventDraft("announcement.posted", row, data))
    record_many(drafts, actor=by, owner=owner)
    if created or changed:
        match_dated(owner, Announcement, courses={row.course_id for row in created + changed}, by=by)
    result.created, result.changed = len(created), len(changed)
    result.extra = {
        "new": [
            {
                "title": row.title,
                "course": names[row.course_id],
                "text": plain_text(row.message_html)[:NEW_TEXT_CHARACTERS],
            }
            for row in created[:NEW_SAID]
        ]
    }
    finish_import(note, result)
    return result
