"""Why the source's number may be another one: the way that gives it is told."""

from __future__ import annotations

from typing import Any

import pytest

from courses.grading.courses import grades_of
from courses.grading.differences import Comparison, comparison_of
from courses.models import AssignmentGroup, Course
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_grades import graded

pytestmark = pytest.mark.django_db


@pytest.fixture
def course() -> Any:
    """Homework (9 and 5 of 10, the lowest dropped) weighs 40, the exams (60 of 100) 60: 72 % so far."""
    course = CourseFactory(imported=True, weighs_groups=True)
    homework = AssignmentGroup.objects.create(course=course, name="Homework", weight=40, drop_lowest=1, position=1)
    exams = AssignmentGroup.objects.create(course=course, name="Exams", weight=60, position=2)
    graded(course, homework, "Sheet 1", 9.0, 10)
    graded(course, homework, "Sheet 2", 5.0, 10)
    graded(course, exams, "Midterm", 60.0, 100)
    AssignmentFactory(course=course, imported=True, group=exams, name="Final", points_possible=100)
    return course


def compared(course: Course, theirs: float | None, **fields: Any) -> Comparison:
    for name, value in {"current_score": theirs, **fields}.items():
        setattr(course, name, value)
    return comparison_of(grades_of([course])[0])


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (54.0, "counts what has no score yet as zero"),
        (62.73, "adds up all points; here the groups are weighed"),
        (64.0, "drops no work"),
        (90.0, "does not count “Midterm”"),
        (56.0, "does not count “Sheet 1”"),
    ],
)
def test_the_way_that_gives_the_sources_number_is_told(course: Course, theirs: float, words: str) -> None:
    found = compared(course, theirs)

    assert (found.kind, found.ours, found.is_certain) == ("differs", 72.0, True)
    assert words in found.reason


def test_work_that_waits_and_work_left_out_of_the_grade_are_tried(course: Course) -> None:
    exams = course.groups.get(name="Exams")
    omitted = graded(course, exams, "Survey", 100.0, 100)
    omitted.omit_from_final_grade = True
    omitted.save()
    assert "not part of the grade" in compared(course, 84.0).reason

    graded(course, exams, "Quiz", 20.0, 100, state="pending_review")
    assert "waits for its review" in compared(course, 60.0).reason


def test_a_number_that_no_way_gives_is_not_explained_for_sure(course: Course) -> None:
    plain, periods = compared(course, 99.0), compared(course, 99.0, period_title="First half")

    assert not plain.is_certain and "set the total by hand" in plain.reason
    assert "may weigh each" in periods.reason


def test_agreement_a_hidden_total_and_nothing_to_compare_are_told_apart(course: Course) -> None:
    assert compared(course, 72.01).kind == "same"
    assert compared(course, None, hides_total=True).kind == "hidden"
    assert compared(course, None, hides_total=False).kind == "none"


def test_the_sources_own_flag_decides_whether_groups_are_weighed(course: Course) -> None:
    course.weighs_groups = False
    assert grades_of([course])[0].percent == pytest.approx(62.73)
    course.weighs_groups = None
    assert grades_of([course])[0].percent == 72.0


def test_an_own_task_in_a_sources_course_is_no_part_of_its_grade(course: Course) -> None:
    AssignmentFactory(course=course, name="Learn for it", points_possible=500)
    [grades] = grades_of([course])

    assert grades.final.percent == pytest.approx(54.0)
    assert [work.name for work in grades.works if work.not_counted == "own"] == ["Learn for it"]
