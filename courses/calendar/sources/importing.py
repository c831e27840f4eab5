"""Making what a calendar says ours: new events come, changed ones change, removed ones are marked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from coreengine.kernel.events import EventDraft, record_many
from courses.calendar.occurrences import write_occurrences
from courses.calendar.reading import ReadEvent, Reading
from courses.importing.compare import BATCH, apply, differences, lock_source, said, write_changed
from courses.models import CalendarEvent, CalendarOccurrence, CalendarSource

TOLD = ("title", "location", "starts_at", "ends_at", "is_all_day", "rrule")
FIELDS = {
    "title", "location", "description", "url", "starts_at", "ends_at", "is_all_day", "time_zone", "rrule", "exdates",
    "rdates", "is_busy", "is_onwards", "digest", "missing_since", "updated_at",
}  # fmt: skip
MOST_TOLD = 200
"""More news at once is not told one by one: a calendar that changed all over has another history."""


@dataclass
class Imported:
    """What an import did, in numbers."""

    created: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    repeats_left_out: int = 0

    def as_json(self) -> dict[str, int]:
        return dict(vars(self))


@transaction.atomic
def import_reading(source: CalendarSource, reading: Reading, *, by: Any) -> Imported:
    """Make a source's events those of a reading, all or none. Running it again with the same changes nothing.

    An event counts as removed only where the calendar still covers its time and was read whole: many calendars drop
    what is past. What the student wrote on an event stays, also on one that is gone. The first import is a baseline:
    none of it is news.
    """
    lock_source(source.owner, f"calendar:{source.pk}")
    now = timezone.now()
    is_baseline = source.first_at is None
    stored = _stored(source)
    done, drafts, dirty = Imported(), [], set()
    created: list[CalendarEvent] = []
    changing: dict[int, ReadEvent] = {}
    for event in reading.events:
        known = stored.pop((event.uid, event.recurrence_key), None)
        if known is None:
            created.append(CalendarEvent(owner_id=source.owner_id, source=source, digest=event.digest, **event.values))
        elif known.digest != event.digest or known.is_missing:
            changing[known.pk] = event
        else:
            done.unchanged += 1
            continue
        dirty.add(event.uid)
    CalendarEvent.objects.bulk_create(created, batch_size=BATCH)
    drafts += _changed(changing, now)
    gone = _gone(stored, reading, source) if reading.is_complete else []
    dirty |= {uid for uid, _ in gone}
    removed = _mark_removed(source, [pk for _, pk in gone], now)
    if not is_baseline:
        drafts += [EventDraft("event.created", event, _facts(event, source)) for event in created]
        drafts += [EventDraft("event.removed", event, _facts(event, source)) for event in removed]
        record_many(drafts[:MOST_TOLD], actor=by, owner=source.owner)
    done.created, done.changed, done.removed = len(created), len(changing), len(removed)
    done.repeats_left_out = write_occurrences(_groups(source, dirty), now)
    return done


@dataclass(frozen=True)
class _Stored:
    pk: int
    digest: str
    is_missing: bool
    ends_at: datetime


def _stored(source: CalendarSource) -> dict[tuple[str, str], _Stored]:
    """The source's rows by id and repeat, without their texts: most are as they were."""
    columns = ("uid", "recurrence_key", "pk", "digest", "missing_since", "ends_at")
    rows = CalendarEvent.objects.filter(source=source).values_list(*columns)
    return {(uid, key): _Stored(pk, digest, gone is not None, end) for uid, key, pk, digest, gone, end in rows}


def _changed(changing: dict[int, ReadEvent], now: datetime) -> list[EventDraft]:
    """Write what changed; tell of what a student would want to know."""
    rows = list(CalendarEvent.objects.filter(pk__in=changing).select_related("source").defer("search_vector"))
    drafts = []
    for row in rows:
        event = changing[row.pk]
        changes = differences(row, {name: getattr(event, name) for name in TOLD})
        if row.missing_since is not None:
            drafts.append(EventDraft("event.created", row, _facts(row, row.source)))
        elif changes:
            drafts.append(EventDraft("event.updated", row, {**_facts(row, row.source), "changes": said(changes)}))
        apply(row, {**event.values, "digest": event.digest, "missing_since": None, "updated_at": now})
    write_changed(CalendarEvent, rows, FIELDS)
    return drafts


def _gone(stored: dict[tuple[str, str], _Stored], reading: Reading, source: CalendarSource) -> list[tuple[str, int]]:
    """Which of the rows that the calendar did not name are removed: those whose time it covers."""
    begins = [event.starts_at for event in reading.events if not event.rrule]
    covered_from = min([*begins, timezone.now()])
    left = {key: row for key, row in stored.items() if not row.is_missing and key[0] not in reading.unread}
    last = dict(
        CalendarOccurrence.objects.filter(event__in=[row.pk for row in left.values()])
        .order_by("event_id", "ends_at")
        .values_list("event_id", "ends_at")
    )
    return [
        (uid, row.pk) for (uid, _), row in left.items() if last.get(row.pk, row.ends_at).astimezone(UTC) >= covered_from
    ]


def _mark_removed(source: CalendarSource, pks: list[int], now: datetime) -> list[CalendarEvent]:
    rows = CalendarEvent.objects.filter(pk__in=pks)
    found = list(rows.only("title", "starts_at", "owner_id", "course_id"))
    rows.update(missing_since=now, updated_at=now)
    CalendarOccurrence.objects.filter(event__in=pks).delete()
    return found


def _groups(source: CalendarSource, uids: set[str]) -> list[list[CalendarEvent]]:
    """The events whose times are to be written anew, each with its changed repeats."""
    groups: dict[str, list[CalendarEvent]] = defaultdict(list)
    rows = CalendarEvent.objects.filter(Q(source=source), uid__in=uids, missing_since__isnull=True)
    for row in rows.defer("search_vector", "description", "notes").order_by("pk"):
        groups[row.uid].append(row)
    return list(groups.values())


def _facts(event: CalendarEvent, source: Any) -> dict[str, Any]:
    return {
        "name": event.title,
        "starts_at": event.starts_at.isoformat().replace("+00:00", "Z"),
        "calendar": source.pk,
        "calendar_name": source.name,
        "course": source.course_id,
    }
