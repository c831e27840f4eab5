"""A month as weeks of days: what spans days lies in lanes across them, what is too much is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from itertools import filterfalse
from operator import attrgetter
from types import MappingProxyType

from courses.calendar.entries import Entry, in_order
from courses.calendar.words import Item, KnownCourse, item_of, last_day
from courses.moments import Clock, long_date

LANES = 3
"""Entries that a day shows; what is beyond is one line, "+4 more"."""
DOTS = 4
"""Dots that stand for them on a phone."""
SHOWN = max(LANES, DOTS)
_IS_ALL_DAY = attrgetter("is_all_day")


@dataclass(slots=True)
class Slot:
    """A lane of a day: an item, a piece of one that spans days, or nothing."""

    item: Item | None = None
    css: str = ""
    is_span: bool = False
    is_first: bool = False


@dataclass
class Day:
    day: date
    name: str
    is_today: bool
    is_other: bool
    slots: list[Slot] = field(default_factory=list)
    more: int = 0
    count: int = 0
    dots: list[str] = field(default_factory=list)

    @property
    def iso(self) -> str:
        return self.day.isoformat()


Span = tuple[int, int, Entry]
"""An entry with its first and last day, counted from the first day of the month's table."""


@dataclass(frozen=True)
class Month:
    """The weeks, and what lies in them: by days, and across them."""

    weeks: list[list[Day]]
    start: date
    of_days: list[list[Entry]]
    spans: list[Span]

    def entries_on(self, day: date) -> list[Entry]:
        """All of a day, in order; nothing of a day that the table does not have."""
        place = (day - self.start).days
        if not 0 <= place < len(self.of_days):
            return []
        across = [entry for first, last, entry in self.spans if first <= place <= last]
        return in_order([*across, *self.of_days[place]])


def month_days(day: date) -> tuple[date, date]:
    """The Monday with which a month's first week begins, and the Monday after its last one."""
    first = day.replace(day=1)
    start = first - timedelta(days=first.weekday())
    following = (first + timedelta(days=32)).replace(day=1)
    return start, following + timedelta(days=-following.weekday() % 7)


def build_month(
    shown: date,
    entries: list[Entry],
    clock: Clock,
    courses: dict[int, KnownCourse],
    left: Mapping[date, int] = MappingProxyType({}),
) -> Month:
    """Lay out the month around a day; `entries` are those of all its weeks, earliest first.

    Where a day has more than is told of it, `left` says how many; all that it shows (`SHOWN`) must be among `entries`.
    """
    start, end = month_days(shown)
    count, base = (end - start).days, start.toordinal()
    days = [start + timedelta(days=n) for n in range(count)]
    # In UTC, as nearly all entries are: moments of two zones take ten times as long to compare.
    midnights = [clock.midnight(day).astimezone(UTC) for day in [*days, end]]
    of_days: list[list[Entry]] = [[] for _ in range(count)]
    spans: list[Span] = []
    place = 0
    for entry in entries:  # a thousand of them: they come in order, so their days do
        starts_at, ends_at = entry.starts_at.astimezone(UTC), entry.ends_at
        while place < count and starts_at >= midnights[place + 1]:
            place += 1
        is_within = place < count and starts_at >= midnights[place]
        if is_within and (ends_at is None or ends_at <= midnights[place + 1]):
            of_days[place].append(entry)
            continue
        first = place if is_within else clock.day_of(starts_at).toordinal() - base
        last = last_day(entry, clock).toordinal() - base
        if first != last:
            spans.append((first, last, entry))
    cells = [Day(day, long_date(day), day == clock.today, day.month != shown.month) for day in days]
    for monday in range(0, count, 7):
        _fill_week(cells, monday, of_days, spans, lambda entry: item_of(entry, clock, courses))
    for cell in cells:
        cell.count += left.get(cell.day, 0)
        cell.more += left.get(cell.day, 0)
    return Month([cells[monday : monday + 7] for monday in range(0, count, 7)], start, of_days, spans)


def _fill_week(
    cells: list[Day], monday: int, of_days: list[list[Entry]], spans: list[Span], word: Callable[[Entry], Item]
) -> None:
    """Long ones first: a bar keeps its lane through the week, and what is of one day fits around it."""
    placed: list[dict[int, Slot]] = [{} for _ in range(7)]
    sunday = monday + 6
    bars = [
        (max(first, monday), min(last, sunday), first, last, entry)
        for first, last, entry in spans
        if first <= sunday and last >= monday
    ]
    clipped: dict[int, list[tuple[int, int, int, int, Entry]]] = {}
    for bar in bars:
        if bar[0] == bar[1]:
            clipped.setdefault(bar[0], []).append(bar)
    long = [bar for bar in bars if bar[0] != bar[1]]
    long.sort(key=lambda bar: (bar[0], bar[0] - bar[1], not bar[4].is_all_day, bar[4].starts_at))
    for begin, stop, first, last, entry in long:
        columns = range(begin, stop + 1)
        taken = [placed[place - monday] for place in columns]
        lane = next((n for n in range(LANES) if all(n not in lanes for lanes in taken)), LANES)
        item = word(entry) if lane < LANES else None
        for place, lanes in zip(columns, taken, strict=True):
            _count(cells[place], [entry])
            if item is None:
                cells[place].more += 1
            else:
                lanes[lane] = Slot(item, _ends(place, first, last), True, place == begin)
    for place in range(monday, sunday + 1):
        lanes, cell = placed[place - monday], cells[place]
        own = of_days[place]
        reach: dict[str, tuple[int, int]] = {}
        if place in clipped:
            reach = {entry.key: (first, last) for _, _, first, last, entry in clipped[place]}
            own = sorted([*(bar[4] for bar in clipped[place]), *own], key=attrgetter("starts_at"))
        own = [*filter(_IS_ALL_DAY, own), *filterfalse(_IS_ALL_DAY, own)]
        free = [lane for lane in range(LANES) if lane not in lanes]
        for lane, entry in zip(free, own, strict=False):
            first, last = reach.get(entry.key, (place, place))
            lanes[lane] = Slot(word(entry), _ends(place, first, last), entry.is_all_day or first != last, True)
        _count(cell, own)
        cell.more += max(0, len(own) - len(free))
        cell.slots = [lanes.get(lane, Slot()) for lane in range(max(lanes, default=-1) + 1)]


def _count(cell: Day, entries: list[Entry]) -> None:
    cell.count += len(entries)
    for entry in entries[: DOTS - len(cell.dots)]:
        cell.dots.append(f"hue-{entry.hue % 12}" if entry.hue is not None else "no-hue")


def _ends(place: int, first: int, last: int) -> str:
    """Which ends of an entry a day has, as the bar's classes."""
    return " ".join(["starts"] * (place == first) + ["ends"] * (place == last))
