"""How a course's score moved: its value after each grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from courses.grading.courses import CourseGrades, GradedWork
from courses.grading.rules import group_standing, rounded, total_of


@dataclass(frozen=True, slots=True)
class Point:
    """The score after the grades of one moment."""

    at: datetime
    percent: float
    works: Sequence[GradedWork] = ()


def history_of(grades: CourseGrades, *, most: int | None = None) -> list[Point]:
    """The score so far after each grade, the oldest first; with `most`, only so many moments, spread evenly.

    It knows of each piece of work only its last score: one that was graded twice stands at its last grade.
    """
    graded: dict[datetime, list[GradedWork]] = {}
    for work in grades.works:
        if work.graded_at is not None and work.score is not None and not work.not_counted and not work.is_waiting:
            graded.setdefault(work.graded_at, []).append(work)
    moments = sorted(graded)
    shown = set(moments if most is None or len(moments) <= most else _spread(moments, most))
    groups = {group.id: group for group in grades.rule_groups}
    pieces: dict[int, list[tuple[int, float, float]]] = {key: [] for key in groups}
    parts = {key: group_standing(group, []) for key, group in groups.items()}
    touched: set[int] = set()
    found = []
    for moment in moments:
        for work in graded[moment]:
            pieces[work.group].append((work.id, work.score or 0.0, work.points))
            touched.add(work.group)
        if moment not in shown:
            continue
        for key in touched:  # the other groups stand where they stood
            parts[key] = group_standing(groups[key], pieces[key])
        touched.clear()
        percent = total_of(grades.rule_groups, parts, is_weighted=grades.is_weighted).percent
        if percent is not None:
            found.append(Point(moment, rounded(percent), graded[moment]))
    return found


def _spread(moments: list[datetime], most: int) -> list[datetime]:
    last = len(moments) - 1
    return [moments[round(at * last / (most - 1))] for at in range(most)]
