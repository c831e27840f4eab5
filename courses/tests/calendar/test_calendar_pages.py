"""The calendar's pages: what they lay out, how few queries they need, how small they are."""

from __future__ import annotations

import gzip
import html
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from courses.calendar.entries import Entry
from courses.calendar.month import build_month, month_days
from courses.calendar.week import build_week, hours_of_day, side_by_side
from courses.models import Assignment, CalendarEvent, CalendarOccurrence
from courses.moments import Clock
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_calendar import CalendarEventFactory, CalendarSourceFactory

BERLIN = ZoneInfo("Europe/Berlin")
CLOCK = Clock(datetime(2026, 11, 29, 12, tzinfo=UTC), BERLIN)


def at(*local: int) -> datetime:
    return datetime(*local, tzinfo=BERLIN)  # type: ignore[misc, arg-type]


def entry(title: str, start: datetime, end: datetime | None = None, **fields: Any) -> Entry:
    return Entry(f"event:{title}@1", "event", title, start, end, **fields)


class TestMonth:
    @pytest.mark.parametrize(
        ("day", "first", "end", "weeks"),
        [
            (date(2026, 11, 15), date(2026, 10, 26), date(2026, 12, 7), 6),
            (date(2027, 2, 1), date(2027, 2, 1), date(2027, 3, 1), 4),
            (date(2026, 12, 31), date(2026, 11, 30), date(2027, 1, 4), 5),
        ],
    )
    def test_its_weeks_begin_on_monday_and_hold_the_whole_month(
        self, day: date, first: date, end: date, weeks: int
    ) -> None:
        assert month_days(day) == (first, end)
        assert (end - first).days == weeks * 7

    def test_what_spans_days_keeps_its_lane_and_goes_on_in_the_next_week(self) -> None:
        trip = entry("Trip", at(2026, 12, 4), at(2026, 12, 9), is_all_day=True)
        essay = entry("Essay", at(2026, 12, 5, 23, 59))

        month = build_month(date(2026, 12, 1), [trip, essay], CLOCK, {})

        friday, saturday, monday = month.weeks[0][4], month.weeks[0][5], month.weeks[1][0]
        assert [slot.item.title for slot in saturday.slots] == ["Trip", "Essay"]
        assert (friday.slots[0].css, friday.slots[0].is_first) == ("starts", True)
        assert (monday.slots[0].css, monday.slots[0].is_first) == ("", True)
        assert month.weeks[1][1].slots[0].css == "ends"

    def test_what_is_too_much_for_a_day_is_counted(self) -> None:
        many = [entry(f"Talk {n}", at(2026, 12, 3, 9 + n), at(2026, 12, 3, 10 + n)) for n in range(7)]

        day = build_month(date(2026, 12, 1), many, CLOCK, {}).weeks[0][3]

        assert (len(day.slots), day.more, day.count, len(day.dots)) == (3, 4, 7, 4)

    def test_a_deadline_at_midnight_lies_on_the_students_day(self) -> None:
        late = entry("Late", datetime(2026, 12, 3, 23, 30, tzinfo=UTC))

        days = {day.day: day.count for week in build_month(date(2026, 12, 1), [late], CLOCK, {}).weeks for day in week}
        assert days[date(2026, 12, 4)] == 1


