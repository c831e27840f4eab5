"""The moments of a cron line in a time zone.

When the clocks change: a slot that falls into the gap of spring is due at the first moment after it, and a slot whose
hour comes twice in autumn is due once, the first time. A line whose hour begins with `*` says "every so often"
rather than "at": it follows real time, so the hour that comes twice has its slots twice and the gap has none.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

LARGEST_SHIFT = timedelta(hours=4)
"""Clocks are changed by less; slots are looked for from so long before."""
NEVER = datetime.max.replace(tzinfo=UTC)


def slots_after(cron: str, zone: str, moment: datetime) -> Iterator[datetime]:
    """Every slot after a moment, in order, each in the schedule's own zone; none when the line never comes true."""
    place = ZoneInfo(zone)
    is_every_so_often = follows_real_time(cron)
    lines = croniter(cron, (moment.astimezone(place) - LARGEST_SHIFT).replace(tzinfo=None))
    found: list[datetime] = []
    last = moment.astimezone(UTC)
    while True:
        try:
            local: datetime = lines.get_next(datetime)
        except CroniterBadDateError:
            reached = NEVER
        else:
            moments = _moments(local, place, is_every_so_often)
            for one in moments:
                heapq.heappush(found, one)
            reached = moments[0] if moments else local.replace(tzinfo=place).astimezone(UTC) - LARGEST_SHIFT
        while found and found[0] <= reached:
            slot = heapq.heappop(found)
            if slot > last:
                last = slot
                yield slot.astimezone(place)
        if reached is NEVER:
            return


def follows_real_time(cron: str) -> bool:
    """Say whether a line means "every so often" rather than "at"."""
    return cron.split()[1].startswith("*")


def next_slot(cron: str, zone: str, moment: datetime) -> datetime | None:
    """The first slot after a moment."""
    return next(slots_after(cron, zone, moment), None)


def next_slots(cron: str, zone: str, moment: datetime, *, limit: int) -> list[datetime]:
    """The first few slots after a moment."""
    return [slot for slot, _ in zip(slots_after(cron, zone, moment), range(limit), strict=False)]


def _moments(local: datetime, place: ZoneInfo, is_every_so_often: bool) -> list[datetime]:
    """When a clock on the wall shows this time: once as a rule, twice in autumn's hour, never in spring's."""
    first, second = (local.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(place).replace(tzinfo=None) != local:
        return [] if is_every_so_often else [_end_of_gap(second, first, place)]
    return [first, second] if is_every_so_often and second != first else [first]


def _end_of_gap(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    """The moment at which the clocks were put forward, known to lie between two others."""
    old = before.astimezone(place).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(place).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
