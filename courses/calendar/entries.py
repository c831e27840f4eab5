"""What lies in a student's time. Every part of this app that has something there registers a layer of it.

The calendar, the planner and the plan of work read all layers through `entries_between` and `busy_between`, and know
none of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import filterfalse
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from coreengine.accounts.models import User

if TYPE_CHECKING:
    from courses.calendar.words import KnownCourse


class Entry(NamedTuple):
    """One thing at a time. `key` is unique in a student's calendar: "assignment:12", "event:7@20261130T090000Z".

    `ends_at` is None for a moment, such as a deadline, and excluded for a span. An entry of whole days begins and
    ends at midnights of the student's zone. `is_busy` says that the time is taken for anything else. `changed_at`,
    where it is known, tells other calendars that they have an older version. `can_move`: the student made it, and may
    drag it to another time.
    """

    key: str
    kind: str
    title: str
    starts_at: datetime
    ends_at: datetime | None = None
    is_all_day: bool = False
    is_busy: bool = False
    is_done: bool = False
    url: str = ""
    location: str = ""
    course_id: int | None = None
    course: str = ""
    hue: int | None = None
    changed_at: datetime | None = None
    can_move: bool = False


Interval = tuple[datetime, datetime]
ReadLayer = Callable[[User, datetime, datetime], Iterable[Entry]]
ReadFirst = Callable[
    [User, datetime, datetime, int, date, "Mapping[int, KnownCourse]"], tuple[list[Entry], dict[date, int]]
]


@dataclass(frozen=True)
class Layer:
    """One kind of entries; `read(owner, start, end)` gives those that touch the span, with no query per entry.

    A layer of deadlines takes nobody's time (`takes_time`), and is not read where only that is asked.

    Of a layer with hundreds of moments a month, `read_first(owner, start, end, count, whole, courses)` gives the first
    of each of the student's days, all of one day, and how many more each day has; `courses` are the student's, by id.
    """

    key: str
    label: str
    icon: str
    read: ReadLayer
    order: int
    takes_time: bool = True
    read_first: ReadFirst | None = None


_layers: dict[str, Layer] = {}


def register_layer(layer: Layer) -> None:
    """Add a kind of entries to every student's calendar."""
    _layers[layer.key] = layer


def layers() -> list[Layer]:
    """List the layers in order."""
    return sorted(_layers.values(), key=lambda layer: layer.order)


def entries_between(owner: User, start: datetime, end: datetime, *, only: Iterable[str] | None = None) -> list[Entry]:
    """Read what lies from `start` (included) to `end` (excluded), earliest first, whole days before times.

    `only` names the layers to read; all of them by default.
    """
    return in_order(entry for layer in _wanted(only) for entry in layer.read(owner, start, end))


def first_between(
    owner: User,
    start: datetime,
    end: datetime,
    count: int,
    *,
    whole: date,
    courses: Mapping[int, KnownCourse],
    only: Iterable[str] | None = None,
) -> tuple[list[Entry], dict[date, int]]:
    """Read as `entries_between` does, but where a layer can, only the first `count` of each day; and what is left.

    Of the day `whole` nothing is left. In the order of a day, nothing that was left stands before the first `count`
    of all that was read.
    """
    found: list[Entry] = []
    left: dict[date, int] = {}
    for layer in _wanted(only):
        if layer.read_first is None:
            found += layer.read(owner, start, end)
            continue
        first, more = layer.read_first(owner, start, end, count, whole, courses)
        found += first
        for day, number in more.items():
            left[day] = left.get(day, 0) + number
    return in_order(found), left


def _wanted(only: Iterable[str] | None) -> list[Layer]:
    wanted = None if only is None else set(only)
    return [layer for layer in layers() if wanted is None or layer.key in wanted]


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort them: the earliest first, whole days before times."""
    # Two sorts by attributes and one that merges them: half of what one by a function takes.
    found = list(entries)
    whole = sorted(filter(_IS_ALL_DAY, found), key=_PLACE)
    return sorted([*whole, *sorted(filterfalse(_IS_ALL_DAY, found), key=_PLACE)], key=attrgetter("starts_at"))


_IS_ALL_DAY, _PLACE = attrgetter("is_all_day"), attrgetter("starts_at", "title", "key")


def busy_between(owner: User, start: datetime, end: datetime, *, leaving_out: Iterable[str] = ()) -> list[Interval]:
    """Give the times that are taken, joined where they touch and cut to the span; `leaving_out` names layers."""
    left_out = set(leaving_out)
    keys = [layer.key for layer in layers() if layer.takes_time and layer.key not in left_out]
    spans = [
        (max(entry.starts_at, start), min(entry.ends_at, end))
        for entry in entries_between(owner, start, end, only=keys)
        if entry.is_busy and entry.ends_at is not None
    ]
    return joined(spans)


def joined(spans: Iterable[Interval]) -> list[Interval]:
    """Join intervals that overlap or touch; empty ones vanish."""
    result: list[Interval] = []
    for first, last in sorted(span for span in spans if span[0] < span[1]):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return result
