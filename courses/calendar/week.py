"""A week by the hour: what overlaps lies side by side, and days of 23 and 25 hours have the hours they have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString

from courses.calendar.entries import Entry
from courses.calendar.item_html import whole_days
from courses.calendar.words import Item, KnownCourse, item_of, last_day
from courses.moments import Clock, long_date, long_weekday, wall_time, weekday

QUARTERS = 4
COLUMNS = 12
_BREADTHS = [0] + [COLUMNS // next(n for n in (1, 2, 3, 4, 6, 12) if n >= lanes) for lanes in range(1, COLUMNS + 1)]
"""In twelfths, by how many lie side by side."""
FIRST_HOUR, LAST_HOUR = 8, 18
SHORTEST = 2
"""Quarters of an hour that even a moment takes: it must hold a line of text."""


@dataclass(frozen=True)
class Hour:
    """A line of the grid; `is_second` is the hour that comes twice when the clocks go back."""

    hour: int
    is_second: bool
    row: int

    @property
    def label(self) -> str:
        return f"{self.hour:02}:00" + (" again" if self.is_second else "")


@dataclass(slots=True)
class Block:
    """An entry in the grid: its row and length in quarters of an hour, its column and breadth in twelfths."""

    item: Item
    row: int
    length: int
    column: int
    breadth: int
    starts_at: datetime
    can_move: bool = False

    @property
    def css(self) -> str:
        return f"r{self.row} l{self.length} c{self.column + 1} b{self.breadth}"


@dataclass
class WeekDay:
    day: date
    is_today: bool
    all_day: list[Item] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    """Rows of hours that this day does not have."""
    now_row: int = 0
    note: str = ""

    @property
    def iso(self) -> str:
        return self.day.isoformat()

    @property
    def title(self) -> str:
        return long_date(self.day)

    @property
    def name(self) -> str:
        return long_weekday(self.day)

    @property
    def short_name(self) -> str:
        return weekday(self.day)

    @property
    def bars(self) -> SafeString:
        return whole_days(self.all_day)


@dataclass(frozen=True)
class Week:
    days: list[WeekDay]
    hours: list[Hour]
    rows: int
    has_all_day: bool
    is_whole: bool

    @property
    def hour_names(self) -> str:
        """The hours of the grid from above, for the line that says what time it is."""
        return " ".join(str(hour.hour) for hour in self.hours)


def week_days(day: date) -> tuple[date, date]:
    """The Monday of a day's week, and the next."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=7)


def build_week(
    shown: date,
    entries: list[Entry],
    clock: Clock,
    courses: dict[int, KnownCourse],
    *,
    is_whole: bool = False,
) -> Week:
    """Lay out the week of a day. Hours before and after everything are left out, unless `is_whole`."""
    monday, _ = week_days(shown)
    days = [WeekDay(monday + timedelta(days=n), monday + timedelta(days=n) == clock.today) for n in range(7)]
    timed: list[list[_Lying]] = [[] for _ in days]
    base, zone = monday.toordinal(), clock.zone
    for entry in entries:  # hundreds of them, and most begin and end on one day
        starts_at = entry.starts_at.astimezone(zone)
        ends_at = entry.ends_at.astimezone(zone) if entry.ends_at is not None else None
        first = last = starts_at.toordinal() - base
        if ends_at is not None and ends_at.toordinal() - base != first:
            last = last_day(entry, clock).toordinal() - base
        elif 0 <= first <= 6 and not entry.is_all_day:
            timed[first].append(_Lying(entry, starts_at, ends_at or starts_at, False))
            continue
        is_long = entry.is_all_day or (entry.ends_at or entry.starts_at) - entry.starts_at >= timedelta(hours=24)
        item = item_of(entry, clock, courses) if is_long else None
        for n in range(max(first, 0), min(last, 6) + 1):
            if item is not None:
                days[n].all_day.append(item)
            else:
                timed[n].append(_lying(entry, days[n].day, starts_at, ends_at, clock))
    grid = _grid(days, timed, clock, is_whole=is_whole)
    for day, own in zip(days, timed, strict=True):
        day.all_day += _before_the_grid(own, grid, clock, courses)
        _fill(day, own, grid, clock, courses)
    return Week(days, grid.hours, len(grid.hours) * QUARTERS, any(day.all_day for day in days), is_whole)


class _Lying(NamedTuple):
    """What of an entry lies in one day, in the student's time: from `first` to `last` (None: to the day's end)."""

    entry: Entry
    first: datetime
    last: datetime | None
    goes_on: bool
    """It began before this day."""


def _lying(entry: Entry, day: date, starts_at: datetime, ends_at: datetime | None, clock: Clock) -> _Lying:
    goes_on = starts_at.date() < day
    first = clock.midnight(day) if goes_on else starts_at
    if ends_at is None or ends_at.date() == day:
        return _Lying(entry, first, ends_at or starts_at, goes_on)
    # Over at the midnight with which the day ends, or later; or, of one that ends before it begins, where it begins.
    return _Lying(entry, first, None if ends_at.date() > day else starts_at, goes_on)


