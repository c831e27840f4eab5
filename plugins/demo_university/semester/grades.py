"""A course's grade from its groups, weights and drop rules, the way Canvas reckons it."""

from __future__ import annotations

import math

from .model import Assignment, Course

LETTERS = [
    (94, "A"),
    (90, "A-"),
    (87, "B+"),
    (84, "B"),
    (80, "B-"),
    (77, "C+"),
    (74, "C"),
    (70, "C-"),
    (64, "D"),
]


def course_score(course: Course, *, final: bool, only: set[int] | None = None) -> float | None:
    """The weighted percentage, None while nothing is graded; `final` counts ungraded work as zero.

    `only` names the assignments that count: those of a grading period.
    """
    total = weights = 0.0
    for group in course.groups:
        counting = [
            entry for entry in course.assignments if entry.group is group and (only is None or entry.id in only)
        ]
        graded = [_points(assignment, final=final) for assignment in counting]
        counted = [pair for pair in graded if pair is not None]
        counted.sort(key=lambda pair: pair[0] / pair[1])
        kept = counted[min(group.drop_lowest, max(len(counted) - 1, 0)) :]
        if kept:
            total += group.weight * sum(score for score, _ in kept) / sum(points for _, points in kept)
            weights += group.weight
    # Canvas rounds decimals half up; round() would make 89.07 of 89.075.
    return math.floor(10_000 * total / weights + 0.5 + 1e-9) / 100 if weights else None


def letter(score: float | None) -> str | None:
    if score is None:
        return None
    return next((name for least, name in LETTERS if score >= least), "F")


def _points(assignment: Assignment, *, final: bool) -> tuple[float, float] | None:
    score = assignment.submission.visible_score
    if assignment.submission.excused or not assignment.points or (score is None and not final):
        return None
    return score or 0.0, assignment.points
