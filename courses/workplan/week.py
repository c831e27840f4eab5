"""A week of the plan as a picture: days across, hours down, every place worked out here for an SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from courses.calendar.entries import Interval
from courses.moments import short_date

AXIS, COLUMN, HOUR, HEAD = 44, 136, 44, 30
LETTER = 7.8
LEAST_HEIGHT = 18


@dataclass(frozen=True)
class Box:
    """Something in the picture. `block` is a line of the list (`pages.BlockLine`), None for time that is taken."""

    x: int
    y: int
    height: int
    width: int
    block: Any = None

    @property
    def title(self) -> str:
        return cut(self.block.title, int((self.width - 14) / LETTER))

    @property
    def text_x(self) -> int:
        return self.x + 8

    @property
    def title_y(self) -> int:
        return self.y + (13 if self.height < 34 else 16)

    @property
    def time_y(self) -> int:
        return self.y + 30

    @property
    def has_time(self) -> bool:
        return self.height >= 34


@dataclass(frozen=True)
class Column:
    """One day. `x` is its left edge."""

    day: date
    x: int
    label: str
    is_today: bool

    @property
    def middle(self) -> int:
        return self.x + COLUMN // 2


@dataclass(frozen=True)
class Mark:
    """An hour's line."""

    y: int
    label: str

    @property
    def base(self) -> int:
        return self.y + 4


@dataclass(frozen=True)
class Week:
    """The whole picture."""

    columns: list[Column]
    hours: list[Mark]
    open: list[Box]
    busy: list[Box]
    boxes: list[Box]
    first_hour: int
    height: int
    now: Box | None = None

    width = AXIS + 7 * COLUMN
    axis = AXIS
    column = COLUMN
    hour = HOUR
    head = HEAD

    @property
    def days(self) -> str:
        return " ".join(column.day.isoformat() for column in self.columns)


def draw_week(
    days: Sequence[date],
    blocks: Iterable[Any],
    *,
    working: Iterable[Interval],
    busy: Iterable[Interval],
    now: datetime,
    zone: ZoneInfo,
) -> Week:
    """Place blocks, working hours and busy time; the hours shown are those in which there is anything."""
    blocks, working, busy = list(blocks), list(working), list(busy)
    spans = [*working, *((block.starts_at, block.ends_at) for block in blocks)]
    first, last = _hours(spans, zone)
    at = {day: AXIS + COLUMN * number for number, day in enumerate(days)}

    def boxes(span: Interval, block: Any = None) -> list[Box]:
        return _boxes(span, at, first, last, zone, block)

    today = now.astimezone(zone).date()
    line = boxes((now, now + timedelta(minutes=1)))
    return Week(
        columns=[Column(day, at[day], f"{day:%a} {short_date(day)}", day == today) for day in days],
        hours=[Mark(HEAD + (hour - first) * HOUR, f"{hour:02}:00") for hour in range(first, last + 1)],
        open=[box for span in working for box in boxes(span)],
        busy=[box for span in busy for box in boxes(span)],
        boxes=[box for block in blocks for box in boxes((block.starts_at, block.ends_at), block)],
        first_hour=first,
        height=HEAD + (last - first) * HOUR + 8,
        now=line[0] if line else None,
    )


def _hours(spans: Iterable[Interval], zone: ZoneInfo) -> tuple[int, int]:
    starts, ends = [9], [17]
    for begin, end in spans:
        local, until = begin.astimezone(zone), end.astimezone(zone)
        starts.append(0 if until.date() > local.date() else local.hour)
        ends.append(24 if until.date() > local.date() else until.hour + bool(until.minute))
    return min(starts), max(ends)


def _boxes(span: Interval, at: dict[date, int], first: int, last: int, zone: ZoneInfo, block: Any) -> list[Box]:
    """One box a day that the span touches, by the clock on the wall, cut to the hours shown."""
    begin, end = span[0].astimezone(zone), span[1].astimezone(zone)
    found, day = [], begin.date()
    while day <= end.date():
        start = _minutes(begin.time()) if day == begin.date() else 0
        stop = _minutes(end.time()) if day == end.date() else 24 * 60
        start, stop = max(start, first * 60), min(stop, last * 60)
        if day in at and start < stop:
            y = HEAD + round((start - first * 60) * HOUR / 60)
            height = max(round((stop - start) * HOUR / 60) - 2, LEAST_HEIGHT if block else 1)
            found.append(Box(at[day] + 3, y + 1, height, COLUMN - 6, block))
        day += timedelta(days=1)
    return found


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def cut(text: str, letters: int) -> str:
    """Shorten a text to what fits."""
    return text if len(text) <= letters else text[: max(1, letters - 1)].rstrip() + "…"
