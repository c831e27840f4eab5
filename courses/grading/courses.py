"""The grades of courses as they stand: read in a fixed number of queries, worked out with `rules`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from courses.grading.rules import Group, Standing, Work, rounded, standing
from courses.grading.scales import COMMON, Scale, Step, letter, points_of
from courses.models import Assignment, AssignmentGroup, Course, CourseGrading

NO_GROUP = 0
NOT_COUNTED = {
    "excused": "excused",
    "omitted": "not part of the grade",
    "ungraded": "not graded",
    "left_out": "left out",
}
SAME = 0.015
"""Two percentages that lie closer were only rounded in another way."""

Changes = Mapping[int, Mapping[str, Any]]
"""Of a scenario: id of work → `{"score": number}` or `{"left_out": true}`."""


@dataclass(frozen=True, slots=True)
class GradedWork:
    """One piece of work as the page of grades shows it."""

    id: int
    name: str
    group: int
    score: float | None
    points: float
    due_at: datetime | None = None
    graded_at: datetime | None = None
    not_counted: str = ""
    """Why it never counts: "excused", "omitted", "ungraded"; empty when it does."""
    is_waiting: bool = False
    """It was handed in and has no score that counts yet."""
    points_deducted: float = 0.0
    external_id: str = ""

    @property
    def percent(self) -> float | None:
        """Its own percentage."""
        return 100 * self.score / self.points if self.score is not None and self.points else None


@dataclass(frozen=True)
class CourseGrades:
    """The grades of one course."""

    course: Course
    groups: Sequence[AssignmentGroup]
    works: Sequence[GradedWork]
    scale: Scale = COMMON
    has_own_scale: bool = False
    credits: float | None = None
    counts_in_average: bool = True
    goal: float | None = None

    @cached_property
    def is_weighted(self) -> bool:
        """True if the source weighs groups of work."""
        return any(group.weight for group in self.groups)

    @cached_property
    def current(self) -> Standing:
        """The score so far: what has no score yet is left out."""
        return self._standing(ungraded_as_zero=False)

    @cached_property
    def final(self) -> Standing:
        """The score if nothing more were handed in."""
        return self._standing(ungraded_as_zero=True)

    @property
    def percent(self) -> float | None:
        """The score so far in per cent, with two digits."""
        return None if self.current.percent is None else rounded(self.current.percent)

    @property
    def letter(self) -> Step | None:
        """The letter of the score so far by the student's scale, or by the common one."""
        return letter(self.current.percent, self.scale)

    @property
    def difference(self) -> float | None:
        """How far the source's own score lies from the one worked out here; None where they agree or one is missing."""
        theirs = self.course.current_score
        if theirs is None or self.percent is None or abs(theirs - self.percent) < SAME:
            return None
        return round(theirs - self.percent, 2)

    @property
    def average_points(self) -> float | None:
        """What the course gives to a grade point average: by the student's scale, else by the source's letter."""
        if not self.has_own_scale and (theirs := points_of(self.course.current_grade)) is not None:
            return theirs
        found = self.letter
        return found.points if found else None

    def work(self, number: int) -> GradedWork | None:
        """One piece of work by its id."""
        return next((work for work in self.works if work.id == number), None)

    def with_changes(self, changes: Changes) -> CourseGrades:
        """The same course, if things were otherwise."""
        works = [_changed(work, changes[work.id]) if work.id in changes else work for work in self.works]
        return replace(self, works=works)

    def _standing(self, *, ungraded_as_zero: bool) -> Standing:
        return standing(
            self.rule_groups,
            (
                Work(work.id, work.group, None if work.is_waiting and not ungraded_as_zero else work.score, work.points)
                for work in self.works
                if not work.not_counted
            ),
            is_weighted=self.is_weighted,
            ungraded_as_zero=ungraded_as_zero,
        )

    @cached_property
    def rule_groups(self) -> list[Group]:
        """The groups for the arithmetic; work that belongs to none has one of its own, without weight."""
        found = [
            Group(
                group.pk,
                group.weight or 0.0,
                group.drop_lowest,
                group.drop_highest,
                frozenset(work.id for work in self.works if work.external_id and work.external_id in group.never_drop),
            )
            for group in self.groups
        ]
        return [*found, Group(NO_GROUP)]


