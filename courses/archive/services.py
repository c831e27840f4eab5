"""Asking for an archive of courses, making it, stopping it, and letting it go when its time is over."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, Sum
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel import blobs
from coreengine.kernel.events import record
from coreengine.kernel.notifications import notify
from coreengine.kernel.statuses import Status
from coreengine.kernel.texts import size_words
from courses.archive import tasks
from courses.archive.building import Stopped, build_zip
from courses.errors import ArchiveIsOver, ArchiveNotReady, TooManyArchives
from courses.models import Course, CourseArchive, CourseResource

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=14)
FORGOTTEN_AFTER = timedelta(days=60)
MOST_COURSES = 200
MOST_AT_ONCE = 1
MOST_BYTES = 8 * 1024**3
MOST_ATTEMPTS = 3
LEASE = timedelta(minutes=3)
FAILED = "The archive could not be made. Ask for it again; if it fails again, leave the files out."
GIVEN_UP = "The worker stopped three times while it made this archive. Choose fewer courses."


@transaction.atomic
def request_archive(
    owner: User, course_ids: Sequence[int], *, by: User, title: str = "", with_files: bool = True
) -> CourseArchive:
    """Ask for one ZIP with these courses; a worker makes it and the bell tells when it is ready.

    Raises:
        ValidationError: at `courses`: none, too many, or not among the student's; their files are too large together.
        TooManyArchives: one is being made already.
    """
    User.objects.select_for_update().get(pk=owner.pk)
    courses = list(
        Course.objects.visible_to(owner).filter(pk__in=list(course_ids)[: MOST_COURSES + 1]).for_list().by_newest_term()
    )
    if not courses or len(courses) != len(set(course_ids)):
        raise ValidationError({"courses": "Choose at least one of your courses."})
    if len(courses) > MOST_COURSES:
        raise ValidationError({"courses": f"At most {MOST_COURSES} courses go into one archive."})
    if CourseArchive.objects.filter(owner=owner).unfinished().count() >= MOST_AT_ONCE:
        raise TooManyArchives("Your last archive is still being made. Wait for it, or stop it.")
    if with_files:
        _check_size(owner, courses)
    archive = CourseArchive.objects.create(
        owner=owner,
        title=(title.strip() or _title_of(courses))[:255],
        course_ids=[course.pk for course in courses],
        with_files=with_files,
        heartbeat_at=timezone.now(),
    )
    data = {"title": archive.title, "courses": archive.course_ids, "with_files": with_files}
    record("course_archive.requested", actor=by, subject=archive, owner=owner, data=data)
    tasks.build_archive.delay_on_commit(archive.pk)
    return archive


def _check_size(owner: User, courses: Sequence[Course]) -> None:
    files = CourseResource.objects.visible_to(owner).filter(Q(course__in=courses) | Q(course__same_as__in=courses))
    total = files.aggregate(total=Sum("resource__size_bytes"))["total"] or 0
    if total > MOST_BYTES:
        raise ValidationError(
            {
                "courses": f"The files of these courses are {size_words(total)} together, and {size_words(MOST_BYTES)} "
                "fit. Choose fewer courses, or leave the files out."
            }
        )


def _title_of(courses: Sequence[Course]) -> str:
    if len(courses) == 1:
        return courses[0].title
    terms = {course.term.name if course.term else "" for course in courses}
    name = terms.pop() if len(terms) == 1 else ""
    return name or f"{len(courses)} courses"


def build_archive(archive_id: int) -> None:
    """Make the ZIP of an archive that waits. A repeated message does nothing the second time."""
    now = timezone.now()
    claimed = CourseArchive.objects.filter(pk=archive_id, status=Status.PENDING).update(
        status=Status.RUNNING, started_at=now, heartbeat_at=now, attempt=F("attempt") + 1
    )
    if not claimed:
        return
    archive = CourseArchive.objects.select_related("owner").get(pk=archive_id)
    try:
        with build_zip(archive) as built:
            blob = blobs.store(built.file, content_type="application/zip")
            _finish(archive, blob, built.missing)
    except Stopped:
        _end(archive, Status.CANCELLED)
    except Exception:
        logger.exception("archive %s failed", archive_id)
        _end(archive, Status.FAILED, error=FAILED)


@transaction.atomic
def _finish(archive: CourseArchive, blob: blobs.Blob, missing: list[dict[str, str]]) -> None:
    row = CourseArchive.objects.select_for_update().get(pk=archive.pk)
    if row.is_finished or row.attempt != archive.attempt:
        return  # it was stopped, or another worker took over: these bytes go with the next sweep
    now = timezone.now()
    blobs.hold(blob)
    row.status, row.blob, row.size_bytes, row.missing = Status.COMPLETED, blob, blob.size_bytes, missing
    row.done_count, row.doing, row.finished_at, row.expires_at = row.total_count, "", now, now + KEPT_FOR
    row.save()
    data = {"title": row.title, "size_bytes": row.size_bytes, "missing": len(missing)}
    record("course_archive.completed", actor=row.owner, subject=row, owner=row.owner, data=data)
    note = f"{size_words(row.size_bytes)}, kept for two weeks."
    if missing:
        note += f" {len(missing)} {'file' if len(missing) == 1 else 'files'} could not be read."
    notify(
        row.owner, title=f"Your archive is ready: {row.title}", content=note, url=row.get_absolute_url(), kind="archive"
    )


@transaction.atomic
def _end(archive: CourseArchive, status: str, *, error: str = "") -> None:
    row = CourseArchive.objects.select_for_update().get(pk=archive.pk)
    if row.is_finished or row.attempt != archive.attempt:
        return
    row.status, row.error, row.doing, row.finished_at = status, error, "", timezone.now()
    row.save()
    word = "cancelled" if status == Status.CANCELLED else "failed"
    record(f"course_archive.{word}", actor=row.owner, subject=row, owner=row.owner, data={"title": row.title})
    if status == Status.FAILED:
        notify(row.owner, title=f"No archive of {row.title}", content=error, url=row.get_absolute_url(), kind="archive")


@transaction.atomic
def cancel_archive(archive: CourseArchive, *, by: User) -> CourseArchive:
    """Stop an archive: one that waits at once, one that is being made at its next piece. Twice is harmless.

    Raises:
        ArchiveIsOver: it is finished, and was not stopped.
    """
    row = CourseArchive.objects.select_for_update(of=("self",)).select_related("owner").get(pk=archive.pk)
    if row.status == Status.CANCELLED or row.cancel_requested_at is not None:
        return row
    if row.is_finished:
        raise ArchiveIsOver(f"The archive “{row.title}” is finished; there is nothing left to stop.")
    row.cancel_requested_at = timezone.now()
    row.save(update_fields=["cancel_requested_at"])
    if row.status == Status.PENDING:
        _end(row, Status.CANCELLED)
        row.refresh_from_db()
    return row


@transaction.atomic
def delete_archive(archive: CourseArchive, *, by: User) -> None:
    """Forget an archive and its bytes; the courses stay as they are. One that is being made is stopped first."""
    row = CourseArchive.objects.select_for_update().get(pk=archive.pk)
    if not row.is_finished:
        cancel_archive(row, by=by)
    _release(row)
    record("course_archive.deleted", actor=by, subject=row, owner=row.owner, data={"title": row.title})
    row.delete()


def ready_blob(archive: CourseArchive) -> blobs.Blob:
    """The bytes of an archive.

    Raises:
        ArchiveNotReady: it is still being made, failed, or its time is over.
    """
    if not archive.is_ready or archive.blob is None:
        reason = "is over and its bytes are gone: ask for a new one" if archive.is_finished else "is still being made"
        raise ArchiveNotReady(f"The archive “{archive.title}” {reason}.")
    return archive.blob


def tidy_archives() -> int:
    """Let go of what is over its time, and take up what a lost worker left; return how many were touched."""
    now, touched = timezone.now(), 0
    for pk in list(CourseArchive.objects.expired(now).values_list("pk", flat=True)):
        with transaction.atomic():
            row = CourseArchive.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
            if row is not None:
                _release(row)
                touched += 1
    lost = CourseArchive.objects.unfinished().filter(heartbeat_at__lt=now - LEASE)
    for pk in list(lost.values_list("pk", flat=True)):
        touched += _take_up(pk)
    old = CourseArchive.objects.filter(blob__isnull=True, finished_at__lt=now - FORGOTTEN_AFTER)
    count, _ = old.delete()
    return touched + count


@transaction.atomic
def _take_up(pk: int) -> int:
    row = CourseArchive.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    if row is None or row.is_finished:
        return 0
    if row.cancel_requested_at is not None:
        _end(row, Status.CANCELLED)
    elif row.attempt >= MOST_ATTEMPTS:
        _end(row, Status.FAILED, error=GIVEN_UP)
    else:
        CourseArchive.objects.filter(pk=pk).update(status=Status.PENDING, heartbeat_at=timezone.now())
        tasks.build_archive.delay_on_commit(pk)
    return 1


def _release(row: CourseArchive) -> None:
    if row.blob is not None:
        blob, row.blob = row.blob, None
        row.save(update_fields=["blob"])
        blobs.release(blob)
