"""What lies in the calendar, each thing once, in the student's own time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from courses.calendar.entries import Entry, busy_between, entries_between, first_between
from courses.calendar.month import SHOWN, build_month, month_days
from courses.calendar.reading import read_calendar
from courses.calendar.services import create_event
from courses.calendar.sources.importing import import_reading
from courses.calendar.words import known_courses
from courses.models import CalendarEvent
from courses.moments import Clock
from courses.tests.factories import (
    NOW,
    AssignmentFactory,
    CourseFactory,
    PlannerItemFactory,
    SubmissionFactory,
)
from courses.tests.factories_calendar import CalendarEventFactory, CalendarSourceFactory, vcalendar, vevent

pytestmark = pytest.mark.django_db
START, END = NOW - timedelta(days=3), NOW + timedelta(days=10)
HOST = "https://demo.university.edu"
OWN = ["assignments", "planner-items", "events"]


def entries(owner: Any, *layers: str) -> list[Entry]:
    return entries_between(owner, START, END, only=layers or OWN)


def titles(owner: Any, *layers: str) -> list[str]:
    return [entry.title for entry in entries(owner, *layers)]


def bring(owner: Any, *events: str, **fields: Any) -> Any:
    source = CalendarSourceFactory(owner=owner, **fields)
    import_reading(source, read_calendar(vcalendar(*events), zone=owner.zone, now=NOW), by=owner)
    return source


def feed_event(uid: str, title: str, *lines: str) -> str:
    return vevent(f"UID:{uid}", f"SUMMARY:{title}", f"DTSTART:{NOW + timedelta(days=1):%Y%m%dT%H%M%SZ}", *lines)


class TestDeadlines:
    def test_present_work_of_courses_that_go_on_is_there_and_the_rest_is_not(self, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        AssignmentFactory(course=course, name="Here", due_at=NOW)
        AssignmentFactory(course=course, name="Gone", due_at=NOW, missing_since=NOW)
        AssignmentFactory(course=course, name="Deleted", due_at=NOW, deleted_at=NOW)
        AssignmentFactory(course=course, name="Far", due_at=END)
        AssignmentFactory(course=CourseFactory(owner=owner, is_hidden=True), name="Hidden", due_at=NOW)
        AssignmentFactory(course=CourseFactory(owner=owner, state="completed"), name="Over", due_at=NOW)
        AssignmentFactory(name="A stranger's", due_at=NOW)

        assert titles(owner, "assignments") == ["Here"]

    def test_what_is_settled_is_marked(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        AssignmentFactory(course=course, name="Ticked", due_at=NOW, done_at=NOW)
        handed = AssignmentFactory(course=course, name="Handed in", imported=True, due_at=NOW)
        SubmissionFactory(assignment=handed, state="submitted", submitted_at=NOW)
        AssignmentFactory(course=course, name="Open", imported=True, due_at=NOW)

        done = {entry.title: entry.is_done for entry in entries(owner, "assignments")}
        assert done == {"Ticked": True, "Handed in": True, "Open": False}


class TestPlannerItems:
    def test_events_are_there_and_assignments_and_dismissed_ones_are_not(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        work = AssignmentFactory(course=course, imported=True)
        PlannerItemFactory(course=course, title="Review session", ends_at=NOW + timedelta(days=2, hours=1))
        PlannerItemFactory(course=course, title="Work", assignment=work, kind="assignment")
        PlannerItemFactory(course=course, title="Dismissed", dismissed_at=NOW)
        PlannerItemFactory(course=course, title="Missing", missing_since=NOW)

        (entry,) = entries(owner, "planner-items")

        assert (entry.title, entry.is_busy) == ("Review session", True)


class TestOnce:
    def test_an_assignment_in_canvass_own_feed_is_shown_as_the_assignment(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        AssignmentFactory(
            course=course, name="Problem set", imported=True, external_id="77", due_at=NOW + timedelta(days=1),
            html_url=f"{HOST}/courses/1/assignments/77",
        )  # fmt: skip
        url = f"URL:{HOST}/calendar?include_contexts=course_1#assignment_77"

        bring(owner, feed_event("event-assignment-77", "Problem set [CS 1]", url))

        assert titles(owner) == ["Problem set"]

    @pytest.mark.parametrize(
        ("seconds", "title", "shown"), [(0, "Review", 1), (60, "review", 1), (61, "Review", 2), (0, "Talk", 2)]
    )
    def test_a_sources_event_in_another_calendar_is_shown_once(
        self, owner: Any, seconds: int, title: str, shown: int
    ) -> None:
        at = NOW + timedelta(days=1, seconds=seconds)
        PlannerItemFactory(course=CourseFactory(owner=owner, imported=True), title=title, starts_at=at)

        bring(owner, feed_event("anything", "Review"))

        assert len(titles(owner)) == shown

    def test_an_assignment_at_another_university_is_another(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        AssignmentFactory(
            course=course, name="Here", imported=True, external_id="77", due_at=NOW, html_url=f"{HOST}/assignments/77"
        )

        bring(owner, feed_event("event-assignment-77", "There", "URL:https://other.example.edu/x#assignment_77"))

        assert titles(owner) == ["Here", "There"]

    def test_an_assignment_that_we_do_not_have_stays_an_event(self, owner: Any) -> None:
        bring(owner, feed_event("event-assignment-77", "Only in the feed"))

        assert titles(owner) == ["Only in the feed"]

    def test_a_course_event_in_canvass_own_feed_is_shown_as_the_course_event(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, imported=True)
        PlannerItemFactory(course=course, title="Review", external_id="calendar_event:5")

        bring(owner, feed_event("event-calendar-event-5", "Review [CS 1]"))

        assert titles(owner) == ["Review"]

    def test_the_same_event_in_two_calendars_is_shown_once(self, owner: Any) -> None:
        bring(owner, feed_event("x@y", "Talk"))
        bring(owner, feed_event("x@y", "Talk (copy)"))
        bring(owner, feed_event("other", "talk"))

        assert titles(owner) == ["Talk"]

    def test_two_events_of_one_calendar_at_the_same_time_are_two(self, owner: Any) -> None:
        bring(owner, feed_event("a", "Tutorial"), feed_event("b", "Tutorial"))

        assert titles(owner) == ["Tutorial", "Tutorial"]

    def test_the_assignments_page_names_the_calendar_that_has_it_too(self, owner: Any, page: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner, imported=True), imported=True, external_id="77")
        bring(owner, feed_event("event-assignment-77", "Work"), name="Canvas feed")

        assert "Canvas feed" in page.get(work.get_absolute_url()).content.decode()


class TestTime:
    def test_whole_days_are_the_students_days_wherever_the_student_is(self, owner: Any) -> None:
        create_event(owner, by=owner, title="Trip", is_all_day=True, starts_on=NOW.date(), ends_on=NOW.date())
        for zone in ("Pacific/Auckland", "America/Los_Angeles", "UTC"):
            owner.time_zone = zone
            (entry,) = entries(owner, "events")
            local = [moment.astimezone(owner.zone) for moment in (entry.starts_at, entry.ends_at)]
            assert [(moment.date(), moment.hour) for moment in local] == [
                (NOW.date(), 0), (NOW.date() + timedelta(days=1), 0),
            ]  # fmt: skip

    def test_a_weekly_event_keeps_its_local_hour_when_the_clocks_change(self, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        start = datetime(2027, 3, 24, 9, tzinfo=UTC)
        create_event(owner, by=owner, title="Rowing", starts_at=start, repeats="weekly")

        found = entries_between(owner, start, start + timedelta(days=8), only=["events"])

        assert [entry.starts_at.astimezone(owner.zone).hour for entry in found] == [10, 10]

    def test_what_ends_where_the_span_begins_is_not_in_it(self, owner: Any) -> None:
        CalendarEventFactory(owner=owner, title="Before", starts_at=START - timedelta(hours=1))
        CalendarEventFactory(owner=owner, title="Across", starts_at=START - timedelta(minutes=30))
        CalendarEventFactory(owner=owner, title="After", starts_at=END)

        assert titles(owner, "events") == ["Across"]

    def test_time_is_taken_by_events_that_take_it(self, owner: Any) -> None:
        CalendarEventFactory(owner=owner, starts_at=NOW)
        CalendarEventFactory(owner=owner, starts_at=NOW + timedelta(hours=2), is_busy=False)
        bring(owner, feed_event("1", "Free calendar", "DURATION:PT1H"), is_busy=False)
        everything_else = ["tasks", "blocks"]

        assert busy_between(owner, START, END, leaving_out=everything_else) == [(NOW, NOW + timedelta(hours=1))]


def test_reading_takes_the_same_queries_for_many_as_for_few(owner: Any) -> None:
    course = CourseFactory(owner=owner, imported=True)
    source = CalendarSourceFactory(owner=owner)

    def fill(count: int) -> None:
        for _ in range(count):
            n = CalendarEvent.objects.count()
            row = AssignmentFactory(course=course, imported=True, due_at=NOW)
            PlannerItemFactory(course=course)
            CalendarEventFactory(owner=owner, source=source, uid=f"event-assignment-{row.external_id}{n}")
            CalendarEventFactory(owner=owner, course=course)

    def queries() -> int:
        with CaptureQueriesContext(connection) as context:
            entries(owner)
        return len(context)

    fill(3)
    few = queries()
    fill(10)
    assert queries() == few <= 5


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/St_Johns"])
def test_a_month_of_full_days_is_the_same_whether_all_of_it_is_read_or_the_first_of_each_day(
    owner: Any, zone: str
) -> None:
    owner.time_zone = zone
    clock = Clock(datetime(2026, 11, 15, 12, tzinfo=UTC), ZoneInfo(zone))
    course = CourseFactory(owner=owner)
    for at in range(40):  # many at the same moment, some at the edge of a day
        due_at = datetime(2026, 11, 10, 9 + at % 3 * 7, tzinfo=UTC) + timedelta(hours=14 * (at % 2))
        AssignmentFactory(course=course, name=("b", "B", "a", "É")[at % 4] + str(at), due_at=due_at)
        CalendarEventFactory(owner=owner, starts_at=due_at - timedelta(minutes=at), title=f"Event {at}")
    first, end = (clock.midnight(day) for day in month_days(date(2026, 11, 1)))

    some, left = first_between(owner, first, end, SHOWN, whole=date(2026, 11, 11), courses=known_courses(owner))
    every = entries_between(owner, first, end)

    assert sum(left.values()) == len(every) - len(some) > 0
    assert (
        build_month(date(2026, 11, 1), some, clock, {}, left).weeks
        == build_month(date(2026, 11, 1), every, clock, {}).weeks
    )
