"""Comparing what is stored with what a source says now, as this app does it: with a note of each import."""

from __future__ import annotations

from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.importing.compare import (
    BATCH,
    NAMES_SAID,
    ImportResult,
    apply,
    differences,
    lock_source,
    said,
    write_changed,
)
from courses.models import Course, SourceImport

__all__ = [
    "BATCH",
    "NAMES_SAID",
    "ImportResult",
    "apply",
    "differences",
    "finish_import",
    "lock_source",
    "lock_student",
    "note_import",
    "said",
    "write_changed",
]


def lock_student(owner: User, source: str) -> None:
    """Let one import of a source run at a time, and one change of what is the same as what (`courses.sameness`).

    The second lock is taken before any row is touched: imports of two sources would else wait for each other's rows.
    """
    lock_source(owner, source)
    lock_source(owner, "", area="sameness")


def note_import(owner: User, *, source: str, kind: str, course: Course | None = None) -> tuple[SourceImport, bool]:
    """Find or make the row of this import, and say whether it is the first one: the silent baseline."""
    now = timezone.now()
    return SourceImport.objects.get_or_create(
        owner=owner, source=source, kind=kind, course=course, defaults={"first_at": now, "last_at": now}
    )


def finish_import(note: SourceImport, result: ImportResult) -> None:
    note.last_at = timezone.now()
    note.counts = {**result.counts(), "problems": len(result.problems)}
    note.save(update_fields=["last_at", "counts"])
