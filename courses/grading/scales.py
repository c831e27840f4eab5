"""Letters for percentages, and points for letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError

from courses.grading.rules import rounded

MOST_ROWS = 20
LONGEST_NAME = 10
MOST_POINTS = 20.0


@dataclass(frozen=True, slots=True)
class Step:
    """One letter: from which percentage on, and what it is worth in a grade point average (None: nothing)."""

    name: str
    least: float
    points: float | None = None


Scale = tuple[Step, ...]

COMMON: Scale = (
    Step("A", 93, 4.0),
    Step("A-", 90, 3.7),
    Step("B+", 87, 3.3),
    Step("B", 83, 3.0),
    Step("B-", 80, 2.7),
    Step("C+", 77, 2.3),
    Step("C", 73, 2.0),
    Step("C-", 70, 1.7),
    Step("D+", 67, 1.3),
    Step("D", 63, 1.0),
    Step("D-", 60, 0.7),
    Step("F", 0, 0.0),
)
"""What stands in for a course that has no scale of its own."""


def source_scale(rows: Sequence[Sequence[Any]] | None) -> Scale | None:
    """A scale as a source keeps it: letter and percentage; the points are those of the common letters."""
    return tuple(Step(name, least, points_of(name)) for name, least in rows) if rows else None


def letter(percent: float | None, scale: Scale) -> Step | None:
    """The step that a percentage reaches, as it is shown: 92.995 counts as 93."""
    if percent is None:
        return None
    shown = rounded(percent)
    return next((step for step in scale if shown >= step.least), None)


def is_falling(scale: Scale) -> bool:
    """True where a lower number is the better grade, as in Germany."""
    points = [step.points for step in scale if step.points is not None]
    return len(points) > 1 and points[0] < points[-1]


def points_of(name: str, scale: Scale = COMMON) -> float | None:
    """What a letter that the source gave is worth; None for one that the scale does not know."""
    plain = name.strip().replace("−", "-").upper()
    return next((step.points for step in scale if step.name.upper() == plain), None)


def checked_scale(rows: Iterable[Sequence[Any]]) -> Scale:
    """Turn rows of name, least percentage and points into a scale, the highest first.

    Raises:
        ValidationError: under `scale`, with every fault and its row.
    """
    steps: list[Step] = []
    faults: list[str] = []
    for number, row in enumerate(rows, start=1):
        if not any(str(value).strip() for value in row if value is not None):
            continue
        try:
            steps.append(_step(row))
        except ValueError as error:
            faults.append(f"Row {number}: {error}")
    if not faults:
        faults = list(_faults(steps))
    if faults:
        raise ValidationError({"scale": faults})
    return tuple(steps)


def _step(row: Sequence[Any]) -> Step:
    name, least, points = (*row, None, None, None)[:3]
    name = str(name or "").strip()
    if not name:
        raise ValueError("a letter is missing.")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"“{name[:LONGEST_NAME]}…” is longer than {LONGEST_NAME} characters.")
    percent = _number(least, f"the least percentage of “{name}”")
    if percent is None:
        raise ValueError(f"the least percentage of “{name}” is missing.")
    if not 0 <= percent <= 1000:
        raise ValueError(f"{percent:g} is not a percentage from 0 on.")
    worth = _number(points, f"the points of “{name}”")
    if worth is not None and not 0 <= worth <= MOST_POINTS:
        raise ValueError(f"the points of “{name}” lie between 0 and {MOST_POINTS:g}.")
    return Step(name, percent, worth)


def _number(value: Any, what: str) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(str(value).strip().removesuffix("%").replace(",", "."))
    except ValueError:
        raise ValueError(f"{what} is not a number: “{str(value)[:20]}”.") from None
    if not abs(number) < 1e6:
        raise ValueError(f"{what} is not a number that can be used.")
    return number


def _faults(steps: list[Step]) -> Iterable[str]:
    if not steps:
        yield "A scale has at least one letter."
        return
    if len(steps) > MOST_ROWS:
        yield f"A scale has at most {MOST_ROWS} letters."
    names = [step.name.upper() for step in steps]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"“{name}” stands in it twice."
    for above, below in zip(steps, steps[1:], strict=False):
        if below.least == above.least:
            yield f"“{above.name}” and “{below.name}” overlap: both begin at {below.least:g} %."
        elif below.least > above.least:
            yield (
                f"“{below.name}” begins at {below.least:g} %, which is not below “{above.name}” ({above.least:g} %). "
                "Write the highest first."
            )
    if steps[-1].least != 0:
        last = steps[-1]
        yield f"There is a gap: below {last.least:g} % no letter applies. Let the last one begin at 0 %."
