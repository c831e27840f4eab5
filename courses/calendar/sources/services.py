"""Bringing a calendar in: by address or as a file, looking at it first, keeping it in step, letting it go."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel import blobs
from coreengine.kernel.errors import TooLarge
from coreengine.kernel.events import record
from coreengine.kernel.notifications import notify
from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.fetching import Reply, fetch
from courses.calendar.reading import MOST_BYTES, NotACalendar, Reading, read_calendar
from courses.calendar.rules import calendar_address, check_source, shown_address
from courses.calendar.sources import tasks
from courses.calendar.sources.importing import import_reading
from courses.calendar.zones import known_zone
from courses.errors import NotToAccept
from courses.importing.compare import apply, differences
from courses.importing.courses import free_hue
from courses.models import CalendarSource, Course

MOST_SOURCES = 30
FETCH_S = 60.0
EVERY = timedelta(hours=1)
JITTER = 0.1
FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=24)
LEASE = timedelta(minutes=15)
"""How long a reading may take before another worker takes it up."""
DELETED_KEPT_FOR = timedelta(days=30)
TELL_AFTER = 5
PLAIN = {"name", "hue", "course", "is_busy"}
REFUSALS = {
    401: "It asks for a password. Look for a secret or private iCal address of this calendar, and paste that.",
    403: "It says that this address may not be read. It may have been reset: copy it again.",
    404: "There is nothing at this address any more. Copy it again at its source.",
    410: "There is nothing at this address any more. Copy it again at its source.",
}


@transaction.atomic
def add_source(owner: User, *, by: User, address: str, **values: Any) -> CalendarSource:
    """Follow a calendar by its address; a worker reads it at once, and every hour from then on.

    Raises:
        ValidationError: by field; an address that may not be asked is refused here, before anything is sent.
    """
    address = calendar_address(address)
    _check_room(owner)
    name = (values.pop("name", "") or "").strip() or shown_address(address).partition("/")[0]
    values.setdefault("hue", None)
    if values["hue"] is None:
        values["hue"] = _free_hue(owner)
    source = CalendarSource(
        owner=owner,
        kind=CalendarSource.Kind.ADDRESS,
        address=address,
        address_shown=shown_address(address),
        next_at=timezone.now(),
        **_plain(owner, {**values, "name": name}),
    )
    source.full_clean(exclude=["owner", "course", "address"])
    source.save()
    record("calendar_source.added", actor=by, subject=source, owner=owner, data=_facts(source))
    tasks.read_source.delay_on_commit(source.pk)
    return source


def upload_source(
    owner: User, file: IO[bytes] | Any, *, by: User, replaces: CalendarSource | None = None
) -> CalendarSource:
    """Take a calendar file in to look at; nothing is imported before `accept_source`.

    Raises:
        ValidationError: at `file`: it is too large, or there are too many calendars already.
    """
    if replaces is None:
        _check_room(owner)
    try:
        blob = blobs.store(file, content_type="text/calendar", max_bytes=MOST_BYTES)
    except TooLarge as error:
        message = f"The file is larger than {MOST_BYTES // 2**20} MB. Export a part of the calendar, such as one year."
        raise ValidationError({"file": message}) from error
    with transaction.atomic():
        blobs.hold(blob)
        name = str(getattr(file, "name", "") or "").rsplit(".", 1)[0][:120]
        source = CalendarSource.objects.create(
            owner=owner,
            kind=CalendarSource.Kind.FILE,
            name=replaces.name if replaces else name or "Calendar",
            hue=_free_hue(owner),
            state=CalendarSource.State.DRAFT,
            blob=blob,
            replaces=replaces,
            next_at=timezone.now(),
        )
        tasks.read_source.delay_on_commit(source.pk)
    return source


@transaction.atomic
def accept_source(source: CalendarSource, *, by: User, **values: Any) -> CalendarSource:
    """Take what is good in a file that was looked at; return the calendar that it becomes, or that it renews.

    Raises:
        NotToAccept: it was taken already, is still being read, or has nothing in it.
        ValidationError: by field.
    """
    source = _locked(source)
    if not source.is_draft:
        raise NotToAccept(f"“{source}” has been taken already.")
    if source.fetched_at is None or source.error or not source.report.get("events"):
        raise NotToAccept(source.error or f"“{source}” has no events to take, or is still being read.")
    target = _locked(source.replaces) if source.replaces_id else source
    if target is not source:
        target.blob = source.blob
        source.delete()
    else:
        check_source(values)
        apply(target, _plain(target.owner, values))
    target.state, target.error, target.next_at = CalendarSource.State.PENDING, "", timezone.now()
    target.content_digest = ""
    target.full_clean(exclude=["owner", "course", "address", "blob", "replaces"])
    target.save()
    record("calendar_source.added", actor=by, subject=target, owner=target.owner, data=_facts(target))
    tasks.read_source.delay_on_commit(target.pk)
    return target


@transaction.atomic
def update_source(source: CalendarSource, *, by: User, changes: dict[str, Any]) -> CalendarSource:
    """Change name, colour, course, whether it takes time, or (of one that has one) the address.

    Raises:
        ValidationError: by field.
    """
    source = _locked(source)
    check_source(changes)
    values = _plain(source.owner, changes)
    if changes.get("address"):
        if source.kind != CalendarSource.Kind.ADDRESS:
            raise ValidationError({"address": "This calendar came as a file. Upload a newer copy, or add the address."})
        address = calendar_address(changes["address"])
        if address != source.address:
            values |= {"address": address, "address_shown": shown_address(address), "etag": "", "last_modified": ""}
            values |= {"content_digest": "", "failures": 0, "next_at": timezone.now()}
    found = differences(source, values)
    if found:
        apply(source, values)
        source.full_clean(exclude=["owner", "course", "address", "blob", "replaces"])
        source.save()
        data = {**_facts(source), "fields": sorted(found.keys() & (PLAIN | {"course_id", "address"}))}
        record("calendar_source.updated", actor=by, subject=source, owner=source.owner, data=data)
        if "address" in found:
            tasks.read_source.delay_on_commit(source.pk)
    return source


@transaction.atomic
def refresh_source(source: CalendarSource, *, by: User) -> CalendarSource:
    """Read a calendar again now. One that came as a file has nothing to read: upload a newer copy."""
    source = _locked(source)
    if source.kind == CalendarSource.Kind.ADDRESS:
        source.next_at = timezone.now()
        source.state = CalendarSource.State.PENDING
        source.save(update_fields=["next_at", "state", "updated_at"])
        tasks.read_source.delay_on_commit(source.pk)
    return source


@transaction.atomic
def remove_source(source: CalendarSource, *, by: User) -> CalendarSource:
    """Let a calendar go, with its events; `restore_source` has them back for thirty days. A draft goes at once."""
    source = _locked(source)
    if source.is_draft:
        forget_draft(source)
        return source
    if source.deleted_at is None:
        long_ago = timezone.now() - DELETED_KEPT_FOR
        CalendarSource.objects.filter(owner=source.owner, deleted_at__lt=long_ago).delete()
        source.deleted_at = timezone.now()
        source.save(update_fields=["deleted_at"])
        record("calendar_source.removed", actor=by, subject=source, owner=source.owner, data=_facts(source))
    return source


@transaction.atomic
def restore_source(source: CalendarSource, *, by: User) -> CalendarSource:
    """Take back that a calendar was removed. Harmless where it was not."""
    source = _locked(source)
    if source.deleted_at is not None:
        source.deleted_at = None
        if source.kind == CalendarSource.Kind.ADDRESS:
            source.next_at = timezone.now()
        source.save(update_fields=["deleted_at", "next_at"])
        record("calendar_source.restored", actor=by, subject=source, owner=source.owner, data=_facts(source))
    return source


def read_source(source_id: int) -> bool:
    """Read one calendar whose time has come: look at a draft, bring anything else in. False if it is not due.

    The reading happens outside of a transaction; what it brings is one. Safe to run twice.
    """
    source = _claimed(source_id)
    if source is None:
        return False
    now = timezone.now()
    try:
        data, reply = _content(source)
        reading = None if data is None else read_calendar(data, zone=_zone_of(source), now=now)
    except (RequestFailed, NotACalendar) as error:
        _note_failure(source, error)
        return True
    if source.is_draft:
        _note_draft(source, reading or Reading())
        return True
    with transaction.atomic():
        source = CalendarSource.objects.select_for_update().select_related("owner").get(pk=source.pk)
        counts = None if reading is None else import_reading(source, reading, by=source.owner)
        _note_success(source, reading, reply, data, now)
        if counts is not None and (counts.created or counts.changed or counts.removed):
            data_of_event = {**_facts(source), **counts.as_json()}
            record("calendar_source.imported", actor=source.owner, subject=source, data=data_of_event)
    return True


def forget_draft(source: CalendarSource) -> None:
    """Drop a file that was looked at and not taken."""
    if source.blob is not None:
        blobs.release(source.blob)
    source.delete()


def _claimed(source_id: int) -> CalendarSource | None:
    """Take a source that is due, and keep others from it for a while."""
    with transaction.atomic():
        rows = CalendarSource.objects.due(timezone.now()).select_for_update(of=("self",), skip_locked=True)
        source = rows.select_related("owner", "course", "blob").filter(pk=source_id).first()
        if source is not None:
            source.next_at = timezone.now() + LEASE
            source.save(update_fields=["next_at"])
        return source


def _content(source: CalendarSource) -> tuple[bytes | None, Reply | None]:
    """The bytes to read; None where they are the same as last time."""
    if source.kind == CalendarSource.Kind.FILE:
        if source.blob is None:
            return None, None
        with blobs.open_blob(source.blob) as file:
            return file.read(MOST_BYTES + 1), None
    headers = {"accept": "text/calendar, */*;q=0.5"}
    if source.etag:
        headers["if-none-match"] = source.etag
    elif source.last_modified:
        headers["if-modified-since"] = source.last_modified
    reply = fetch(
        str(source.address), headers=headers, max_bytes=MOST_BYTES, timeout_s=FETCH_S, key=("calendar", source.owner_id)
    )
    if reply.status == 304:
        return None, reply
    if reply.status != 200:
        host = source.address_shown.partition("/")[0]
        reason = REFUSALS.get(reply.status, f"It answered with {reply.status}. It is asked again later.")
        raise RequestFailed("refused", f"{host}: {reason}", retryable=reply.status >= 500 or reply.status == 429)
    if source.content_digest == hashlib.sha256(reply.body).hexdigest():
        return None, reply
    return reply.body, reply


def _zone_of(source: CalendarSource) -> Any:
    """Where times without a zone belong: the course's zone, else the student's."""
    course_zone = known_zone(source.course.time_zone) if source.course is not None and source.course.time_zone else None
    return course_zone or source.owner.zone


def _note_draft(source: CalendarSource, reading: Reading) -> None:
    source.report, source.error = reading.as_json(), ""
    source.fetched_at, source.next_at = timezone.now(), None
    if reading.name and source.replaces_id is None:
        source.name = reading.name
    source.save(update_fields=["report", "error", "fetched_at", "next_at", "name", "updated_at"])


def _note_success(
    source: CalendarSource, reading: Reading | None, reply: Reply | None, data: bytes | None, now: datetime
) -> None:
    source.state, source.error, source.failures = CalendarSource.State.COMPLETED, "", 0
    source.fetched_at, source.first_at = now, source.first_at or now
    if reading is not None:
        source.report = reading.as_json()
        source.content_digest = hashlib.sha256(data or b"").hexdigest()
    if reply is not None:
        source.next_at = now + EVERY * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
        if reply.status == 200:
            source.etag = reply.headers.get("etag", "")[:300]
            source.last_modified = reply.headers.get("last-modified", "")[:100]
    else:
        source.next_at = None
        if source.blob is not None:
            blobs.release(source.blob)
            source.blob = None
    source.save()


def _note_failure(source: CalendarSource, error: Exception) -> None:
    """Say on the calendar what went wrong, and when it is tried again; tell the student of one that goes on failing."""
    now = timezone.now()
    with transaction.atomic():
        source = CalendarSource.objects.select_for_update().select_related("owner").get(pk=source.pk)
        source.error, source.failures = str(error)[:500], source.failures + 1
        if source.is_draft:
            source.fetched_at, source.next_at = now, None
        else:
            source.state = CalendarSource.State.FAILED
            wait = min(FIRST_RETRY * 2 ** min(source.failures - 1, 12), LONGEST_RETRY)
            is_file = source.kind == CalendarSource.Kind.FILE
            source.next_at = None if is_file else now + wait * random.uniform(1, 1 + JITTER)  # noqa: S311
            if source.failures == 1:
                data = {**_facts(source), "error": source.error}
                record("calendar_source.failed", actor=None, subject=source, owner=source.owner, data=data)
            if source.failures == TELL_AFTER:
                notify(
                    source.owner,
                    title=f"The calendar “{source.name}” cannot be read",
                    content=source.error,
                    url=source.get_absolute_url(),
                )
        source.save()


def _free_hue(owner: User) -> int:
    """The colour that the student's courses and calendars use least."""
    taken = Counter(Course.objects.visible_to(owner).values_list("hue", flat=True))
    taken.update(CalendarSource.objects.visible_to(owner).values_list("hue", flat=True))
    return free_hue(taken)


def _check_room(owner: User) -> None:
    if CalendarSource.objects.visible_to(owner).count() >= MOST_SOURCES:
        message = f"You have {MOST_SOURCES} calendars, which is the most there can be. Remove one that you do not need."
        raise ValidationError(message)


def _plain(owner: User, values: dict[str, Any]) -> dict[str, Any]:
    found = {name: values[name] for name in PLAIN & values.keys() if values[name] is not None or name == "course"}
    if "course" in found:
        course = found.pop("course")
        if course is not None and course.owner_id != owner.pk:
            raise ValidationError({"course": "There is no such course among yours."})
        found["course_id"] = course.pk if course is not None else None
    return found


def _locked(source: Any) -> CalendarSource:
    rows = CalendarSource.objects.select_for_update(of=("self",))
    return rows.select_related("owner", "blob", "replaces").get(pk=source.pk)


def _facts(source: CalendarSource) -> dict[str, Any]:
    return {"name": source.name, "kind": source.kind}
