"""How long work takes, and where it lies: plain arithmetic."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from courses.moments import Clock
from courses.tests.factories import NOW
from courses.workplan.effort import Effort, effort_of, minutes_words
from courses.workplan.work import PlannableWork
from courses.workplan.workload import ON_DUE_DAY, shares, step_of, workload

TODAY = date(2026, 11, 23)
CLOCK = Clock(NOW, ZoneInfo("Europe/Berlin"))


def work(minutes: int, *, days: float = 5, worked: int = 0) -> PlannableWork:
    due = NOW + timedelta(days=days)
    return PlannableWork("task", 1, "Essay", "/", due, Effort(minutes, "your estimate"), worked_minutes=worked)


@pytest.mark.parametrize(
    ("given", "minutes", "words"),
    [
        ({"estimate": 75, "points": 40}, 75, "your estimate"),
        (
            {"points": 40, "group_points": 100, "group_weight": 30, "all_weights": 100},
            360,
            "estimated from 40 points of 100 in a group that weighs 30 %",
        ),
        ({"points": 10, "group_points": 100}, 300, "estimated from 10 points of 100 in the course"),
        (
            {"points": 10, "group_points": 100, "group_weight": 30, "all_weights": 60},
            150,
            "estimated from 10 points of 100 in a group that weighs 30 %",
        ),
        (
            {"points": 1, "group_points": 1000},
            15,
            "estimated from 1 point of 1000 in the course, the least that is assumed",
        ),
        (
            {"points": 90, "group_points": 100},
            600,
            "estimated from 90 points of 100 in the course, the most that is assumed",
        ),
        ({"points": None}, 60, "assumed, since it has no points"),
        ({"points": 0}, 60, "assumed, since it has no points"),
        ({"points": 40, "group_points": 100, "counts": False}, 60, "assumed, since it does not count for the grade"),
        (
            {"points": 40, "group_points": 0},
            600,
            "estimated from 40 points of 40 in the course, the most that is assumed",
        ),
    ],
)
def test_effort_is_the_students_estimate_or_follows_from_the_share_of_the_grade(
    given: dict, minutes: int, words: str
) -> None:
    effort = effort_of(**given)

    assert (effort.minutes, effort.words) == (minutes, words)


def test_a_group_without_weight_in_a_weighted_course_is_the_least() -> None:
    assert effort_of(points=40, group_points=40, group_weight=0, all_weights=100).minutes == 15


def test_the_student_sets_what_a_per_cent_costs() -> None:
    assert effort_of(points=5, group_points=100, minutes_per_percent=60).minutes == 300


@pytest.mark.parametrize(("minutes", "words"), [(50, "50 min"), (60, "1 h"), (150, "2 h 30 min"), (0, "0 min")])
def test_minutes_are_said_as_people_say_them(minutes: int, words: str) -> None:
    assert minutes_words(minutes) == words


class TestShares:
    def test_work_lies_on_the_days_before_about_an_hour_each(self) -> None:
        found = shares(170, TODAY + timedelta(days=5), TODAY)

        assert found == [
            (TODAY + timedelta(days=3), 57),
            (TODAY + timedelta(days=4), 57),
            (TODAY + timedelta(days=5), 56),
        ]

    def test_on_the_due_day_all_of_it_lies_there(self) -> None:
        assert shares(170, TODAY + timedelta(days=5), TODAY, spread=ON_DUE_DAY) == [(TODAY + timedelta(days=5), 170)]

    def test_none_lies_before_today_and_overdue_work_lies_on_today(self) -> None:
        assert [day for day, _ in shares(600, TODAY + timedelta(days=1), TODAY)] == [TODAY, TODAY + timedelta(days=1)]
        assert shares(90, TODAY - timedelta(days=9), TODAY) == [(TODAY, 90)]

    @pytest.mark.parametrize("minutes", [1, 59, 60, 61, 599, 601, 5000])
    @pytest.mark.parametrize("days", [0, 1, 7, 40])
    def test_the_parts_add_up_and_are_ten_at_most(self, minutes: int, days: int) -> None:
        found = shares(minutes, TODAY + timedelta(days=days), TODAY)

        assert sum(part for _, part in found) == minutes
        assert len(found) <= min(10, days + 1)
        assert max(part for _, part in found) - min(part for _, part in found) <= 1


class TestWorkload:
    def test_what_was_worked_already_is_taken_off(self) -> None:
        days = workload([work(120, worked=90)], CLOCK, weeks=4)

        assert sum(day.minutes for day in days) == 30

    def test_midnight_belongs_to_the_day_that_ends_then(self) -> None:
        midnight = CLOCK.midnight(TODAY + timedelta(days=3))
        due = (midnight - NOW) / timedelta(days=1)

        days = [day for day in workload([work(30, days=due)], CLOCK, weeks=1) if day.minutes]

        assert [day.day for day in days] == [TODAY + timedelta(days=2)]

    def test_whole_weeks_are_shown_across_a_change_of_the_clock(self) -> None:
        before = Clock(NOW - timedelta(days=35), ZoneInfo("Europe/Berlin"))  # 19 October; the clock changes on the 25th

        days = workload([], before, weeks=2)

        assert [day.day for day in days] == [date(2026, 10, 19) + timedelta(days=n) for n in range(14)]

    @pytest.mark.parametrize(("minutes", "step"), [(0, 0), (1, 1), (30, 1), (31, 2), (180, 3), (300, 4), (301, 5)])
    def test_the_scale_has_five_steps(self, minutes: int, step: int) -> None:
        assert step_of(minutes) == step
