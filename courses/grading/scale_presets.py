"""Grading scales that are in use, as rows of letter, least percentage and points, the highest first.

Schools differ in the percentages: each is a start to be changed, not a rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from courses.grading.scales import COMMON, Scale, Step


@dataclass(frozen=True, slots=True)
class Preset:
    """A scale with its name."""

    key: str
    name: str
    scale: Scale


def _rows(*rows: tuple[str, float, float | None]) -> Scale:
    return tuple(Step(*row) for row in rows)


GERMAN = _rows(
    *(("1.0", 95, 1.0), ("1.3", 90, 1.3), ("1.7", 85, 1.7), ("2.0", 80, 2.0), ("2.3", 75, 2.3), ("2.7", 70, 2.7)),
    *(("3.0", 65, 3.0), ("3.3", 60, 3.3), ("3.7", 55, 3.7), ("4.0", 50, 4.0), ("5.0", 0, 5.0)),
)
ECTS = _rows(
    *(("A", 90, 5.0), ("B", 80, 4.0), ("C", 70, 3.0), ("D", 60, 2.0), ("E", 50, 1.0), ("FX", 40, 0.0), ("F", 0, 0.0)),
)
UK = _rows(("First", 70, 4.0), ("2:1", 60, 3.0), ("2:2", 50, 2.0), ("Third", 40, 1.0), ("Fail", 0, 0.0))
PLAIN = _rows(("A", 90, 4.0), ("B", 80, 3.0), ("C", 70, 2.0), ("D", 60, 1.0), ("F", 0, 0.0))
PASS = _rows(("Pass", 50, None), ("Fail", 0, None))
PERCENT = _rows(*((f"{least} %", least, least / 10) for least in range(100, -1, -10)))

PRESETS = (
    Preset("common", "A to F with + and −", COMMON),
    Preset("plain", "A to F", PLAIN),
    Preset("german", "German, 1.0 to 5.0", GERMAN),
    Preset("ects", "ECTS, A to F", ECTS),
    Preset("uk", "UK honours", UK),
    Preset("pass", "Pass or fail", PASS),
    Preset("percent", "Steps of 10 %", PERCENT),
)


def preset(key: str) -> Preset | None:
    """The scale of that key."""
    return next((each for each in PRESETS if each.key == key), None)
