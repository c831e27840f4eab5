"""What late and missing work costs in a course made by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from courses.grading.courses import grades_of
from courses.grading.late import LatePolicy, checked_policy
from courses.models import CourseGrading
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory
from courses.tests.factories_grades import graded

POLICY = LatePolicy(percent_per_day=10, least_percent=50, grace_hours=2)


@pytest.mark.parametrize(
    ("score", "hours", "deducted"),
    [
        (18, 0, 0),
        (18, 2, 0),  # within the grace
        (18, 2.01, 2),  # a day begun
        (18, 26, 2),  # one whole day after the grace
        (18, 26.5, 4),
        (18, 1000, 8),  # never below half the points
        (9, 1000, 0),  # what lies below that already is left alone
    ],
)
def test_each_day_begun_costs_down_to_the_least(score: float, hours: float, deducted: float) -> None:
    assert POLICY.deducted(score, 20, timedelta(hours=hours)) == pytest.approx(deducted)


@pytest.mark.parametrize(
    "given", [{"percent_per_day": -1}, {"least_percent": 101}, {"grace_hours": "many"}, {"colour": 1}, [1]]
)
def test_what_is_no_policy_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        checked_policy(given)

    assert set(caught.value.message_dict) == {"late_policy"}


def test_a_policy_that_says_nothing_is_none() -> None:
    assert checked_policy({"percent_per_day": 0, "missing_percent": None}) is None
    assert checked_policy({"missing_percent": 0}) is not None


@pytest.mark.django_db
class TestInACourse:
    @pytest.fixture
    def course(self) -> Any:
        course = CourseFactory(name="Guitar")
        policy = {"percent_per_day": 10, "least_percent": 0, "grace_hours": 0, "missing_percent": 0}
        CourseGrading.objects.create(course=course, owner=course.owner, late_policy=policy)
        late = graded(course, None, "Late", 10.0, 10, submitted_at=NOW)
        late.due_at = NOW - timedelta(hours=30)
        late.save()
        AssignmentFactory(course=course, name="Never", points_possible=10, due_at=NOW - timedelta(days=2))
        AssignmentFactory(course=course, name="Ahead", points_possible=10, due_at=NOW + timedelta(days=2))
        return course

    def test_late_work_loses_and_missing_work_gives_nothing_once_it_is_due(self, course: Any) -> None:
        [now], [before] = grades_of([course], NOW), grades_of([course], NOW - timedelta(days=3))

        assert [(work.name, work.score, work.points_deducted) for work in now.works if work.score is not None] == [
            ("Never", 0.0, 0.0),
            ("Late", 8.0, 2.0),
        ]
        assert now.percent == 40.0 and before.percent == 80.0

    def test_work_ticked_off_is_not_missing(self, course: Any) -> None:
        course.assignments.filter(name="Never").update(done_at=NOW)

        assert grades_of([course], NOW)[0].percent == 80.0