class TestWeek:
    @pytest.mark.parametrize(
        ("day", "count"), [(date(2026, 10, 25), 25), (date(2027, 3, 28), 23), (date(2026, 12, 1), 24)]
    )
    def test_a_day_has_the_hours_that_it_has(self, day: date, count: int) -> None:
        assert len(hours_of_day(day, CLOCK)) == count

    def test_the_hour_that_comes_twice_has_two_lines_and_events_lie_in_their_own(self) -> None:
        first = entry("First", datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC))
        second = entry("Second", datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC))

        week = build_week(date(2026, 10, 25), [first, second], CLOCK, {}, is_whole=True)

        sunday, monday = week.days[6], week.days[0]
        assert [hour.label for hour in week.hours][1:5] == ["01:00", "02:00", "02:00 again", "03:00"]
        assert [(block.row, block.length) for block in sunday.blocks] == [(9, 4), (13, 4)]
        assert (sunday.gaps, monday.gaps) == ([], [13])
        assert sunday.note == "25 hours: the clocks go back"

    def test_the_hour_that_is_skipped_is_closed_on_that_day_alone(self) -> None:
        over = entry("Night", at(2027, 3, 28, 1), at(2027, 3, 28, 4))

        week = build_week(date(2027, 3, 28), [over], CLOCK, {}, is_whole=True)

        assert week.days[6].gaps == [9]
        assert week.days[5].gaps == []
        assert (week.days[6].blocks[0].row, week.days[6].blocks[0].length) == (5, 12)

    def test_hours_without_anything_are_left_out_at_both_ends(self) -> None:
        early = entry("Early", at(2026, 12, 1, 6), at(2026, 12, 1, 7))

        assert [hour.hour for hour in build_week(date(2026, 12, 1), [early], CLOCK, {}).hours] == list(range(6, 18))

    def test_what_crosses_midnight_lies_in_both_days_and_whole_days_above(self) -> None:
        night = entry("Night", at(2026, 12, 1, 22), at(2026, 12, 2, 6))
        trip = entry("Trip", at(2026, 12, 3), at(2026, 12, 5), is_all_day=True)

        week = build_week(date(2026, 12, 1), [night, trip], CLOCK, {})

        assert [len(day.blocks) for day in week.days] == [0, 1, 0, 0, 0, 0, 0]
        assert [len(day.all_day) for day in week.days] == [0, 0, 1, 1, 1, 0, 0]

    def test_what_ends_in_the_small_hours_opens_no_hours_of_the_night(self) -> None:
        party = entry("Party", at(2026, 12, 1, 20), at(2026, 12, 2, 2))
        hack = entry("Hackathon", at(2026, 12, 4, 23), at(2026, 12, 5, 10))

        week = build_week(date(2026, 12, 1), [party, hack], CLOCK, {})
        whole = build_week(date(2026, 12, 1), [party, hack], CLOCK, {}, is_whole=True)

        assert week.hours[0].hour == 8
        assert [item.title for item in week.days[2].all_day] == ["Party, until 02:00"]
        saturday = week.days[5].blocks[0]
        assert (saturday.row, saturday.length) == (1, 8)  # cut: from eight to ten
        assert (len(whole.days[2].blocks), whole.has_all_day) == (1, False)

    def test_what_overlaps_lies_side_by_side_and_covers_nothing(self) -> None:
        spans = [(0, 8, entry("a", at(2026, 12, 1))), (4, 12, entry("b", at(2026, 12, 1)))]
        spans += [(8, 10, entry("c", at(2026, 12, 1))), (20, 22, entry("d", at(2026, 12, 1)))]

        places = {e.title: (column, breadth) for _, _, column, breadth, e in side_by_side(spans)}

        assert places == {"a": (0, 6), "b": (6, 6), "c": (0, 6), "d": (0, 12)}


