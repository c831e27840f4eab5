"""Why a source's score may be another one than ours: ways to reckon are tried, and the one that fits is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from courses.grading.courses import SAME, CourseGrades
from courses.grading.rules import Group, Work, rounded, standing


@dataclass(frozen=True, slots=True)
class Comparison:
    """The source's score beside ours.

    `kind`: "same", "differs", "hidden" (the teacher shows no total), "none" (there is nothing to compare).
    """

    kind: str
    ours: float | None
    theirs: float | None
    difference: float | None = None
    reason: str = ""
    """Of a difference, the likely reason in words."""
    is_certain: bool = False
    """The reason gives the source's very number."""


def comparison_of(grades: CourseGrades) -> Comparison:
    """Compare a course's score with what its source says."""
    ours, theirs = grades.percent, grades.course.current_score
    if theirs is None or ours is None:
        kind = "hidden" if grades.course.hides_total and ours is not None else "none"
        return Comparison(kind, ours, theirs)
    if grades.difference is None:
        return Comparison("same", ours, theirs)
    for reason, percent in _other_ways(grades):
        if percent is not None and abs(rounded(percent) - theirs) < SAME:
            return Comparison("differs", ours, theirs, grades.difference, reason, True)
    return Comparison("differs", ours, theirs, grades.difference, _guess(grades))


def _other_ways(grades: CourseGrades) -> Iterator[tuple[str, float | None]]:
    """Ways in which the source may have reckoned, the likeliest first."""
    yield "The source counts what has no score yet as zero.", grades.final.percent
    waiting = [work for work in grades.works if work.is_waiting and work.score is not None and not work.not_counted]
    if waiting:
        counted = [replace(work, is_waiting=False) for work in grades.works]
        yield "The source counts work that still waits for its review.", replace(grades, works=counted).current.percent
    if any(group.weight for group in grades.groups):
        words = (
            "The source adds up all points; here the groups are weighed."
            if grades.is_weighted
            else "The source weighs groups of work; here all points are added up."
        )
        yield words, _percent(grades, is_weighted=not grades.is_weighted)
    if any(group.drop_lowest or group.drop_highest for group in grades.groups):
        plain = [Group(group.id, group.weight) for group in grades.rule_groups]
        yield "The source drops no work, or had dropped none at the last sync.", _percent(grades, groups=plain)
    if any(work.not_counted == "omitted" for work in grades.works):
        works = [replace(work, not_counted="") if work.not_counted == "omitted" else work for work in grades.works]
        yield (
            "The source counts work that it marks as not part of the grade.",
            replace(grades, works=works).current.percent,
        )
    if grades.course.period_score is not None:
        title = grades.course.period_title or "grading period"
        yield f"The source shows the score of “{title}” alone.", grades.course.period_score
    for work in grades.works:
        if work.score is not None and not work.not_counted and not work.is_waiting:
            without = grades.with_changes({work.id: {"left_out": True}}).current.percent
            yield f"The source does not count “{work.name}” (yet).", without


def _percent(
    grades: CourseGrades, *, groups: list[Group] | None = None, is_weighted: bool | None = None
) -> float | None:
    counting = [
        Work(work.id, work.group, None if work.is_waiting else work.score, work.points)
        for work in grades.works
        if not work.not_counted
    ]
    weighted = grades.is_weighted if is_weighted is None else is_weighted
    return standing(groups or grades.rule_groups, counting, is_weighted=weighted).percent


def _guess(grades: CourseGrades) -> str:
    if grades.course.period_title:
        return (
            "The course has grading periods, and the source may weigh each of them; here the whole course is one. "
            "A teacher may also have set the total by hand."
        )
    return (
        "No way to reckon the scores that you can see gives the source's number: the source may count work that it "
        "does not show, a teacher may have set the total by hand, or the last sync is older than a grade."
    )
