"""A month as weeks of days: what spans days lies in lanes across them, what is too much is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from courses.calendar.entries import Entry
from courses.calendar.words import Item, KnownCourse, item_of, last_day
from courses.moments import Clock, long_date

LANES = 3
"""Entries that a day shows; what is beyond is one line, "+4 more"."""


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Month:
    weeks: list[list[Day]]


def month_days(day: date) -> tuple[date, date]:
    """The Monday with which a month's first week begins, and the Monday after its last one."""
    first = day.replace(day=1)
    start = first - timedelta(days=first.weekday())
    following = (first + timedelta(days=32)).replace(day=1)
    return start, following + timedelta(days=-following.weekday() % 7)


def build_month(shown: date, entries: list[Entry], clock: Clock, courses: dict[int, KnownCourse]) -> Month:
    """Lay out the month around a day; `entries` are those of all its weeks, earliest first."""
    start, end = month_days(shown)
    weeks = []
    spans = [(clock.day_of(entry.starts_at), last_day(entry, clock), entry) for entry in entries]
    for monday in range((end - start).days // 7):
        first = start + timedelta(days=7 * monday)
        weeks.append(_week(first, shown, spans, clock, courses))
    return Month(weeks)


def _week(
    first: date,
    shown: date,
    spans: list[tuple[date, date, Entry]],
    clock: Clock,
    courses: dict[int, KnownCourse],
) -> list[Day]:
    last = first + timedelta(days=6)
    days = [
        Day(day, long_date(day), day == clock.today, day.month != shown.month)
        for day in (first + timedelta(days=n) for n in range(7))
    ]
    own = [(max(a, first), min(b, last), a, b, entry) for a, b, entry in spans if a <= last and b >= first]
    # Long ones first: a bar keeps its lane through the week, and what is of one day fits around it.
    own.sort(key=lambda span: (span[0], -(span[1] - span[0]).days, not span[4].is_all_day, span[4].starts_at))
    taken: list[set[int]] = [set() for _ in days]
    placed: list[dict[int, Slot]] = [{} for _ in days]
    for begin, stop, whole_begin, whole_stop, entry in own:
        columns = range((begin - first).days, (stop - first).days + 1)
        lane = next((n for n in range(LANES) if all(n not in taken[column] for column in columns)), LANES)
        is_span = entry.is_all_day or whole_begin != whole_stop
        item = item_of(entry, clock, courses) if lane < LANES else None
        for column in columns:
            taken[column].add(lane)
            day = days[column]
            day.count += 1
            if len(day.dots) < 4:
                day.dots.append(f"hue-{entry.hue % 12}" if entry.hue is not None else "no-hue")
            if item is None:
                day.more += 1
                continue
            ends = [*(["starts"] if day.day == whole_begin else []), *(["ends"] if day.day == whole_stop else [])]
            placed[column][lane] = Slot(item, " ".join(ends), is_span, column == columns[0])
    for column, day in enumerate(days):
        lanes = placed[column]
        day.slots = [lanes.get(lane, Slot()) for lane in range(max(lanes, default=-1) + 1)]
    return days