class _Grid:
    """The hours of a week, and at which row a moment lies."""

    def __init__(self, slots: list[tuple[int, int]]) -> None:
        self.hours = [Hour(hour, bool(fold), n * QUARTERS + 1) for n, (hour, fold) in enumerate(slots)]
        self.place = {slot: n for n, slot in enumerate(slots)}

    def quarter(self, local: datetime) -> int:
        """The quarter of the grid in which a moment of the student's time lies, from 0; outside of it the nearest."""
        place = self.place.get((local.hour, local.fold), self.place.get((local.hour, 0)))
        if place is None:
            return 0 if (local.hour, local.fold) < (self.hours[0].hour, 0) else len(self.hours) * QUARTERS
        return place * QUARTERS + local.minute * QUARTERS // 60


def hours_of_day(day: date, clock: Clock) -> list[tuple[int, int]]:
    """The hours that a day has in the student's zone, as (hour, 1 for the second of two)."""
    return list(_hours_of_day(day, clock.zone))


@lru_cache(maxsize=1000)
def _hours_of_day(day: date, zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
    moment, end = (datetime.combine(each, time.min, zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    found: dict[tuple[int, int], None] = {}
    while moment < end:
        local = moment.astimezone(zone)
        found[(local.hour, local.fold)] = None
        moment += timedelta(minutes=30)
    return tuple(found)


def _grid(days: list[WeekDay], timed: list[list[_Lying]], clock: Clock, *, is_whole: bool) -> _Grid:
    least, most = (0, 24) if is_whole else (FIRST_HOUR, LAST_HOUR)
    for own in timed:
        for entry, first, last, goes_on in own:
            # What goes on from the evening before opens no hours of the night: it stands above the day, or is cut.
            least = least if goes_on else min(least, first.hour)
            most = max(most, 24 if last is None else _last_hour(entry, first, last) + 1)
    slots = {slot for day in days for slot in hours_of_day(day.day, clock)}
    for day in days:
        day.gaps = []
    return _Grid(sorted(slot for slot in slots | {(hour, 0) for hour in range(24)} if least <= slot[0] < most))


def _last_hour(entry: Entry, first: datetime, last: datetime) -> int:
    """The hour in which it still goes on: what is over at ten does not."""
    if entry.ends_at is None or entry.ends_at <= entry.starts_at:
        return first.hour
    return (last - timedelta(microseconds=1)).hour


def _before_the_grid(lying: list[_Lying], grid: _Grid, clock: Clock, courses: dict[int, KnownCourse]) -> list[Item]:
    """Take out what went on from the evening before and is over before the day's first hour: it is a bar above it."""
    first, bars, rest = time(grid.hours[0].hour), [], []
    for each in lying:
        if each.goes_on and each.last is not None and each.last.time() <= first:
            item = item_of(each.entry, clock, courses)
            bars.append(replace(item, title=f"{item.title}, until {wall_time(each.last)}"))
        else:
            rest.append(each)
    lying[:] = rest
    return bars


def _fill(
    day: WeekDay,
    lying: list[_Lying],
    grid: _Grid,
    clock: Clock,
    courses: dict[int, KnownCourse],
) -> None:
    has, rows = hours_of_day(day.day, clock), len(grid.hours) * QUARTERS
    begin, end = (clock.midnight(each).astimezone(UTC) for each in (day.day, day.day + timedelta(days=1)))
    length_h = (end - begin).total_seconds() / 3600
    if length_h != 24:
        day.note = f"{length_h:g} hours: the clocks go {'forward' if length_h < 24 else 'back'}"
        day.gaps = [hour.row for hour in grid.hours if (hour.hour, int(hour.is_second)) not in has]
    else:
        day.gaps = [hour.row for hour in grid.hours if hour.is_second]
    if day.is_today:
        day.now_row = min(grid.quarter(clock.local), rows - 1) + 1
    spans = []
    for entry, begins, ends, _ in lying:
        first = min(grid.quarter(begins), rows - SHORTEST)
        last = rows if ends is None else grid.quarter(ends)
        spans.append((first, max(last, first + SHORTEST), entry))
    for first, last, column, breadth, entry in side_by_side(spans):
        item = item_of(entry, clock, courses)
        length = min(last, rows) - first
        can_move = entry.can_move and not entry.is_all_day
        day.blocks.append(Block(item, first + 1, length, column, breadth, entry.starts_at, can_move))


def side_by_side(spans: list[tuple[int, int, Entry]]) -> list[tuple[int, int, int, int, Entry]]:
    """Give each span a column and a breadth (of twelve), so that none covers another.

    Spans that touch one another through others share their breadth. More than twelve at once lie over each other.
    """
    found: list[tuple[int, int, int, int, Entry]] = []
    cluster: list[tuple[int, int, int, Entry]] = []
    ends: list[int] = []
    over = 0  # by when all of the cluster are over

    def close() -> None:
        breadth = _BREADTHS[min(len(ends), COLUMNS)]
        for first, last, lane, entry in cluster:
            found.append((first, last, min(lane * breadth, COLUMNS - breadth), breadth, entry))
        cluster.clear()
        ends.clear()

    for first, last, entry in sorted(spans, key=lambda span: (span[0], -span[1], span[2].key)):
        if first >= over:
            close()
            lane = 0
        else:
            lane = next((n for n, end in enumerate(ends) if end <= first), len(ends))
        if lane == len(ends):
            ends.append(last)
        else:
            ends[lane] = last
        over = max(over, last)
        cluster.append((first, last, lane, entry))
    close()
    return found
