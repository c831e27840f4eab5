"""The grades of courses as they stand: read in three queries however many there are, worked out with `rules`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property

from coreengine.database.kept_queries import KeptQuery
from courses.grading.late import LatePolicy, policy_of
from courses.grading.rules import Group, Standing, Work, rounded, standing
from courses.grading.scales import COMMON, Scale, Step, letter, points_of, source_scale
from courses.models import Assignment, AssignmentGroup, Course, CourseGrading

NO_GROUP = 0
NOT_COUNTED = {
    "excused": "excused",
    "omitted": "not part of the grade",
    "ungraded": "not graded",
    "own": "your own task",
    "left_out": "left out",
}
SCALES = {
    "course": "your scale for this course",
    "student": "your scale",
    "source": "the source's scale",
    "common": "the common scale",
}
SAME = 0.015
"""Two percentages that lie closer were only rounded in another way."""

Changes = Mapping[int, Mapping[str, Any]]
"""Of a scenario, by id of work: `{"left_out": true}`, `{"score": number}`, `{"score": number, "counts": "better"}`."""


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
    """Why it never counts, one of `NOT_COUNTED`; empty when it does."""
    is_waiting: bool = False
    """It was handed in and has no score that counts yet."""
    points_deducted: float = 0.0
    external_id: str = ""
    grade: str = ""
    """The source's own word for the score: "complete", "B+"."""
    is_by_hand: bool = False
    is_missing: bool = False
    """It never came, and the late policy gave it its score."""

    @property
    def percent(self) -> float | None:
        """Its own percentage."""
        return 100 * self.score / self.points if self.score is not None and self.points else None

    @property
    def is_hypothetical(self) -> bool:
        """It is part of a scenario only."""
        return self.id < 0


@dataclass(frozen=True)
class CourseGrades:
    """The grades of one course."""

    course: Course
    groups: Sequence[AssignmentGroup]
    works: Sequence[GradedWork]
    scale: Scale = COMMON
    scale_from: str = "common"
    """Whose the scale is, one of `SCALES`."""
    credits: float | None = None
    counts_in_average: bool = True
    goal: float | None = None
    late_policy: LatePolicy | None = None

    @cached_property
    def is_weighted(self) -> bool:
        """True if groups of work are weighed. A source that does not say so weighs them once one has a weight."""
        if self.course.weighs_groups is not None:
            return self.course.weighs_groups
        return any(group.weight for group in self.groups)

    @property
    def has_own_scale(self) -> bool:
        return self.scale_from == "course"

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
    def final_percent(self) -> float | None:
        """The score if nothing more came, with two digits."""
        return None if self.final.percent is None else rounded(self.final.percent)

    @property
    def letter(self) -> Step | None:
        """The letter of the score so far by the course's scale."""
        return letter(self.current.percent, self.scale)

    @property
    def difference(self) -> float | None:
        """How far the source's own score lies from the one worked out here; None where they agree or one is missing."""
        return difference(self.course, self.percent)

    @property
    def average_points(self) -> float | None:
        """What the course gives to a grade point average: by the student's scale, else by the source's letter."""
        return average_points(self.course, self.letter, self.scale, self.scale_from)

    def work(self, number: int) -> GradedWork | None:
        """One piece of work by its id."""
        return next((work for work in self.works if work.id == number), None)

    def with_changes(self, changes: Changes, extra: Iterable[Mapping[str, Any]] = ()) -> CourseGrades:
        """The same course, if things were otherwise. Work that may come (`extra`) gets the ids -1, -2, ..."""
        works = [_changed(work, changes[work.id]) if work.id in changes else work for work in self.works]
        known = {group.pk for group in self.groups}
        for at, each in enumerate(extra, start=1):
            group = each.get("group") or NO_GROUP
            works.append(
                GradedWork(
                    -at, each["name"], group if group in known else NO_GROUP, each.get("score"), each["points"] or 0.0
                )
            )
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
                self._never_dropped(group) if group.never_drop else frozenset(),
            )
            for group in self.groups
        ]
        return [*found, Group(NO_GROUP)]

    def _never_dropped(self, group: AssignmentGroup) -> frozenset[int]:
        # Of a course made by hand there are no ids but our own.
        names = set(group.never_drop)
        return frozenset(work.id for work in self.works if (work.external_id or str(work.id)) in names)


def difference(course: Course, percent: float | None) -> float | None:
    """How far the source's score of a course lies from one worked out here; None where they agree or one is missing."""
    theirs = course.current_score
    if theirs is None or percent is None or abs(theirs - percent) < SAME:
        return None
    return round(theirs - percent, 2)


def average_points(course: Course, found: Step | None, scale: Scale, scale_from: str) -> float | None:
    """What a course gives to a grade point average, `found` being the letter of its score."""
    if scale_from in ("source", "common") and (theirs := points_of(course.current_grade, scale)) is not None:
        return theirs
    return found.points if found else None


@dataclass(frozen=True, slots=True)
class OwnRules:
    """What holds for one course: its scale and what the student set."""

    scale: Scale = COMMON
    scale_from: str = "common"
    credits: float | None = None
    counts_in_average: bool = True
    goal: float | None = None
    late_policy: LatePolicy | None = None


def rules_of(courses: Sequence[Course]) -> dict[int, OwnRules]:
    """The student's rules of courses by their id, in one query."""
    numbers = [course.pk for course in courses]
    owners = sorted({course.owner_id for course in courses})
    rows: list[CourseGrading] = _RULES.objects(numbers=numbers, owners=owners)
    own: dict[int, CourseGrading] = {}
    for_all: dict[int, Scale | None] = {}
    for row in rows:
        if row.course_id is None:
            for_all[row.owner_id] = row.own_scale
        else:
            own[row.course_id] = row
    return {course.pk: _own_rules(course, own.get(course.pk), for_all.get(course.owner_id)) for course in courses}


