""" "What do I need?": solved with the very arithmetic of the grade, through weights and drop rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from courses.grading.courses import CourseGrades, GradedWork
from courses.grading.rules import Standing, rounded

NONE = -1.0
"""Stands for "no grade"."""
PARTS = 100
"""A score is asked for in hundredths: of a point, or of a per cent."""
LOOKS = 512
"""How many pieces all scores are cut into at least."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What a piece of work, or all that is left, must give for a goal.

    `kind`: "secured" (nothing needed), "reachable" (`score` is needed), "unreachable" (`best` is the most there is),
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
    return _solved(goal, work.points, 1, lambda score: grades.with_changes({number: {"score": score}}).current)


def needed_on_all(grades: CourseGrades, goal: float) -> Needed:
    """Say what share (in per cent) of each piece that is left gives the goal, the same on each."""
    works = left_over(grades)

    def at(share: float) -> Standing:
        return grades.with_changes({work.id: {"score": work.points * share / 100} for work in works}).current

    return _solved(goal, 100.0 if works else 0.0, len(works), at)


def _solved(goal: float, most: float, count: int, at: Callable[[float], Standing]) -> Needed:
    """The least score from 0 to `most`, in hundredths, that shows the goal or more.

    More points can lower a grade: they may change what is dropped, and with it the points possible. But as long as the
    same work is dropped, the grade only rises. So the scores are cut where what is dropped changes, and the first
    piece that reaches the goal is searched by halves. The same may be dropped at both ends of a wide piece and
    something else between them, so no piece is wider than a small share of all scores.
    """
    last = round(most * PARTS)
    widest = max(1, last // LOOKS)

    @cache
    def stands(hundredths: int) -> tuple[float, frozenset[int]]:
        found = at(min(hundredths / PARTS, most))
        return (NONE if found.percent is None else rounded(found.percent)), found.dropped

    def pieces(low: int, high: int) -> Iterator[tuple[int, int]]:
        if high - low <= 1 or (high - low <= widest and stands(low)[1] == stands(high)[1]):
            yield low, high
            return
        middle = (low + high) // 2
        yield from pieces(low, middle)
        yield from pieces(middle, high)

    if stands(0)[0] >= goal and stands(last)[0] != stands(0)[0]:
        return Needed("secured", goal, 0.0, stands(last)[0], count)
    cuts = list(pieces(0, last))
    best = max(stands(end)[0] for cut in cuts for end in cut)
    if all(stands(end)[0] == best for cut in cuts for end in cut):
        return Needed("no_effect", goal, best=None if best == NONE else best, count=count)
    for low, high in cuts:
        if max(stands(low)[0], stands(high)[0]) >= goal:
            score = _least(low, high, lambda hundredths: stands(hundredths)[0] >= goal)
            return Needed("reachable", goal, min(score / PARTS, most), best, count)
    return Needed("unreachable", goal, None, best, count)


def _least(low: int, high: int, reaches: Callable[[int], bool]) -> int:
    if reaches(low):
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high
