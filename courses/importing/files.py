"""Importing files: the vault keeps them, the course gets a link."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.errors import DomainError
from coreengine.kernel.events import EventDraft, record_many
from courses.importing.assignments import imported_course
from courses.importing.compare import ImportResult, finish_import, lock_source, note_import
from courses.importing.records import FileRecord, Problem, read_batch
from courses.models import CourseResource, SourceImport
from resources.services import import_file

# A workflow may bring the files of a first sync one by one: all of them belong to the baseline.
BASELINE_LASTS = timedelta(hours=1)


@transaction.atomic
def import_files(owner: User, *, source: str, course_id: str, files: list[Any], by: Any) -> ImportResult:
    """Put a course's fetched files into the vault and attach them to the course.

    Each record names its `blob`, as the source's download left it. The list may be a part of the course's files,
    so none is taken for vanished. Running it again with the same records changes nothing.

    Raises:
        CourseNotImported: the source's course is not here yet.
    """
    lock_source(owner, source)
    course = imported_course(owner, source=source, course_id=course_id)
    note, _ = note_import(owner, source=source, kind=SourceImport.Kind.FILES, course=course)
    is_baseline = timezone.now() - note.first_at < BASELINE_LASTS
    batch = read_batch(FileRecord, files)
    result = ImportResult(problems=batch.problems)
    ids: dict[str, int] = {}
    drafts: list[EventDraft] = []
    for record in batch.records:
        if record.course_id not in ("", course_id):
            reason = f"course_id: belongs to course {record.course_id}, not {course_id}"
            result.problems.append(Problem(-1, record.id, record.name, reason))
            continue
        if not record.blob:
            result.problems.append(Problem(-1, record.id, record.name, "blob: the file was not downloaded"))
            continue
        try:
            # One file that the vault refuses must not take the others with it.
            with transaction.atomic():
                resource, outcome = import_file(owner=owner, source=source, record=record.model_dump(), by=by)
        except (DomainError, ValidationError) as error:
            reason = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            result.problems.append(Problem(-1, record.id, record.name, reason))
            continue
        link, is_new = CourseResource.objects.get_or_create(
            course=course, resource=resource, defaults={"folder": record.folder}
        )
        if not is_new and link.folder != record.folder:
            link.folder = record.folder
            link.save(update_fields=["folder"])
        ids[record.id] = resource.pk
        data = {"name": resource.title, "course": course.pk, "baseline": is_baseline}
        if outcome == "created":
            result.created += 1
            drafts.append(EventDraft("file.added", resource, data))
        elif outcome == "changed":
            result.changed += 1
            drafts.append(EventDraft("file.replaced", resource, {**data, "baseline": False}))
        else:
            result.unchanged += 1
    record_many(drafts, actor=by, owner=owner)
    result.extra = {"ids": ids}
    finish_import(note, result)
    return result
