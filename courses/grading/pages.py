"""What the pages of grades show: lines of groups and work, the chart, terms with their average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from courses.grading.courses import NO_GROUP, NOT_COUNTED, Changes, CourseGrades, GradedWork, Needed, average
from courses.grading.rules import rounded
from courses.models import Term

CHART_WIDTH, CHART_HEIGHT = 640, 160
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 12, 22


@dataclass(frozen=True)
class WorkLine:
    """One piece of work with what happens to it."""

    work: GradedWork
    score: str
    percent: str
    flag: str
    """"dropped", "excused", ...; empty when it counts or will count."""
    change: Mapping[str, Any]
    typed: str = ""
    error: str = ""


@dataclass(frozen=True)
class GroupLine:
    """A group with its part of the grade."""

    title: str
    detail: str
    percent: str
    lines: Sequence[WorkLine]


@dataclass(frozen=True)
class Tick:
    """A line of the chart with its words."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """The score so far over time, as an SVG drawing's numbers and as rows for those who read them."""

    points: str
    dots: Sequence[tuple[float, float]]
    ticks: Sequence[Tick]
    rows: Sequence[tuple[datetime, float]]
    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT
    left: int = LEFT
    right: int = CHART_WIDTH - RIGHT
    base: int = CHART_HEIGHT - BOTTOM


@dataclass(frozen=True)
class TermLine:
    """A term's courses and their average."""

    title: str
    average: float | None
    courses: Sequence[CourseGrades] = field(default_factory=tuple)


def percent_text(value: float | None) -> str:
    """ "91.5 %", or a dash."""
    return "–" if value is None else f"{rounded(value):g} %"


def group_lines(
    grades: CourseGrades,
    changes: Changes,
    *,
    typed: Mapping[int, str] | None = None,
    errors: Mapping[int, str] | None = None,
) -> list[GroupLine]:
    """The work of a course by group, `grades` being those with the changes made."""
    parts = grades.current.groups
    dropped = grades.current.dropped
    weight = grades.current.weight
    by_group: dict[int, list[WorkLine]] = {}
    for work in grades.works:
        change = changes.get(work.id, {})
        by_group.setdefault(work.group, []).append(
            WorkLine(
                work=work,
                score=_score_text(work),
                percent=percent_text(work.percent) if work.percent is not None else "",
                flag=_flag(work, dropped),
                change=change,
                typed=(typed or {}).get(work.id, f"{change['score']:g}" if "score" in change else ""),
                error=(errors or {}).get(work.id, ""),
            )
        )
    found = []
    for group in grades.groups:
        if group.pk in by_group or group.weight:
            detail = _detail(group, grades.is_weighted, weight, is_counting=bool(parts[group.pk].points))
            found.append(
                GroupLine(group.name, detail, percent_text(parts[group.pk].percent), by_group.get(group.pk, []))
            )
    if NO_GROUP in by_group:
        detail = "counts for nothing: the course weighs groups" if grades.is_weighted else ""
        title = "Without a group" if grades.groups else "Work"
        found.append(GroupLine(title, detail, percent_text(parts[NO_GROUP].percent), by_group[NO_GROUP]))
    return found


def weight_note(grades: CourseGrades) -> str:
    """Say how weights that do not give 100 % together are taken; empty when they do."""
    total = sum(group.weight or 0 for group in grades.groups)
    if not grades.is_weighted or abs(total - 100) < 0.005:
        return ""
    if total < 100:
        return f"The weights give {total:g} % together; they are scaled up to 100 %."
    return f"The weights give {total:g} % together: what lies above 100 % is extra credit."


def chart_of(history: Sequence[tuple[datetime, float]]) -> Chart | None:
    """Draw how the score moved; None for fewer than two grades."""
    if len(history) < 2:
        return None
    first, last = history[0][0], history[-1][0]
    span = max((last - first).total_seconds(), 1.0)
    values = [value for _moment, value in history]
    low = max(0.0, 10 * (min(values) // 10) - 10)
    high = max(low + 20, 10 * -(-max(values) // 10))
    wide, tall = CHART_WIDTH - LEFT - RIGHT, CHART_HEIGHT - TOP - BOTTOM

    def place(moment: datetime, value: float) -> tuple[float, float]:
        x = LEFT + wide * (moment - first).total_seconds() / span
        return round(x, 1), round(TOP + tall * (high - value) / (high - low), 1)

    dots = [place(moment, value) for moment, value in history]
    step = 10 if high - low <= 50 else 20
    ticks = [
        Tick(round(TOP + tall * (high - value) / (high - low), 1), f"{value:g}")
        for value in range(int(low), int(high) + 1, step)
    ]
    return Chart(" ".join(f"{x},{y}" for x, y in dots), dots, ticks, list(reversed(history)))


def needed_words(needed: Needed, work: GradedWork, goal: str) -> str:
    """The answer to "what do I need on this for that?"."""
    if needed.kind == "no_effect":
        return f"“{work.name}” cannot change the score: it has no points that count."
    if needed.kind == "secured":
        return f"You have {goal} already: even 0 points on “{work.name}” keep it."
    if needed.kind == "unreachable":
        return (
            f"{goal} cannot be reached with “{work.name}” alone: "
            f"all {work.points:g} points give {percent_text(needed.best)}."
        )
    assert needed.score is not None
    share = f" ({100 * needed.score / work.points:.1f} %)" if work.points else ""
    return f"{needed.score:g} of {work.points:g} points{share} on “{work.name}” give {goal}."


def term_lines(grades: Iterable[CourseGrades]) -> list[TermLine]:
    """Courses by term, in the given order, each term with its average."""

    def term(each: CourseGrades) -> Term | None:
        return each.course.term

    found = []
    for key, group in groupby(grades, key=term):
        courses = list(group)
        found.append(TermLine(key.name if key else "Other courses", average(courses)[0], courses))
    return found


def _score_text(work: GradedWork) -> str:
    points = f"{work.points:g}" if work.points else ""
    if work.score is None:
        return f"– of {points}" if points else "–"
    return f"{work.score:g} of {points}" if points else f"{work.score:g}"


def _flag(work: GradedWork, dropped: frozenset[int]) -> str:
    if work.not_counted:
        return NOT_COUNTED[work.not_counted]
    if work.id in dropped:
        return "dropped"
    return "waits for a grade" if work.is_waiting else ""


def _detail(group: Any, is_weighted: bool, weight: float, *, is_counting: bool) -> str:
    words = []
    if is_weighted:
        own = group.weight or 0
        words.append(f"{own:g} % of the grade")
        if is_counting and weight and weight < 99.995:
            words.append(f"{100 * own / weight:.3g} % so far")
    if group.drop_lowest:
        words.append(
            "the lowest is dropped" if group.drop_lowest == 1 else f"the {group.drop_lowest} lowest are dropped"
        )
    if group.drop_highest:
        words.append(
            "the highest is dropped" if group.drop_highest == 1 else f"the {group.drop_highest} highest are dropped"
        )
    return ", ".join(words)