def grades_of(courses: Sequence[Course]) -> list[CourseGrades]:
    """Work out the grades of courses, in their order, in three queries however many they are."""
    numbers = [course.pk for course in courses]
    groups: dict[int, list[AssignmentGroup]] = defaultdict(list)
    for group in AssignmentGroup.objects.filter(course__in=numbers).order_by("position", "pk"):
        groups[group.course_id].append(group)
    own = {row.course_id: row for row in CourseGrading.objects.filter(course__in=numbers)}
    works: dict[int, list[GradedWork]] = defaultdict(list)
    for row in _rows(numbers):
        works[row["course_id"]].append(_work(row))
    found = []
    for course in courses:
        rules = own.get(course.pk)
        scale = rules.own_scale if rules else None
        found.append(
            CourseGrades(
                course=course,
                groups=groups[course.pk],
                works=works[course.pk],
                scale=scale or COMMON,
                has_own_scale=scale is not None,
                credits=rules.credits if rules else None,
                counts_in_average=rules.counts_in_average if rules else True,
                goal=rules.goal if rules else None,
            )
        )
    return found


def average(grades: Iterable[CourseGrades]) -> tuple[float | None, float]:
    """The grade point average, and the credits it stands on. A course without credits counts as one."""
    total = weight = 0.0
    for each in grades:
        points = each.average_points if each.counts_in_average else None
        credits = 1.0 if each.credits is None else each.credits
        if points is not None and credits:
            total += credits * points
            weight += credits
    return (round(total / weight, 2) if weight else None), weight


@dataclass(frozen=True, slots=True)
class Needed:
    """What one piece of work must give for a goal.

    `kind`: "secured" (nothing needed), "reachable" (`score` is needed), "unreachable" (full marks give `best`),
    "no_effect" (it cannot change the score).
    """

    kind: str
    goal: float
    score: float | None = None
    best: float | None = None


def needed_on(grades: CourseGrades, number: int, goal: float) -> Needed:
    """Say what score on one piece of work gives the goal, all else staying as it is.

    Raises:
        KeyError: the course has no such work.
    """
    work = grades.work(number)
    if work is None:
        raise KeyError(number)

    def shown(score: float) -> float | None:
        percent = grades.with_changes({number: {"score": score}}).current.percent
        return None if percent is None else rounded(percent)

    lowest, best = shown(0.0), shown(work.points)
    if best is None or lowest is None or best <= lowest:
        return Needed("no_effect", goal, best=best)
    if lowest >= goal:
        return Needed("secured", goal, 0.0, best)
    if best < goal:
        return Needed("unreachable", goal, None, best)
    few, enough = 0, round(work.points * 100)  # in hundredths of a point; more points never lower the score
    while enough - few > 1:
        middle = (few + enough) // 2
        reached = shown(middle / 100)
        if reached is not None and reached >= goal:
            enough = middle
        else:
            few = middle
    return Needed("reachable", goal, min(enough / 100, work.points), best)


def history_of(grades: CourseGrades, *, most: int = 120) -> list[tuple[datetime, float]]:
    """How the score so far moved: its value after each grade, the oldest first; at most so many of the newest."""
    moments = sorted({work.graded_at for work in grades.works if work.graded_at is not None and not work.not_counted})
    found = []
    for moment in moments[-most:]:
        known = [
            work if work.graded_at is not None and work.graded_at <= moment else replace(work, score=None)
            for work in grades.works
        ]
        percent = replace(grades, works=known).current.percent
        if percent is not None:
            found.append((moment, rounded(percent)))
    return found


ROW_FIELDS = (
    *("pk", "course_id", "name", "group_id", "points_possible", "due_at", "grading_type", "omit_from_final_grade"),
    *("external_id", "submission__score", "submission__state", "submission__excused", "submission__graded_at"),
    *("submission__posted_at", "submission__points_deducted", "submission__submitted_at"),
)


def _rows(courses: Sequence[int]) -> Iterable[dict[str, Any]]:
    rows = Assignment.objects.filter(course__in=courses, deleted_at__isnull=True).present()
    return rows.order_by("group__position", "position", "due_at", "pk").values(*ROW_FIELDS)


def _work(row: dict[str, Any]) -> GradedWork:
    reason = ""
    if row["submission__excused"]:
        reason = "excused"
    elif row["grading_type"] == "not_graded":
        reason = "ungraded"
    elif row["omit_from_final_grade"]:
        reason = "omitted"
    score = row["submission__score"]
    return GradedWork(
        id=row["pk"],
        name=row["name"],
        group=row["group_id"] or NO_GROUP,
        score=score,
        points=row["points_possible"] or 0.0,
        due_at=row["due_at"],
        graded_at=(row["submission__posted_at"] or row["submission__graded_at"]) if score is not None else None,
        not_counted=reason,
        is_waiting=row["submission__state"] == "pending_review"
        or (score is None and row["submission__submitted_at"] is not None),
        points_deducted=row["submission__points_deducted"] or 0.0,
        external_id=row["external_id"],
    )


def _changed(work: GradedWork, change: Mapping[str, Any]) -> GradedWork:
    if change.get("left_out"):
        return replace(work, not_counted="left_out")
    return replace(work, score=float(change["score"]), not_counted="", is_waiting=False)
