"""Lines over time as numbers for an SVG drawing; a table beside each has the same for those who read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from courses.grading.history import Point
from courses.moments import Clock, short_date

LEFT, RIGHT, TOP, BOTTOM = 34, 10, 12, 24
SPARK_WIDTH, SPARK_HEIGHT = 96, 24


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of a chart with its words."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A value of a chart with what made it."""

    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Chart:
    """One drawing. A chart is drawn twice, for a wide and for a narrow place, so that its letters keep their size."""

    kind: str
    width: int
    height: int
    points: str
    dots: Sequence[Dot]
    ticks: Sequence[Tick]
    days: Sequence[Tick] = field(default_factory=tuple)
    left: int = LEFT
    right: int = 0
    base: int = 0
    goal: float | None = None
    """Where the goal's line lies, None where it lies outside or there is none."""


SIZES = (("wide", 680, 180), ("narrow", 340, 160))


def grade_charts(history: Sequence[Point], clock: Clock, goal: float | None = None) -> list[Chart]:
    """Draw how a score moved, for each width; nothing for fewer than two grades."""
    if len(history) < 2:
        return []
    words = [
        f"{short_date(clock.day_of(point.at))}: {point.percent:g} %"
        + (f" after {point.works[0].name}" if point.works else "")
        + (f" and {len(point.works) - 1} more" if len(point.works) > 1 else "")
        for point in history
    ]
    places = [point.at.timestamp() for point in history]
    values = [point.percent for point in history]
    days = [short_date(clock.day_of(point.at)) for point in history]
    return [_chart(*size, places, values, words, days, goal) for size in SIZES]


def average_charts(rows: Sequence[tuple[str, float]]) -> list[Chart]:
    """Draw how a grade point average moved over terms, the oldest first; nothing for fewer than two."""
    if len(rows) < 2:
        return []
    values = [value for _name, value in rows]
    words = [f"{name}: {value:.2f}" for name, value in rows]
    places = [float(at) for at in range(len(rows))]
    names = [name for name, _value in rows]
    return [_chart(kind, width, 140, places, values, words, names, None, step=1.0) for kind, width, _tall in SIZES]


def sparkline(values: Sequence[float]) -> str:
    """The points of a small line without axes; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = max(high - low, 4.0)
    low = (high + low - span) / 2
    wide, tall = SPARK_WIDTH - 6, SPARK_HEIGHT - 6
    return " ".join(
        f"{3 + wide * at / (len(values) - 1):.1f},{3 + tall * (1 - (value - low) / span):.1f}"
        for at, value in enumerate(values)
    )


def _chart(
    kind: str,
    width: int,
    height: int,
    places: list[float],
    values: list[float],
    words: list[str],
    names: list[str],
    goal: float | None,
    step: float = 10.0,
) -> Chart:
    shown = [*values, goal] if goal is not None and abs(goal - values[-1]) <= 3 * step else values
    low = max(0.0, step * (min(shown) // step))
    high = step * -(-max(shown) // step)
    if high - low < 2 * step:
        low = max(0.0, high - 2 * step)
        high = max(high, low + 2 * step)
    while (high - low) / step > 5:
        step *= 2
        low = step * (low // step)
        high = step * -(-high // step)
    first, span = places[0], (places[-1] - places[0]) or 1.0
    wide, tall = width - LEFT - RIGHT, height - TOP - BOTTOM

    def down(value: float) -> float:
        return round(TOP + tall * (high - value) / (high - low), 1)

    xs = [round(LEFT + wide * (place - first) / span, 1) for place in places]
    dots = [Dot(x, down(value), text) for x, value, text in zip(xs, values, words, strict=True)]
    count = round((high - low) / step)
    return Chart(
        kind=kind,
        width=width,
        height=height,
        points=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        dots=dots,
        ticks=[Tick(down(low + at * step), f"{low + at * step:g}") for at in range(count + 1)],
        days=_days(xs, names, room=72 if kind == "wide" else 64),
        right=width - RIGHT,
        base=height - 6,
        goal=down(goal) if goal is not None and low <= goal <= high else None,
    )


def _days(xs: list[float], names: list[str], *, room: int) -> list[Tick]:
    """Names below the line, each with room for its letters; the last one always."""
    found: list[Tick] = []
    for x, name in zip(xs, names, strict=True):
        if (not found or x - found[-1].place >= room) and xs[-1] - x >= room:
            found.append(Tick(x, name[:16]))
    return [*found, Tick(xs[-1], names[-1][:16])]


def history_rows(history: Sequence[Point]) -> list[tuple[datetime, float, float | None, str]]:
    """Rows of a history for reading, the newest first: when, the score, by how much it moved, after what."""
    rows = []
    before: float | None = None
    for point in history:
        moved = None if before is None else round(point.percent - before, 2)
        rows.append((point.at, point.percent, moved, ", ".join(work.name for work in point.works)))
        before = point.percent
    return rows[::-1]
