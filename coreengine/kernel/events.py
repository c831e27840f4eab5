"""The event log: append, subscribe, verify, erase, retire.

A subject's events form a stream: numbered without gaps and chained by a hash over a salted digest of
the data, so that personal data can be erased while the chain still verifies. The database does the
numbering and chaining (migration 0002) and refuses UPDATE and DELETE.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from django.db import connection, models, transaction

from coreengine.kernel.causes import current_cause
from coreengine.kernel.errors import DomainError
from coreengine.kernel.models import Event, EventCursor

logger = logging.getLogger(__name__)

BATCH = 500
LAST_ID = 2**63 - 1

# The oldest transaction that may still write to this log, which may be the present one: subscribers record events too.
# Transactions in other databases of the same server have no part in it.
HORIZON = """
SELECT least(coalesce(min(open::text::bigint), max(pg_snapshot_xmax(now)::text::bigint)),
             pg_current_xact_id_if_assigned()::text::bigint)
FROM (SELECT pg_current_snapshot() AS now) snapshot
LEFT JOIN LATERAL (
  SELECT number AS open FROM pg_snapshot_xip(now) number
  WHERE NOT EXISTS (SELECT 1 FROM pg_stat_activity a
                    WHERE a.backend_xid = number::xid AND a.datname <> current_database())
) mine ON true
"""

Subject = models.Model | tuple[str, int | str]


class NotDelivered(DomainError):
    """Events may not leave the log before every subscriber has read them."""

    code = "events_not_delivered"
    title = "Somebody has not read these events yet"


@dataclass(frozen=True)
class EventDraft:
    """One event of a batch."""

    type: str
    subject: Subject
    data: dict[str, Any] = field(default_factory=dict)


def _event(draft: EventDraft, actor: Any, owner: Any) -> Event:
    subject = draft.subject
    if isinstance(subject, models.Model):
        subject_type, subject_id = subject._meta.label_lower, str(subject.pk)
        owner_id = getattr(owner, "pk", None) or getattr(subject, "owner_id", None) or getattr(actor, "pk", None)
    else:
        subject_type, subject_id = subject[0], str(subject[1])
        owner_id = getattr(owner, "pk", None) or getattr(actor, "pk", None)
    return Event(
        type=draft.type,
        actor_id=getattr(actor, "pk", None),
        owner_id=owner_id,
        subject_type=subject_type,
        subject_id=subject_id,
        data=draft.data,
        cause=current_cause(),
    )


def record(type: str, *, actor: Any, subject: Subject, owner: Any = None, data: dict[str, Any] | None = None) -> Event:
    """Append one event in the caller's transaction.

    `owner` is the student whose log it belongs to; by default the subject's owner, else the actor.
    `sequence` and `hash` are known to the database only; refresh the event to read them.
    """
    event = _event(EventDraft(type, subject, data or {}), actor, owner)
    event.save(force_insert=True)
    return event


def record_many(drafts: Iterable[EventDraft], *, actor: Any, owner: Any = None) -> int:
    """Append many events in one statement, in the given order; return how many."""
    events = [_event(draft, actor, owner) for draft in drafts]
    Event.objects.bulk_create(events, batch_size=1000)
    return len(events)


def append_part(
    rows: str, *, actor: int | None, owner: int | None, subject: tuple[str, int | str]
) -> tuple[str, list[Any]]:
    """Return SQL, and its values, that appends many events as one part of a larger statement.

    `rows` is a JSON list of `{type, data}`. The part appends nothing when the statement's part `head` has no row.
    """
    sql = """INSERT INTO kernel_event (type, actor_id, owner_id, subject_type, subject_id, data, cause)
        SELECT r.type, %s, %s, %s, %s, r.data, %s
        FROM head, jsonb_to_recordset(%s::jsonb) AS r(type text, data jsonb)"""
    return sql, [actor, owner, subject[0], str(subject[1]), current_cause(), rows]


# --- Subscribers -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subscriber:
    """A function that is told of every event of its types, at least once, in the order of commits."""

    name: str
    types: tuple[str, ...]
    handle: Callable[[Event], None]
    without: tuple[str, ...] = ()


def type_matches(type: str, *patterns: str) -> bool:
    """Say whether a type fits one of the patterns, such as `course.*`."""
    return any(fnmatchcase(type, pattern) for pattern in patterns)


_subscribers: dict[str, Subscriber] = {}


def subscriber(
    name: str, *, types: Iterable[str], without: Iterable[str] = ()
) -> Callable[[Callable[[Event], None]], Callable[[Event], None]]:
    """Register a function under a lasting name; its place in the log survives every restart.

    Types end in `*` where they stand for all below; those in `without` are left out, and are not even read.

    The function runs in a worker inside a transaction with its cursor: what it writes to the database
    happens exactly once; anything else it does may happen again.
    """

    def register(handle: Callable[[Event], None]) -> Callable[[Event], None]:
        if name in _subscribers and _subscribers[name].handle is not handle:
            raise ValueError(f"two subscribers are called {name!r}")
        chosen = Subscriber(name, tuple(types), handle, tuple(without))
        if any("*" in pattern[:-1] for pattern in (*chosen.types, *chosen.without)):
            raise ValueError(f"the subscriber {name!r} may have a * only at the end of a type")
        _subscribers[name] = chosen
        return handle

    return register


def subscribers() -> list[Subscriber]:
    """List the registered subscribers by name."""
    return sorted(_subscribers.values(), key=lambda s: s.name)


def deliver(name: str, *, limit: int = BATCH) -> int:
    """Hand the next events to one subscriber; return how many it was handed.

    Ids are given out before commit, so a smaller id can become visible after a larger one. The cursor
    therefore follows (transaction, id) and stops before the oldest transaction that is still open.
    """
    receiver = _subscribers[name]
    EventCursor.objects.get_or_create(subscriber=name)
    handed = 0
    with transaction.atomic():
        cursor = EventCursor.objects.select_for_update(skip_locked=True).filter(subscriber=name).first()
        if cursor is None:  # another worker is at it
            return 0
        with connection.cursor() as sql:
            sql.execute(HORIZON)
            horizon = sql.fetchone()[0]
        after = models.Q(transaction__gt=cursor.transaction) | models.Q(
            transaction=cursor.transaction, id__gt=cursor.event
        )
        # Most events are steps of executions, which hardly anybody waits for: they are not even read.
        wanted = Event.objects.filter(after, transaction__lt=horizon).typed(*receiver.types)
        if receiver.without:
            wanted = wanted.untyped(*receiver.without)
        pending = list(wanted.order_by("transaction", "id")[:limit])
        for event in pending:
            try:
                with transaction.atomic():
                    receiver.handle(event)
            except Exception as error:
                # The log waits at this event: order matters more than speed. The cursor's row says why.
                logger.exception("subscriber %s failed at event %s", name, event.pk)
                cursor.failures += 1
                cursor.last_error = f"event {event.pk} ({event.type}): {error}"[:2000]
                break
            cursor.transaction, cursor.event = event.transaction, event.pk
            cursor.failures, cursor.last_error = 0, ""
            handed += 1
        else:
            if len(pending) < limit and horizon - 1 > cursor.transaction:
                # Everything older than the horizon was looked at, wanted or not.
                cursor.transaction, cursor.event = horizon - 1, LAST_ID
        cursor.save()
    return handed


def deliver_all(*, at_most_s: float = 20.0) -> int:
    """Hand every subscriber what is new, for a while at most; return how many events were handed over."""
    end, handed = time.monotonic() + at_most_s, 0
    for receiver in subscribers():
        while time.monotonic() < end:
            count = deliver(receiver.name)
            handed += count
            if count < BATCH:
                break
    return handed


# --- Verification and erasure ------------------------------------------------------------------------------


def broken_links(*, subject: models.Model | None = None) -> list[int]:
    """Return the ids of events whose number or hash does not follow from the one before."""
    where, values = "", []
    if subject is not None:
        where = "WHERE subject_type = %s AND subject_id = %s"
        values = [subject._meta.label_lower, str(subject.pk)]
    with connection.cursor() as sql:
        sql.execute(
            f"""SELECT id FROM (
                  SELECT id, sequence, hash, type, data_digest, subject_type, subject_id,
                         lag(hash, 1, '') OVER stream AS previous, row_number() OVER stream AS place
                  FROM kernel_event {where}
                  WINDOW stream AS (PARTITION BY subject_type, subject_id ORDER BY sequence)
                ) chain
                WHERE place <> sequence OR hash <> kernel_event_hash(previous, subject_type, subject_id,
                                                                    sequence, type, data_digest)
                ORDER BY id""",
            values,
        )
        return [row[0] for row in sql.fetchall()]


def altered_data(*, owner: Any = None) -> list[int]:
    """Return the ids of events whose data no longer matches its digest, erased ones left out."""
    where, values = ("AND owner_id = %s", [owner.pk]) if owner is not None else ("", [])
    with connection.cursor() as sql:
        sql.execute(
            f"SELECT id FROM kernel_event WHERE salt <> '' AND data_digest <> kernel_event_digest(salt, data) {where}",
            values,
        )
        return [row[0] for row in sql.fetchall()]


@transaction.atomic
def erase_data(events: models.QuerySet[Event], *, by: Any, reason: str) -> int:
    """Remove the data of events for good, keeping their place in the chain; leaves a trace of its own."""
    ids = list(events.values_list("pk", flat=True))
    with connection.cursor() as sql:
        sql.execute("SELECT set_config('coreengine.erasing', 'on', true)")
        sql.execute("UPDATE kernel_event SET data = '{}', salt = '' WHERE id = ANY(%s)", [ids])
        sql.execute("SELECT set_config('coreengine.erasing', 'off', true)")
    record("events.erased", actor=by, subject=("kernel.event", "erasures"), data={"count": len(ids), "reason": reason})
    return len(ids)


@transaction.atomic
def retire_streams(
    subject_type: str, subject_ids: Iterable[int | str], *, by: Any, owner: Any, reason: str, archive: str = ""
) -> int:
    """Remove whole streams from the log, which were archived before; return how many events.

    It leaves a trace: an event of the owner's with the number of events and the last hash of each stream, to which
    the chain in the archive leads. Nothing else can remove an event.

    Raises:
        NotDelivered: a subscriber has not read them yet.
    """
    names = [str(subject_id) for subject_id in subject_ids]
    streams = Event.objects.filter(subject_type=subject_type, subject_id__in=names)
    newest = streams.aggregate(newest=models.Max("transaction"))["newest"] or 0
    _check_delivered(newest)
    with connection.cursor() as sql:
        sql.execute(
            """SELECT DISTINCT ON (subject_id) subject_id, sequence, hash FROM kernel_event
               WHERE subject_type = %s AND subject_id = ANY(%s) ORDER BY subject_id, sequence DESC""",
            [subject_type, names],
        )
        ends = {subject_id: [sequence, hash] for subject_id, sequence, hash in sql.fetchall()}
        sql.execute("SELECT set_config('coreengine.retiring', 'on', true)")
        sql.execute("DELETE FROM kernel_event WHERE subject_type = %s AND subject_id = ANY(%s)", [subject_type, names])
        count = sql.rowcount
        sql.execute("SELECT set_config('coreengine.retiring', 'off', true)")
    record(
        "events.retired",
        actor=by,
        subject=("kernel.event", "retired"),
        owner=owner,
        data={"count": count, "streams_of": subject_type, "ends": ends, "reason": reason, "archive": archive},
    )
    return count


def _check_delivered(transaction_id: int) -> None:
    """Refuse to go beyond what every subscriber has read."""
    read = dict(EventCursor.objects.values_list("subscriber", "transaction"))
    behind = [known.name for known in subscribers() if read.get(known.name, 0) < transaction_id]
    if behind:
        raise NotDelivered(f"{', '.join(behind)} has not read these events yet. They stay in the log until then.")
