"""The agenda: what is where, in the student's zone, and how it is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from courses.agenda import build_agenda, greeting
from courses.agenda_rows import FEW_SHOWN
from courses.models import Course
from courses.moments import Clock, moment, span_of_days
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory, SubmissionFactory

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
CLOCK = Clock(NOW, BERLIN)  # Monday 10:30 in Berlin


@pytest.fixture
def course(owner: Any) -> Course:
    return CourseFactory(owner=owner)


def titles(owner: Any, clock: Clock = CLOCK) -> dict[str, list[str]]:
    return {section.key: [row.name for row in section.rows] for section in build_agenda(owner, clock).sections}


class TestSections:
    @pytest.mark.parametrize(
        ("hours", "section"),
        [
            (-1, "overdue"),
            (5, "today"),
            (13.4, "today"),
            (13.6, "week"),
            (6 * 24, "week"),
            (7 * 24, "next"),
            (15 * 24, "later"),
        ],
    )
    def test_work_stands_under_its_day_in_the_students_zone(
        self, owner: Any, course: Course, hours: float, section: str
    ) -> None:
        AssignmentFactory(course=course, name="Work", due_at=NOW + timedelta(hours=hours))

        assert titles(owner) == {section: ["Work"]}

    def test_handed_in_work_of_today_is_shown_as_done_and_of_yesterday_waits_for_its_grade(
        self, owner: Any, course: Course
    ) -> None:
        today = AssignmentFactory(course=course, due_at=NOW - timedelta(hours=1), imported=True)
        yesterday = AssignmentFactory(course=course, due_at=NOW - timedelta(days=1), imported=True)
        for work in (today, yesterday):
            SubmissionFactory(assignment=work, state="submitted", submitted_at=NOW - timedelta(days=2))

        agenda = build_agenda(owner, CLOCK)

        shown = [(section.key, [row.done for row in section.rows]) for section in agenda.sections]
        assert shown == [("today", [True]), ("waiting", [False])]
        assert agenda.sections[1].rows[0].when_text == "for 2 days"

    def test_what_was_ticked_off_today_stays_so_that_it_can_be_taken_back(self, owner: Any, course: Course) -> None:
        AssignmentFactory(course=course, name="Late", due_at=NOW - timedelta(days=3), done_at=NOW)

        assert titles(owner) == {"today": ["Late"]}

    def test_what_was_dismissed_from_the_planner_is_neither_ahead_nor_late(self, owner: Any, course: Course) -> None:
        for days in (-1, 1):
            AssignmentFactory(course=course, due_at=NOW + timedelta(days=days), dismissed_at=NOW)

        assert titles(owner) == {}

    def test_an_own_task_without_a_date_waits_at_the_end(self, owner: Any, course: Course) -> None:
        AssignmentFactory(course=course, name="Some day")
        AssignmentFactory(course=course, name="Ungraded survey", imported=True)

        assert titles(owner) == {"later": ["Some day"]}

    def test_hidden_courses_and_other_students_are_left_out(self, owner: Any, stranger: Any) -> None:
        AssignmentFactory(course=CourseFactory(owner=owner, is_hidden=True), due_at=NOW)
        AssignmentFactory(course=CourseFactory(owner=stranger), due_at=NOW)

        assert titles(owner) == {}

    def test_many_debts_show_the_newest_and_count_all(self, owner: Any, course: Course) -> None:
        for days in range(1, 13):
            AssignmentFactory(course=course, name=f"{days} days late", due_at=NOW - timedelta(days=days))

        section = build_agenda(owner, CLOCK).sections[0]

        assert (section.detail, section.more_count, len(section.rows)) == ("12", 12 - FEW_SHOWN, FEW_SHOWN)
        assert section.rows[-1].name == "1 days late"

    def test_four_queries_however_much_there_is(
        self, owner: Any, course: Course, django_assert_num_queries: Any
    ) -> None:
        for hours in range(-30, 60):
            work = AssignmentFactory(course=course, due_at=NOW + timedelta(hours=hours), imported=True)
            SubmissionFactory(assignment=work)

        with django_assert_num_queries(4):  # behind, ahead, where the code stands, own tasks
            build_agenda(owner, CLOCK)


class TestTheSentence:
    def test_nothing(self, owner: Any) -> None:
        assert build_agenda(owner, CLOCK).sentence == "Nothing is due."

    def test_what_is_near_is_counted_up_to_its_day(self, owner: Any, course: Course) -> None:
        for days in (0.2, 1, 2):
            AssignmentFactory(course=course, due_at=NOW + timedelta(days=days))

        assert build_agenda(owner, CLOCK).sentence == "Three things due by Wednesday."

    def test_one_thing_today(self, owner: Any, course: Course) -> None:
        AssignmentFactory(course=course, due_at=NOW + timedelta(hours=2))

        assert build_agenda(owner, CLOCK).sentence == "One thing due today."

    def test_debts_come_first(self, owner: Any, course: Course) -> None:
        AssignmentFactory(course=course, due_at=NOW - timedelta(hours=2))
        AssignmentFactory(course=course, due_at=NOW + timedelta(days=1))

        assert build_agenda(owner, CLOCK).sentence == "One thing is overdue, one thing due tomorrow."

    def test_a_far_thing_is_named_by_its_day(self, owner: Any, course: Course) -> None:
        AssignmentFactory(course=course, due_at=NOW + timedelta(days=20))

        assert build_agenda(owner, CLOCK).sentence == "Nothing due this week, the next thing on Sunday 13 December."


class TestWords:
    @pytest.mark.parametrize(
        ("when", "main", "detail"),
        [
            (NOW + timedelta(minutes=20), "in 20 min", "10:50"),
            (NOW + timedelta(hours=6), "in 6 h", "16:30"),
            (NOW - timedelta(hours=6), "Today", "04:30"),
            (NOW - timedelta(hours=12), "Yesterday", "22:30"),
            (NOW + timedelta(days=1), "Tomorrow", "10:30"),
            (NOW + timedelta(days=2), "Wed", "10:30"),
            (NOW + timedelta(days=10), "3 Dec", "Thu 10:30"),
            (NOW + timedelta(days=60), "22 Jan 2027", "Fri 10:30"),
        ],
    )
    def test_a_due_date_is_said_as_people_say_it(self, when: datetime, main: str, detail: str) -> None:
        said = moment(when, CLOCK)

        assert (said.main, said.detail) == (main, detail)

    @pytest.mark.parametrize(
        ("hour", "words"), [(3, "Good evening"), (5, "Good morning"), (12, "Good afternoon"), (18, "Good evening")]
    )
    def test_the_greeting_follows_the_students_clock(self, hour: int, words: str) -> None:
        local = datetime(2026, 11, 23, hour, tzinfo=BERLIN)

        assert greeting(Clock(local.astimezone(UTC), BERLIN)) == words

    def test_a_span_names_the_month_once(self) -> None:
        assert span_of_days(NOW.date(), NOW.date() + timedelta(days=6)) == "23 – 29 Nov"
        assert span_of_days(NOW.date(), NOW.date() + timedelta(days=9)) == "23 Nov – 2 Dec"
