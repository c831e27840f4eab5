"""Places for boxes across the page: what needs something stands right of it, and few lines cross."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from coreengine.kernel.graphs.lines import Line

GAP_X, GAP_Y = 44, 16
BEND_HEIGHT = 8
SWEEPS = 4


class Box(Protocol):
    """A thing with a name and a size; it is moved from the origin to its place."""

    @property
    def name(self) -> str: ...

    width: int
    height: int
    x: int
    y: int

    def shift(self, dx: int, dy: int) -> None: ...


@dataclass
class _Bend:
    """Where a long line passes a rank, so that it goes round the boxes there and not behind them."""

    height: int = BEND_HEIGHT
    y: int = 0


L = TypeVar("L", bound=Line)


@dataclass
class Placing(Generic[L]):
    """The lines between the boxes, and how large the whole is."""

    lines: list[L]
    width: int
    height: int


def place_boxes(
    ranked: Sequence[Sequence[Box]],
    needs: Mapping[str, Iterable[str]],
    *,
    make_line: Callable[[Any, Any, list[tuple[int, int]]], L],
) -> Placing[L]:
    """Move boxes to their places, a column for each rank, and draw the lines of what they need.

    A circle has a line that would run backwards; it is left out. The boxes begin at the origin.
    """
    boxes = {box.name: box for rank in ranked for box in rank}
    rank_of = {box.name: number for number, rank in enumerate(ranked) for box in rank}
    columns: list[list[Any]] = [list(rank) for rank in ranked]
    routes: list[list[Any]] = []
    for name, wanted in needs.items():
        for need in dict.fromkeys(wanted):
            if need in boxes and name in boxes and rank_of[need] < rank_of[name]:
                route: list[Any] = [boxes[need]]
                for number in range(rank_of[need] + 1, rank_of[name]):
                    bend = _Bend()
                    columns[number].append(bend)
                    route.append(bend)
                routes.append([*route, boxes[name]])
    _untangle(columns, routes)
    starts, widths = _place(columns)
    lines = [make_line(route[0], route[-1], _points(route, rank_of[route[0].name], starts, widths)) for route in routes]
    tallest = max((sum(item.height for item in column) + GAP_Y * (len(column) - 1) for column in columns), default=0)
    return Placing(lines, starts[-1] + widths[-1] if starts else 0, tallest)


def place_in_bands(
    ranked: Sequence[Sequence[Box]],
    needs: Mapping[str, Iterable[str]],
    *,
    make_line: Callable[[Any, Any, list[tuple[int, int]]], L],
    columns: int,
    gap: int = 40,
) -> Placing[L]:
    """As `place_boxes`, in bands of so many columns one below the other, so that a long chain fits a page.

    The boxes should have one width. Lines to a lower band go down between the columns; they leave a margin of
    half a column's gap around the picture, which the caller adds.
    """
    bands = [ranked[start : start + columns] for start in range(0, len(ranked), columns)]
    lines: list[L] = []
    bottoms: list[int] = []
    band_of: dict[str, int] = {}
    width = y = 0
    for number, band in enumerate(bands):
        here = {box.name for rank in band for box in rank}
        band_of |= dict.fromkeys(here, number)
        inside = {name: [need for need in wanted if need in here] for name, wanted in needs.items() if name in here}
        placing = place_boxes(band, inside, make_line=make_line)
        for box in (box for rank in band for box in rank):
            box.shift(0, y)
        for line in placing.lines:
            line.points = [(x, at + y) for x, at in line.points]
        lines += placing.lines
        width = max(width, placing.width)
        bottoms.append(y + placing.height)
        y += placing.height + gap
    boxes = {box.name: box for rank in ranked for box in rank}
    for name, wanted in needs.items():
        for need in dict.fromkeys(wanted):
            if need in boxes and name in boxes and band_of[need] < band_of[name]:
                start, end = boxes[need], boxes[name]
                lines.append(make_line(start, end, _down_to(start, end, bottoms[band_of[need]] + gap // 2)))
    return Placing(lines, width, bottoms[-1] if bottoms else 0)


def _down_to(start: Box, end: Box, between: int) -> list[tuple[int, int]]:
    """Right of the start, down between the bands, then beside the end's column."""
    right, left = start.x + start.width + GAP_X // 2, end.x - GAP_X // 2
    from_y, to_y = start.y + start.height // 2, end.y + end.height // 2
    across = [(start.x + start.width, from_y), (right, from_y), (right, between), (left, between)]
    return [*across, (left, to_y), (end.x, to_y)]


def _place(columns: list[list[Any]]) -> tuple[list[int], list[int]]:
    """Give every box its place, columns in the middle; answer with where columns begin and how wide they are."""
    heights = [sum(item.height for item in column) + GAP_Y * (len(column) - 1) for column in columns]
    tallest, x = max(heights, default=0), 0
    starts, widths = [], []
    for column, height in zip(columns, heights, strict=True):
        width = max((item.width for item in column if not isinstance(item, _Bend)), default=0)
        y = (tallest - height) // 2
        for item in column:
            if isinstance(item, _Bend):
                item.y = y
            else:
                item.shift(x, y)
            y += item.height + GAP_Y
        starts.append(x)
        widths.append(width)
        x += width + GAP_X
    return starts, widths


def _points(route: list[Any], rank: int, starts: list[int], widths: list[int]) -> list[tuple[int, int]]:
    start, end = route[0], route[-1]
    y = start.y + start.height // 2
    points = [(start.x + start.width, y)]
    if start.x + start.width < starts[rank] + widths[rank]:
        points.append((starts[rank] + widths[rank], y))  # straight on past its broader neighbours
    for number, bend in enumerate(route[1:-1], rank + 1):
        y = bend.y + bend.height // 2
        points += [(starts[number], y), (starts[number] + widths[number], y)]
    points.append((end.x, end.y + end.height // 2))
    return points


def _untangle(columns: list[list[Any]], routes: list[list[Any]]) -> None:
    """Sort each column by where its neighbours stand, forth and back, so that few lines cross."""
    before: dict[int, list[Any]] = {}
    after: dict[int, list[Any]] = {}
    for route in routes:
        for left, right in zip(route, route[1:], strict=False):
            before.setdefault(id(right), []).append(left)
            after.setdefault(id(left), []).append(right)
    place: dict[int, float] = {}

    def number(column: list[Any]) -> None:
        for index, item in enumerate(column):
            place[id(item)] = index - (len(column) - 1) / 2

    for column in columns:
        number(column)
    for sweep in range(SWEEPS):
        near = after if sweep % 2 else before
        for column in reversed(columns) if sweep % 2 else columns:

            def wish(item: Any, near: dict[int, list[Any]] = near) -> float:
                others = near.get(id(item))
                return sum(place[id(o)] for o in others) / len(others) if others else place[id(item)]

            column.sort(key=wish)
            number(column)