def _rules(numbers: int, owners: int) -> QuerySet[CourseGrading]:
    return CourseGrading.objects.filter(Q(course__pk__any_of=numbers) | Q(course=None, owner__pk__any_of=owners))


_RULES = KeptQuery(_rules, numbers=int, owners=int)


def _own_rules(course: Course, row: CourseGrading | None, for_all: Scale | None) -> OwnRules:
    own = row.own_scale if row else None
    choices = [("course", own), ("student", for_all), ("source", source_scale(course.source_scale)), ("common", COMMON)]
    scale_from, scale = next((name, scale) for name, scale in choices if scale)
    if row is None:
        return OwnRules(scale, scale_from)
    policy = policy_of(row.late_policy) if course.is_by_hand else None
    return OwnRules(scale, scale_from, row.credits, row.counts_in_average, row.goal, policy)


def scale_without_own(course: Course) -> str:
    """Whose scale holds for a course that has none of its own: one of `SCALES`. One query."""
    rows = CourseGrading.objects.filter(course=None, owner=course.owner_id)
    for_all = next((row.own_scale for row in rows), None)
    return _own_rules(course, None, for_all).scale_from


def groups_of(numbers: Sequence[int]) -> dict[int, list[AssignmentGroup]]:
    """The groups of courses by the course's id, in their order."""
    groups: dict[int, list[AssignmentGroup]] = defaultdict(list)
    for group in _GROUPS.objects(numbers=list(numbers)):
        groups[group.course_id].append(group)
    return groups


def _groups(numbers: int) -> QuerySet[AssignmentGroup]:
    return AssignmentGroup.objects.filter(course__pk__any_of=numbers).order_by("position", "pk")


_GROUPS = KeptQuery(_groups, numbers=int)


def grades_of(courses: Sequence[Course], now: datetime | None = None) -> list[CourseGrades]:
    """Work out the grades of courses, in their order, in three queries however many they are."""
    numbers = [course.pk for course in courses]
    return build_grades(courses, groups_of(numbers), rules_of(courses), now)


def build_grades(
    courses: Sequence[Course],
    groups: Mapping[int, Sequence[AssignmentGroup]],
    rules: Mapping[int, OwnRules],
    now: datetime | None = None,
) -> list[CourseGrades]:
    """The grades of courses whose groups and rules are read already; one query for their work."""
    now = now or timezone.now()
    by_number = {course.pk: course for course in courses}
    works: dict[int, list[GradedWork]] = {course.pk: [] for course in courses}
    for row in _rows(list(by_number)):
        course = by_number[row[1]]
        works[course.pk].append(_work(row, course, rules[course.pk].late_policy, now))
    return [
        CourseGrades(
            course,
            groups.get(course.pk, ()),
            works[course.pk],
            own.scale,
            own.scale_from,
            own.credits,
            own.counts_in_average,
            own.goal,
            own.late_policy,
        )
        for course in courses
        for own in [rules[course.pk]]
    ]


ROW_FIELDS = (
    *("pk", "course_id", "name", "group_id", "points_possible", "due_at", "grading_type", "omit_from_final_grade"),
    *("external_id", "source", "done_at", "submission__score", "submission__state", "submission__excused"),
    *("submission__graded_at", "submission__posted_at", "submission__points_deducted", "submission__submitted_at"),
    *("submission__grade",),
)


def _rows(courses: Sequence[int]) -> Iterable[tuple[Any, ...]]:
    rows = Assignment.objects.filter(course__in=courses, deleted_at__isnull=True).present()
    rows = rows.exclude(state="unpublished")
    return rows.order_by("group__position", "position", "due_at", "pk").values_list(*ROW_FIELDS)


def _work(row: tuple[Any, ...], course: Course, policy: LatePolicy | None, now: datetime) -> GradedWork:
    (number, _course, name, group, points, due_at, grading_type, is_omitted, external_id, source, done_at, score, state,
     is_excused, graded_at, posted_at, deducted, submitted_at, grade) = row  # fmt: skip
    reason = ""
    if is_excused:
        reason = "excused"
    elif not source and course.source:
        reason = "own"
    elif grading_type == "not_graded":
        reason = "ungraded"
    elif is_omitted:
        reason = "omitted"
    points, deducted, is_missing = points or 0.0, deducted or 0.0, False
    if policy is not None and not reason:
        if score is not None and due_at and submitted_at and submitted_at > due_at:
            deducted = policy.deducted(score, points, submitted_at - due_at)
            score -= deducted
        elif score is None and submitted_at is None and done_at is None and due_at and due_at < now:
            score = policy.missing_score(points)
            is_missing, graded_at = score is not None, due_at
    return GradedWork(
        number,
        name,
        group or NO_GROUP,
        score,
        points,
        due_at,
        (posted_at or graded_at) if score is not None else None,
        reason,
        state == "pending_review" or (score is None and submitted_at is not None),
        deducted,
        external_id,
        grade or "",
        not source,
        is_missing,
    )


def _changed(work: GradedWork, change: Mapping[str, Any]) -> GradedWork:
    if change.get("left_out"):
        return replace(work, not_counted="left_out")
    score = float(change["score"])
    if work.score is not None:
        if change.get("counts") == "better":
            score = max(score, work.score)
        elif change.get("counts") == "mean":
            score = (score + work.score) / 2
    return replace(work, score=score, not_counted="", is_waiting=False, is_missing=False)
