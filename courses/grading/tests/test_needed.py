""" "What do I need?", against trying every score."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses.grading.courses import CourseGrades, GradedWork
from courses.grading.needed import left_over, needed_on, needed_on_all
from courses.grading.pages import needed_words


def grades(groups: list[dict[str, Any]], works: list[GradedWork], *, weighs: bool = True) -> CourseGrades:
    course = SimpleNamespace(weighs_groups=weighs, current_score=None, source="x", is_by_hand=False)
    plain = {"weight": 0, "drop_lowest": 0, "drop_highest": 0, "never_drop": []}
    return CourseGrades(course, [SimpleNamespace(**{**plain, **group}) for group in groups], works)  # type: ignore[arg-type]


@st.composite
def courses(draw: st.DrawFn) -> CourseGrades:
    groups = [
        {
            "pk": key,
            "weight": draw(st.sampled_from([10, 30, 60])),
            "drop_lowest": draw(st.integers(0, 2)),
            "drop_highest": draw(st.integers(0, 1)),
        }
        for key in (1, 2)
    ]
    scores = st.one_of(st.none(), st.integers(0, 6).map(float))
    works = [
        GradedWork(
            number,
            f"Work {number}",
            draw(st.sampled_from([1, 2])),
            draw(scores),
            draw(st.sampled_from([1.0, 3.0, 6.0])),
        )
        for number in range(1, draw(st.integers(2, 6)))
    ]
    return grades(groups, works, weighs=draw(st.booleans()))


def reached(course: CourseGrades, shares: dict[int, float]) -> float:
    found = course.with_changes({number: {"score": score} for number, score in shares.items()}).percent
    return -1.0 if found is None else found


class TestAgainstTrying:
    @settings(max_examples=60, deadline=None)
    @given(courses(), st.sampled_from([20.0, 50.0, 75.0, 93.0]))
    def test_no_lower_score_on_one_piece_of_work_gives_the_goal(self, course: CourseGrades, goal: float) -> None:
        work = course.works[0]
        tried = [reached(course, {work.id: at / 100}) for at in range(round(work.points * 100) + 1)]
        found = needed_on(course, work.id, goal)

        if found.kind == "reachable":
            assert found.score is not None
            assert next(at for at, percent in enumerate(tried) if percent >= goal) == round(found.score * 100)
        elif found.kind == "secured":
            assert tried[0] >= goal
        elif found.kind == "unreachable":
            assert max(tried) < goal and found.best == max(tried)
        else:
            assert len(set(tried)) == 1

    @settings(max_examples=40, deadline=None)
    @given(courses(), st.sampled_from([40.0, 80.0]))
    def test_no_lower_share_of_all_that_is_left_gives_the_goal(self, course: CourseGrades, goal: float) -> None:
        left = left_over(course)
        tried = [reached(course, {work.id: work.points * at / 10_000 for work in left}) for at in range(0, 10_001, 20)]
        found = needed_on_all(course, goal)

        assert found.count == len(left)
        if found.kind == "reachable" and found.score is not None:
            assert reached(course, {work.id: work.points * found.score / 100 for work in left}) >= goal
            assert all(percent < goal for at, percent in enumerate(tried) if at * 20 < round(found.score * 100))
        elif found.kind == "unreachable":
            assert max(tried) < goal

    def test_pieces_of_one_ratio_are_dropped_by_their_order_at_every_score(self) -> None:
        groups = [{"pk": 1, "weight": 10}, {"pk": 2, "weight": 10, "drop_highest": 1}]
        works = [GradedWork(1, "A", 2, None, 1.0), GradedWork(2, "B", 2, None, 3.0), GradedWork(3, "C", 1, 0.0, 3.0)]
        course = grades(groups, works, weighs=False)

        for at in range(1, 10_001):
            changed = course.with_changes({1: {"score": at / 10_000}, 2: {"score": 3 * at / 10_000}})
            assert changed.current.dropped == {2}
        assert needed_on_all(course, 40.0).kind == "unreachable"


class TestWords:
    HALF = [{"pk": 1, "weight": 50}, {"pk": 2, "weight": 50}]

    def answer(self, course: CourseGrades, goal: float, number: int | None = None) -> str:
        found = needed_on_all(course, goal) if number is None else needed_on(course, number, goal)
        return needed_words(found, None if number is None else course.work(number), f"{goal:g} %")

    @pytest.fixture
    def course(self) -> CourseGrades:
        works = [GradedWork(1, "Homework", 1, 8.0, 10.0), GradedWork(2, "Final", 2, None, 200.0)]
        return grades(self.HALF, [*works, GradedWork(3, "Survey", 1, None, 0.0)])

    def test_what_is_needed_is_said_in_points_and_per_cent(self, course: CourseGrades) -> None:
        assert self.answer(course, 85, 2) == "179.98 of 200 points (90.0 %) on “Final” give 85 %."
        assert self.answer(course, 85) == "89.99 % on the piece of work that is left gives 85 %."

    def test_why_it_cannot_be_reached_is_said_with_the_most_there_is(self, course: CourseGrades) -> None:
        assert "cannot be reached with “Final” alone: the most that its 200 points can give is 90 %." in self.answer(
            course, 95, 2
        )
        assert "cannot be reached any more: the most that all that is left can give is 90 %." in self.answer(course, 95)

    def test_what_is_safe_or_without_effect_is_said(self, course: CourseGrades) -> None:
        done = grades(self.HALF, list(course.works[:1]))

        assert self.answer(course, 30, 2) == "You have 30 % safely: even 0 points on “Final” keep it."
        assert (
            self.answer(course, 90, 3) == "90 % is not reached, and “Survey” cannot change the score: it has no points."
        )
        assert self.answer(done, 70) == "Nothing is left that has points: the grade stands."
