"""Many courses at once: kept results, averages over terms, how scores moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from courses.grading.averages import mixes_scales, term_averages
from courses.grading.charts import grade_charts, sparkline
from courses.grading.courses import grades_of
from courses.grading.history import history_of
from courses.grading.rules import rounded
from courses.grading.summaries import summaries_of
from courses.models import Assignment, AssignmentGroup, Course, CourseGrading, Submission
from courses.moments import Clock
from courses.tests.factories import NOW, CourseFactory, TermFactory
from courses.tests.factories_grades import graded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


def full_course(owner: Any, **fields: Any) -> Course:
    course = CourseFactory(owner=owner, imported=True, **fields)
    group = AssignmentGroup.objects.create(course=course, name="All", weight=100, drop_lowest=1)
    for at, score in enumerate([8.0, 9.0, 2.0, 7.0]):
        graded(course, group, f"Sheet {at}", score, 10, days=at)
    return course


def set_score(course: Course, score: float) -> None:
    Submission.objects.filter(assignment=course.assignments.first()).update(score=score)


CHANGES: dict[str, Any] = {
    "a score": lambda course: set_score(course, 1.0),
    "an excuse": lambda course: Submission.objects.filter(assignment__name="Sheet 1").update(excused=True),
    "a drop rule": lambda course: course.groups.update(drop_lowest=0),
    "points possible": lambda course: Assignment.objects.filter(pk=course.assignments.first().pk).update(
        points_possible=20
    ),
    "work that is gone": lambda course: Assignment.objects.filter(course=course, name="Sheet 1").update(
        missing_since=NOW
    ),
    "new work": lambda course: graded(course, course.groups.get(), "New", 1.0, 50),
    "a group's end": lambda course: course.groups.all().delete(),
}


class TestKept:
    @pytest.mark.parametrize("change", CHANGES)
    def test_what_is_kept_never_outlives_a_change(self, owner: Any, change: str) -> None:
        course = full_course(owner)
        before = summaries_of([course])[0].percent
        CHANGES[change](course)
        [after], [exact] = summaries_of([course]), grades_of([course])

        assert after.percent == exact.percent != before
        assert after.final_percent == exact.final_percent

    def test_the_second_reading_does_not_touch_the_work(self, owner: Any, django_assert_num_queries: Any) -> None:
        courses = [full_course(owner) for _ in range(3)]
        with django_assert_num_queries(4):
            first = summaries_of(courses)
        with django_assert_num_queries(3):
            second = summaries_of(courses)

        assert first == second and first[0].percent == 80.0

    def test_the_page_costs_the_same_for_any_number_of_courses(
        self, page: Any, owner: Any, django_assert_max_num_queries: Any, django_assert_num_queries: Any
    ) -> None:
        for _ in range(3):
            full_course(owner)
        address = reverse("courses:all-grades")
        page.get(address)
        with django_assert_max_num_queries(15) as captured:
            page.get(address)
        counted = len(captured)
        for _ in range(10):
            full_course(owner)
        page.get(address)
        with django_assert_num_queries(counted):
            page.get(address)


class TestOneCourse:
    def test_its_page_costs_the_same_for_any_number_of_works(
        self, page: Any, owner: Any, django_assert_max_num_queries: Any, django_assert_num_queries: Any
    ) -> None:
        course = full_course(owner)
        address = reverse("courses:grades", args=[course.pk])
        page.get(address)
        with django_assert_max_num_queries(12) as captured:
            page.get(address)
        counted = len(captured)
        for at in range(10):
            graded(course, None, f"More {at}", 5.0, 10, days=10 + at)
        with django_assert_num_queries(counted):
            page.get(address)

    def test_what_changes_while_typing_is_sent_alone(self, page: Any, owner: Any) -> None:
        course = full_course(owner)
        first = course.assignments.get(name="Sheet 0").pk
        sent = {f"score-{first}": "1", "work": "all", "goal": "A", "extra-name": "Essay", "extra-group": ""}
        sent |= {"extra-score": "", "extra-points": "x"}
        answer = page.post(
            reverse("courses:what-if", args=[course.pk]),
            sent,
            headers={"HX-Request": "true", "HX-Target": "grade-standing"},
        )
        text = answer.content.decode()

        assert answer.status_code == 422 and "<input" not in text
        assert f'<span id="flag-{first}" hx-swap-oob="true" class="flag" data-off>dropped</span>' in text
        assert "Essay: “x” is not a number." in text and "Nothing is left that has points" in text

    def test_an_account_without_courses_is_told_what_comes_here(self, page: Any) -> None:
        assert "Grades come with your courses" in page.get(reverse("courses:all-grades")).content.decode()


class TestTerms:
    def test_averages_are_by_term_and_over_all_so_far(self, owner: Any) -> None:
        old = TermFactory(owner=owner, name="Spring", starts_at=datetime(2026, 2, 1, tzinfo=UTC))
        new = TermFactory(owner=owner, name="Fall", starts_at=datetime(2026, 9, 1, tzinfo=UTC))
        good = CourseFactory(owner=owner, imported=True, term=old, current_grade="A")
        fair = CourseFactory(owner=owner, imported=True, term=new, current_grade="B")
        bad = CourseFactory(owner=owner, imported=True, term=new, current_grade="C")
        left_out = CourseFactory(owner=owner, imported=True, term=new, current_grade="F")
        CourseGrading.objects.create(course=fair, owner=owner, credits=3)
        CourseGrading.objects.create(course=left_out, owner=owner, counts_in_average=False)
        found = term_averages(summaries_of([fair, bad, left_out, good]), going_on={fair.pk})

        assert [(each.name, each.points, each.credits) for each in found] == [("Fall", 2.75, 4.0), ("Spring", 4.0, 1.0)]
        assert [(each.cumulative, each.cumulative_credits) for each in found] == [(3.0, 5.0), (4.0, 1.0)]
        assert [each.is_going_on for each in found] == [True, False]

    def test_scales_that_run_against_each_other_are_noticed(self, owner: Any) -> None:
        course, other = full_course(owner), full_course(owner)
        assert not mixes_scales(summaries_of([course, other]))

        CourseGrading.objects.create(course=course, owner=owner, scale=[["1.0", 90, 1.0], ["5.0", 0, 5.0]])
        assert mixes_scales(summaries_of([course, other]))


class TestMoves:
    def test_each_point_is_the_score_of_what_was_graded_by_then(self, owner: Any) -> None:
        [grades] = grades_of([full_course(owner)])
        by_hand = [
            rounded(
                grades.with_changes(
                    {work.id: {"left_out": True} for work in grades.works if work.graded_at > point.at}  # type: ignore[operator]
                ).current.percent
                or 0
            )
            for point in history_of(grades)
        ]

        assert [point.percent for point in history_of(grades)] == by_hand == [80.0, 90.0, 85.0, 80.0]

    def test_a_short_history_begins_and_ends_where_the_long_one_does(self, owner: Any) -> None:
        [grades] = grades_of([full_course(owner)])

        assert [point.percent for point in history_of(grades, most=2)] == [80.0, 80.0]

    def test_a_drawing_needs_two_grades_and_stays_inside(self, owner: Any) -> None:
        [grades] = grades_of([full_course(owner)])
        history = history_of(grades)
        charts = grade_charts(history, Clock(NOW, owner.zone), goal=90)

        assert [chart.kind for chart in charts] == ["wide", "narrow"]
        assert all(0 <= dot.x <= chart.width and 0 <= dot.y <= chart.height for chart in charts for dot in chart.dots)
        assert charts[0].dots[0].words == "23 Nov: 80 % after Sheet 0" and charts[0].goal is not None
        assert grade_charts(history[:1], Clock(NOW, owner.zone)) == [] and sparkline([80.0]) == ""

    def test_an_average_over_terms_is_drawn_and_told(self, page: Any, owner: Any) -> None:
        for year in (2025, 2026):
            term = TermFactory(owner=owner, name=f"Fall {year}", starts_at=datetime(year, 9, 1, tzinfo=UTC))
            full_course(owner, term=term, ends_at=timezone.now() + timedelta(days=2025 - year + 1))
        text = page.get(reverse("courses:all-grades")).content.decode()

        for words in ("Average over terms", "if it stays so", "<polyline", "Fall 2025: 2.70", "All so far"):
            assert words in text
