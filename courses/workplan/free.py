"""When there is time to work: working hours without what the calendar has taken. Plain functions, moments in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from courses.calendar.entries import Interval, joined

GRID = timedelta(minutes=5)


@dataclass(frozen=True)
class Rhythm:
    """How a student works; minutes throughout. `hours` has Monday to Sunday, None for a day without work."""

    hours: tuple[tuple[time, time] | None, ...]
    latest: time
    shortest: int = 30
    longest: int = 90
    pause: int = 15
    most_per_day: int = 240


@dataclass(frozen=True)
class Seat:
    """A stretch that one can work through without a break; at most the longest block. `day` is the student's."""

    starts_at: datetime
    ends_at: datetime
    day: date

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at) / timedelta(minutes=1))


def working_spans(start: datetime, end: datetime, rhythm: Rhythm, zone: ZoneInfo) -> list[tuple[date, Interval]]:
    """Give each day's working hours between two moments, in UTC.

    A clock that jumps makes that day's span shorter or longer; one that it swallows whole is left out.
    """
    spans = []
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        hours = rhythm.hours[day.weekday()]
        if hours is not None:
            opens = datetime.combine(day, hours[0], zone).astimezone(UTC)
            closes = datetime.combine(day, min(hours[1], rhythm.latest), zone).astimezone(UTC)
            span = max(opens, start), min(closes, end)
            if span[0] < span[1]:
                spans.append((day, span))
        day += timedelta(days=1)
    return spans


def without(span: Interval, taken: Sequence[Interval]) -> list[Interval]:
    """Cut what is taken (joined and in order) out of a span."""
    free, at = [], span[0]
    for first, last in taken:
        if last <= at:
            continue
        if first >= span[1]:
            break
        if first > at:
            free.append((at, first))
        at = max(at, last)
    if at < span[1]:
        free.append((at, span[1]))
    return free


def free_spans(
    start: datetime, end: datetime, rhythm: Rhythm, zone: ZoneInfo, taken: Iterable[Interval]
) -> list[tuple[date, Interval]]:
    """Give the free time within working hours, on a grid of five minutes, earliest first."""
    busy = joined(taken)
    return [
        (day, (first, last))
        for day, span in working_spans(start, end, rhythm, zone)
        for first, last in (_on_grid(piece) for piece in without(span, busy))
        if first < last
    ]


def seats(free: Iterable[tuple[date, Interval]], rhythm: Rhythm, cuts: Iterable[datetime] = ()) -> list[Seat]:
    """Divide free time into stretches between breaks; a deadline (`cuts`) ends a stretch, so that none crosses it."""
    borders = sorted(set(cuts))
    found = []
    for day, (first, last) in free:
        at = first
        while at < last:
            ends = min(at + timedelta(minutes=rhythm.longest), last)
            cut = next((border for border in borders if at < border < ends), None)
            if cut is not None:
                ends = _down(cut)
            if ends > at:
                found.append(Seat(at, ends, day))
            # After a deadline one may go on at once: the stretch was cut short, and what follows is another.
            at = _up(cut) if cut is not None else ends + timedelta(minutes=rhythm.pause)
    return found


def _on_grid(span: Interval) -> Interval:
    return _up(span[0]), _down(span[1])


def _up(moment: datetime) -> datetime:
    return -(-(moment - _EPOCH) // GRID) * GRID + _EPOCH


def _down(moment: datetime) -> datetime:
    return (moment - _EPOCH) // GRID * GRID + _EPOCH


_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
