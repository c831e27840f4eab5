"""Writing down when events take place, ahead of time, so that a page reads rows and works nothing out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from courses.calendar.repeats import RuleNotUnderstood, times_of, window
from courses.models import CalendarEvent, CalendarOccurrence

BATCH = 2_000
MOST_OF_ONE_CALENDAR = 100_000
WORKING_S = 120.0
"""How long the repeats of one calendar may take to work out; what is left then has its first time only."""
EXTEND_WITHIN = timedelta(days=540)
"""Repeats are written on once fewer days than this lie ahead."""
EXTENDED_AT_ONCE = 500


def write_occurrences(groups: Iterable[Sequence[CalendarEvent]], now: datetime) -> int:
    """Write the times of events anew; each group is one event with its changed repeats, all of one owner.

    Returns how many repeats were left out, since there were too many of them or they took too long to work out.
    Call it in the transaction that wrote the events.
    """
    start, end = window(now)
    rows: list[CalendarOccurrence] = []
    written: list[CalendarEvent] = []
    until: dict[bool, list[int]] = {True: [], False: []}
    left_out, limit = 0, time.monotonic() + WORKING_S
    for group in groups:
        written += group
        master = next((event for event in group if not event.recurrence_key), group[0])
        is_late = time.monotonic() > limit or len(rows) >= MOST_OF_ONE_CALENDAR
        try:
            times, has_more = ([], False) if is_late and master.rrule else times_of(group, start, end)
        except RuleNotUnderstood:  # a rule is checked before it is stored; one that fails now has its first time
            times, has_more = [], False
        left_out += is_late and bool(master.rrule)
        until[has_more].append(master.pk)
        rows += [
            CalendarOccurrence(
                owner_id=time.event.owner_id,
                event_id=time.event.pk,
                key=time.key,
                starts_at=time.starts_at,
                ends_at=time.ends_at,
            )
            for time in times
        ]
    pks = [event.pk for event in written]
    CalendarOccurrence.objects.filter(event__in=pks).delete()
    CalendarOccurrence.objects.bulk_create(rows, batch_size=BATCH)
    CalendarEvent.objects.filter(pk__in=until[True]).update(expanded_until=end)
    CalendarEvent.objects.filter(pk__in=until[False], expanded_until__isnull=False).update(expanded_until=None)
    return left_out


def extend_repeats(now: datetime) -> int:
    """Write down the repeats that the moving window has come to; return of how many events. Safe to run twice."""
    due = CalendarEvent.objects.repeating_beyond(now + EXTEND_WITHIN).order_by("expanded_until", "pk")
    count = 0
    for pk in list(due.values_list("pk", flat=True)[:EXTENDED_AT_ONCE]):
        with transaction.atomic():
            event = due.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
            if event is not None:
                write_occurrences([group_of(event)], now)
                count += 1
    return count


def group_of(event: CalendarEvent) -> list[CalendarEvent]:
    """An event with its changed repeats."""
    if event.source_id is None or not event.uid:
        return [event]
    same = CalendarEvent.objects.filter(source=event.source_id, uid=event.uid, missing_since__isnull=True)
    return list(same.defer("search_vector")) or [event]
