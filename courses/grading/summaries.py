"""The grades of many courses in a line each, kept in the cache for as long as nothing they are made of changes.

The database takes one hash over all the work of each course; under it the result is kept. So nobody has to tell the
cache of a change, and it cannot hold a grade that is no longer true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from courses.grading.courses import (
    CourseGrades,
    OwnRules,
    average_points,
    build_grades,
    difference,
    groups_of,
    rules_of,
)
from courses.grading.history import history_of
from courses.grading.scales import Scale, Step, letter
from courses.models import AssignmentGroup, Course

KEPT_FOR_S = 7 * 24 * 3600
SHAPE = 2
"""Raised whenever the arithmetic or what is kept changes."""
SPARK_POINTS = 16

# All columns that a score or its history is made of; `grades_of` reads the same rows.
MARKS = """
    SELECT work.course_id, count(*), bit_xor(hash_record_extended((
        work.id, work.group_id, work.points_possible, work.due_at, work.grading_type, work.omit_from_final_grade,
        work.external_id, work.source, work.done_at, given.score, given.state, given.excused, given.graded_at,
        given.posted_at, given.points_deducted, given.submitted_at), 7))
    FROM courses_assignment work LEFT JOIN courses_submission given ON given.assignment_id = work.id
    WHERE work.course_id = ANY(%s) AND work.deleted_at IS NULL AND work.missing_since IS NULL
        AND work.same_as_id IS NULL
        AND work.state <> 'unpublished'
    GROUP BY work.course_id
"""


@dataclass(frozen=True, slots=True)
class GradeSummary:
    """A course's grade in a line."""

    course: Course
    percent: float | None
    final_percent: float | None
    is_weighted: bool
    spark: Sequence[float]
    """The score after some of the grades, the oldest first, the last one as it is."""
    scale: Scale
    scale_from: str
    credits: float | None
    counts_in_average: bool
    goal: float | None

    @property
    def letter(self) -> Step | None:
        """The letter of the score so far."""
        return letter(self.percent, self.scale)

    @property
    def difference(self) -> float | None:
        """How far the source's own score lies off; None where they agree or one is missing."""
        return difference(self.course, self.percent)

    @property
    def average_points(self) -> float | None:
        """What the course gives to a grade point average."""
        return average_points(self.course, self.letter, self.scale, self.scale_from)

    @property
    def trend(self) -> float | None:
        """By how much the last grades shown moved the score; None for fewer than two."""
        return round(self.spark[-1] - self.spark[-2], 2) if len(self.spark) > 1 else None


def summaries_of(courses: Sequence[Course], now: datetime | None = None) -> list[GradeSummary]:
    """The grades of courses in a line each, in their order: three queries, and one more where something changed."""
    now = now or timezone.now()
    groups, rules = groups_of([course.pk for course in courses]), rules_of(courses)
    keys = _keys(courses, groups, rules)
    known = cache.get_many([key for key in keys.values() if key])
    missing = [course for course in courses if keys[course.pk] not in known]
    facts = {number: known[key] for number, key in keys.items() if key in known}
    if missing:
        facts |= {each.course.pk: _facts(each) for each in build_grades(missing, groups, rules, now)}
        cache.set_many({key: facts[number] for number, key in keys.items() if key and key not in known}, KEPT_FOR_S)
    return [_summary(course, facts[course.pk], rules[course.pk]) for course in courses]


def twins_of(course: Course, now: datetime | None = None) -> list[GradeSummary]:
    """The grades of the same course from other sources, each as its own source reckons it.

    They are listed beside the course's own and never added to it: which source's word counts is not ours to say.
    """
    root = course.same_as_id or course.pk
    same = Course.objects.filter(Q(pk=root) | Q(same_as=root), deleted_at__isnull=True).exclude(pk=course.pk)
    return summaries_of(list(same.for_list().order_by("pk")), now)


def _keys(
    courses: Sequence[Course], groups: dict[int, list[AssignmentGroup]], rules: dict[int, OwnRules]
) -> dict[int, str]:
    """Name what each course's grade is made of; empty where the clock alone may change it."""
    with connection.cursor() as cursor:
        cursor.execute(MARKS, [[course.pk for course in courses]])
        marks = {number: (count, mark) for number, count, mark in cursor.fetchall()}
    found = {}
    for course in courses:
        policy = rules[course.pk].late_policy
        if policy is not None and policy.missing_percent is not None:
            found[course.pk] = ""
            continue
        own = [(g.pk, g.weight, g.drop_lowest, g.drop_highest, g.never_drop) for g in groups.get(course.pk, ())]
        parts = (SHAPE, marks.get(course.pk), own, course.weighs_groups, course.source == "", policy)
        found[course.pk] = f"grades:{course.pk}:{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"
    return found


Facts = tuple[float | None, float | None, bool, list[float]]


def _facts(grades: CourseGrades) -> Facts:
    spark = [point.percent for point in history_of(grades, most=SPARK_POINTS)]
    return grades.percent, grades.final_percent, grades.is_weighted, spark


def _summary(course: Course, facts: Facts, own: OwnRules) -> GradeSummary:
    percent, final, is_weighted, spark = facts
    return GradeSummary(
        course,
        percent,
        final,
        is_weighted,
        spark,
        own.scale,
        own.scale_from,
        own.credits,
        own.counts_in_average,
        own.goal,
    )