@pytest.mark.django_db
class TestPages:
    @pytest.fixture
    def full(self, owner: Any) -> Any:
        """3,000 assignments and 10,000 events, a quarter of which lie in this month."""
        now = timezone.now()
        courses = [CourseFactory(owner=owner, name=f"Course number {n}", hue=n % 12) for n in range(10)]
        source = CalendarSourceFactory(owner=owner)
        Assignment.objects.bulk_create(
            Assignment(
                owner=owner, course=courses[n % 10], name=f"Problem set {n}", due_at=now + timedelta(hours=n % 900)
            )
            for n in range(3_000)
        )
        events = CalendarEvent.objects.bulk_create(
            CalendarEvent(
                owner=owner, source=source, uid=f"event-{n}", title=f"Lecture about something {n}", location="Hall",
                starts_at=now + timedelta(hours=n % 2_000), ends_at=now + timedelta(hours=n % 2_000 + 1),
            )
            for n in range(10_000)
        )  # fmt: skip
        CalendarOccurrence.objects.bulk_create(
            CalendarOccurrence(owner=owner, event=event, key="x", starts_at=event.starts_at, ends_at=event.ends_at)
            for event in events
        )
        return owner

    def test_a_month_of_a_full_account_is_small_and_takes_few_queries(self, full: Any, page: Any) -> None:
        with CaptureQueriesContext(connection) as context:
            content = page.get("/calendar/").content

        assert "more</a>" in content.decode()
        assert len(gzip.compress(content, 6)) <= 60 * 1024
        assert len(context) <= 15, [query["sql"][:90] for query in context]

    def test_below_the_month_the_first_of_today_are_listed_and_all_of_an_opened_day(
        self, owner: Any, page: Any
    ) -> None:
        course = CourseFactory(owner=owner)
        noon = timezone.now().replace(hour=12)
        for number in range(13):
            AssignmentFactory(course=course, name=f"Problem set {number:02}", due_at=noon)

        text = page.get("/calendar/").content.decode()
        listed = text.partition('id="day"')[2]
        assert "Problem set 09" in listed and "Problem set 10" not in listed
        assert "Show 3 more" in listed

        address = re.search(r'href="([^"]+)">Show 3 more', listed)
        assert address is not None
        whole = page.get(f"/calendar/{html.unescape(address[1]).partition('#')[0]}").content.decode()
        assert "Problem set 12" in whole.partition('id="day"')[2] and "more</a>" not in whole.partition('id="day"')[2]

    @pytest.mark.parametrize("view", ["month", "week", "agenda"])
    def test_a_view_takes_the_same_queries_for_many_as_for_few(self, owner: Any, page: Any, view: str) -> None:
        course = CourseFactory(owner=owner)

        def fill(count: int) -> None:
            for _ in range(count):
                AssignmentFactory(course=course, due_at=timezone.now())
                CalendarEventFactory(owner=owner, course=course, starts_at=timezone.now())

        def queries() -> int:
            with CaptureQueriesContext(connection) as context:
                assert page.get(f"/calendar/?view={view}").status_code == 200
            return len(context)

        fill(3)
        few = queries()
        fill(10)
        assert queries() == few <= 15

    def test_the_courses_own_time_is_told_where_it_differs(self, owner: Any, page: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        course = CourseFactory(owner=owner, time_zone="Europe/Helsinki")
        AssignmentFactory(course=course, name="Essay", due_at=datetime(2026, 12, 3, 21, 59, tzinfo=UTC))

        text = page.get("/calendar/?view=agenda&date=2026-12-01").content.decode()

        assert "22:59" in text
        assert "23:59 in Europe/Helsinki, the course’s time" in text

    def test_layers_and_courses_can_be_left_out(self, owner: Any, page: Any) -> None:
        one, other = CourseFactory(owner=owner), CourseFactory(owner=owner)
        AssignmentFactory(course=one, name="Essay", due_at=timezone.now())
        AssignmentFactory(course=other, name="Quiz", due_at=timezone.now())
        CalendarEventFactory(owner=owner, title="Rowing", starts_at=timezone.now())

        def shown(query: str) -> set[str]:
            text = page.get(f"/calendar/?view=agenda&{query}").content.decode()
            return {title for title in ("Essay", "Quiz", "Rowing") if title in text}

        assert shown("") == {"Essay", "Quiz", "Rowing"}
        assert shown("layer=assignments") == {"Essay", "Quiz"}
        assert shown(f"course={other.pk}") == {"Quiz"}

    @pytest.mark.parametrize(
        "query", ["view=nonsense", "date=2026-13-45", "date=9999-12-31", "course=x", "layer=nothing", "day=0", "was=1"]
    )
    def test_an_address_that_makes_no_sense_shows_today(self, page: Any, query: str) -> None:
        assert page.get(f"/calendar/?{query}").status_code == 200

    def test_a_full_agenda_ends_with_a_day_and_the_next_page_goes_on_there(self, owner: Any, page: Any) -> None:
        course = CourseFactory(owner=owner)
        noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
        for day in range(4):
            AssignmentFactory.create_batch(40, course=course, name=f"On day {day}", due_at=noon + timedelta(days=day))

        first = page.get("/calendar/?view=agenda&date=2026-12-01").content.decode()
        following = page.get("/calendar/?view=agenda&date=2026-12-04").content.decode()

        assert [first.count(f">On day {day}<") for day in range(4)] == [40, 40, 40, 0]
        assert "On from Friday 4 December" in first
        assert "?view=agenda&amp;date=2026-12-04" in first
        assert [following.count(f">On day {day}<") for day in range(4)] == [0, 0, 0, 40]
        assert "The next 30 days" in following

    def test_years_that_no_page_shows_are_refused_at_their_field(self, page: Any) -> None:
        for day in ("9999-12-31", "0001-01-01"):
            answer = page.post(
                "/calendar/events/new/", {"title": "x", "is_all_day": "on", "starts_on": day, "ends_on": day}
            )
            assert answer.status_code == 422
            assert "Choose a year from 1971 to 2199." in answer.content.decode()
            assert page.get(f"/calendar/events/new/?at={day}T23:59").status_code == 200

    def test_an_empty_agenda_says_what_comes_here(self, page: Any) -> None:
        text = page.get("/calendar/?view=agenda").content.decode()

        assert "Nothing in these days" in text
        assert "Follow a calendar" in text

    def test_only_the_calendar_is_answered_where_only_that_is_asked(self, page: Any) -> None:
        answer = page.get("/calendar/", headers={"HX-Request": "true", "HX-Target": "calendar"})

        assert b"<html" not in answer.content
        assert b'id="calendar"' in answer.content

    def test_the_keys_of_the_calendar_are_listed_on_its_page_alone(self, page: Any) -> None:
        assert 'data-keys="t"' in page.get("/calendar/").content.decode()
        assert 'data-keys="t"' not in page.get("/courses/").content.decode()
