""" "What do I need?": solved with the very arithmetic of the grade, through weights and drop rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from courses.grading.courses import CourseGrades, GradedWork
from courses.grading.rules import rounded

PARTS = 100
"""A score is asked for in hundredths: of a point, or of a per cent."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What a piece of work, or all that is left, must give for a goal.

    `kind`: "secured" (nothing needed), "reachable" (`score` is needed), "unreachable" (full marks give `best`),
    "no_effect" (it cannot change the score). `score` is in points, or in per cent of each piece for all that is left.
    """

    kind: str
    goal: float
    score: float | None = None
    best: float | None = None
    count: int = 1
    """Over how many pieces of work."""


def left_over(grades: CourseGrades) -> list[GradedWork]:
    """The work that has points and no score that counts yet."""
    return [
        work
        for work in grades.works
        if not work.not_counted and work.points and (work.score is None or work.is_waiting or work.is_missing)
    ]


def needed_on(grades: CourseGrades, number: int, goal: float) -> Needed:
    """Say what score on one piece of work gives the goal, all else staying as it is.

    Raises:
        KeyError: the course has no such work.
    """
    work = grades.work(number)
    if work is None:
        raise KeyError(number)
    return _solved(goal, work.points, 1, lambda score: _shown(grades.with_changes({number: {"score": score}})))


def needed_on_all(grades: CourseGrades, goal: float) -> Needed:
    """Say what share (in per cent) of each piece that is left gives the goal, the same on each."""
    works = left_over(grades)

    def shown(share: float) -> float | None:
        return _shown(grades.with_changes({work.id: {"score": work.points * share / 100} for work in works}))

    return _solved(goal, 100.0 if works else 0.0, len(works), shown)


def _shown(grades: CourseGrades) -> float | None:
    percent = grades.current.percent
    return None if percent is None else rounded(percent)


def _solved(goal: float, most: float, count: int, shown: Callable[[float], float | None]) -> Needed:
    """The least score from 0 to `most`, in hundredths, that shows the goal or more."""

    def reaches(hundredths: int) -> bool:
        found = shown(min(hundredths / PARTS, most))
        return found is not None and found >= goal

    lowest, best = shown(0.0), shown(most)
    if best is None or best == lowest:
        return Needed("no_effect", goal, best=best, count=count)
    if lowest is not None and lowest >= goal:
        return Needed("secured", goal, 0.0, best, count)
    if best < goal:
        return Needed("unreachable", goal, None, best, count)
    few, enough = 0, round(most * PARTS)
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if reaches(middle) else (middle, enough)
    return Needed("reachable", goal, min(enough / PARTS, most), best, count)
