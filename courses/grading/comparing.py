"""Scenarios of one course side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from courses.grading.courses import CourseGrades
from courses.grading.pages import percent_text, score_text, signed
from courses.grading.scenarios import COUNTS, changes_in, played
from courses.models import GradeScenario


@dataclass(frozen=True)
class Column:
    """One scenario, or the grade as it is (`scenario` None)."""

    scenario: GradeScenario | None
    name: str
    percent: str
    letter: str
    final: str
    moved: str
    is_worse: bool
    error: str = ""


@dataclass(frozen=True)
class Row:
    """One piece of work that some scenario changes: how it is, and how in each scenario."""

    name: str
    cells: Sequence[str]


@dataclass(frozen=True)
class Table:
    """The scenarios of a course side by side."""

    columns: Sequence[Column]
    rows: Sequence[Row]

    @property
    def has_scenarios(self) -> bool:
        return len(self.columns) > 1


def compared(
    grades: CourseGrades, scenarios: Sequence[GradeScenario], *, wrong: Mapping[int, tuple[str, str]] | None = None
) -> Table:
    """Put scenarios beside the grade as it is; `wrong` has names that were refused, with the reason."""
    columns = [_column(grades, grades, None)]
    for scenario in scenarios:
        name, error = (wrong or {}).get(scenario.pk, (scenario.name, ""))
        columns.append(_column(grades, played(grades, scenario), scenario, name, error))
    all_changes = [changes_in(scenario) for scenario in scenarios]
    touched = {number for changes in all_changes for number in changes}
    rows = [
        Row(work.name, [score_text(work), *(_cell(changes.get(work.id)) for changes in all_changes)])
        for work in grades.works
        if work.id in touched
    ]
    for at, scenario in enumerate(scenarios):
        for extra in scenario.extra:
            score = "–" if extra.get("score") is None else f"{extra['score']:g}"
            cells = [""] * (len(scenarios) + 1)
            cells[at + 1] = f"{score} of {extra['points']:g}"
            rows.append(Row(f"{extra['name']} (may come)", cells))
    return Table(columns, rows)


def _column(
    before: CourseGrades, after: CourseGrades, scenario: GradeScenario | None, name: str = "As it is", error: str = ""
) -> Column:
    moved = None
    if scenario is not None and before.percent is not None and after.percent is not None:
        moved = round(after.percent - before.percent, 2)
    return Column(
        scenario=scenario,
        name=name,
        percent=percent_text(after.current.percent),
        letter=after.letter.name if after.letter else "",
        final=percent_text(after.final.percent),
        moved="" if moved is None else signed(moved),
        is_worse=bool(moved and moved < 0),
        error=error,
    )


def _cell(change: Mapping[str, Any] | None) -> str:
    if change is None:
        return ""
    if change.get("left_out"):
        return "left out"
    counts = change.get("counts")
    return f"{change['score']:g}" + (f", {COUNTS[counts]}" if counts else "")
