"""The student's calendar under a secret address: who may read it, and what programs make of it."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from coreengine.kernel.logs import WithoutSecrets
from courses.calendar.entries import entries_between
from courses.calendar.feeds import views, writing
from courses.calendar.feeds.services import create_feed, revoke_feed, rotate_feed
from courses.calendar.reading import read_calendar
from courses.calendar.services import create_event, delete_event, update_event
from courses.calendar.sources.importing import import_reading
from courses.models import Assignment, CalendarFeed, Course
from courses.moments import Clock
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_calendar import CalendarSourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    cache.clear()


@pytest.fixture
def course(owner: Any) -> Course:
    owner.time_zone = "Europe/Berlin"
    owner.save()
    return CourseFactory(owner=owner, name="Operating Systems")


@pytest.fixture
def work(course: Course) -> Assignment:
    due_at = (timezone.now() + timedelta(days=5)).replace(hour=22, minute=59, second=0, microsecond=0)
    return AssignmentFactory(course=course, name="Essay, part 1; draft", due_at=due_at)


def make(owner: Any, **fields: Any) -> tuple[CalendarFeed, str]:
    feed, secret = create_feed(owner, by=owner, **{"name": "Phone", **fields})
    return feed, f"/calendar/feeds/{secret}.ics"


def events_at(address: str) -> dict[str, Any]:
    answer = Client().get(address)
    assert answer.status_code == 200
    calendar = icalendar.Calendar.from_ical(answer.content)
    return {str(event["SUMMARY"]): event for event in calendar.walk("VEVENT")}


class TestTheAddress:
    def test_whoever_has_it_reads_the_calendar_without_signing_in(self, owner: Any, work: Assignment) -> None:
        _, address = make(owner)

        answer = Client().get(address)

        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer["Cache-Control"] == "private, no-cache"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "Essay" in answer.content.decode()

    def test_only_a_digest_of_the_secret_is_stored(self, owner: Any) -> None:
        feed, address = make(owner)

        secret = address.rpartition("/")[2].removesuffix(".ics")
        assert secret not in str(CalendarFeed.objects.filter(pk=feed.pk).values())
        assert len(secret) >= 43

    def test_a_wrong_a_revoked_and_an_old_address_open_nothing(self, owner: Any) -> None:
        feed, old = make(owner)
        _, secret = rotate_feed(feed, by=owner)
        new = f"/calendar/feeds/{secret}.ics"

        assert [Client().get(address).status_code for address in ("/calendar/feeds/x.ics", old, new)] == [404, 404, 200]
        revoke_feed(feed, by=owner)
        assert Client().get(new).status_code == 404

    def test_one_who_may_not_sign_in_any_more_is_not_read_either(self, owner: Any) -> None:
        _, address = make(owner)
        owner.is_active = False
        owner.save()

        assert Client().get(address).status_code == 404

    def test_a_reader_that_has_it_already_is_told_so(self, owner: Any, work: Assignment) -> None:
        _, address = make(owner)
        tag = Client().get(address)["ETag"]

        assert Client().get(address, headers={"If-None-Match": tag}).status_code == 304
        Assignment.objects.filter(pk=work.pk).update(name="Other", updated_at=timezone.now())
        assert Client().get(address, headers={"If-None-Match": tag}).status_code == 200

    def test_too_many_readings_are_refused_for_a_while(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "READS", 2)
        _, address = make(owner)

        answers = [Client().get(address) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2]["Retry-After"] == "600"

    def test_guessing_is_slowed_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "READS", 2)

        assert [Client().get(f"/calendar/feeds/{n}.ics").status_code for n in range(3)] == [404, 404, 429]

    def test_the_secret_is_in_no_log(self) -> None:
        record = logging.LogRecord("x", 20, "", 0, "GET %s 200", ("/calendar/feeds/abc-DEF_123.ics",), None)

        WithoutSecrets().filter(record)

        assert record.getMessage() == "GET /calendar/feeds/….ics 200"

    def test_last_use_is_noted_with_the_program(self, owner: Any) -> None:
        feed, address = make(owner)

        Client().get(address, headers={"User-Agent": "Google-Calendar-Importer"})

        feed.refresh_from_db()
        assert feed.last_used_by == "Google Calendar"
        assert feed.last_used_at is not None


class TestTheFile:
    def test_a_deadline_ends_when_the_work_is_due_in_the_students_zone(self, owner: Any, work: Assignment) -> None:
        event = events_at(make(owner)[1])["Essay, part 1; draft"]

        assert event["DTEND"].dt == work.due_at
        assert event["DTEND"].params["TZID"] == "Europe/Berlin"
        assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=15)
        assert "Due" in event["DESCRIPTION"]

    def test_it_holds_the_rules_of_the_zone_and_folds_long_lines(self, owner: Any, work: Assignment) -> None:
        Assignment.objects.filter(pk=work.pk).update(name="Ä" * 200)

        content = Client().get(make(owner)[1]).content
        zone = icalendar.Calendar.from_ical(content).walk("VTIMEZONE")[0]

        assert max(map(len, content.split(b"\r\n"))) <= 75
        assert zone["TZID"] == "Europe/Berlin"

    @pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"])
    def test_the_rules_of_the_zone_say_when_its_clocks_change(self, name: str) -> None:
        zone = ZoneInfo(name)
        written = writing._zone(Clock(datetime(2026, 11, 29, tzinfo=UTC), zone)).to_tz()

        hours = (datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(24 * 400))
        wrong = [hour for hour in hours if hour.astimezone(zone).utcoffset() != hour.astimezone(written).utcoffset()]

        assert wrong == []

    def test_whole_days_are_days(self, owner: Any, course: Course) -> None:
        day = date.today() + timedelta(days=3)  # noqa: DTZ011
        create_event(owner, by=owner, title="Trip", is_all_day=True, starts_on=day, ends_on=day + timedelta(days=1))

        event = events_at(make(owner)[1])["Trip"]

        assert (event["DTSTART"].dt, event["DTEND"].dt) == (day, day + timedelta(days=2))

    def test_alarms_ring_before_the_moment_that_counts_and_not_for_what_is_done(
        self, owner: Any, work: Assignment, course: Course
    ) -> None:
        AssignmentFactory(course=course, name="Done", due_at=work.due_at, done_at=timezone.now())

        found = events_at(make(owner, alarms={"assignments": 90})[1])

        (alarm,) = found["Essay, part 1; draft"].walk("VALARM")
        assert alarm["TRIGGER"].dt == timedelta(minutes=-90)
        assert alarm["TRIGGER"].params["RELATED"] == "END"
        assert found["✓ Done"].walk("VALARM") == []

    def test_one_courses_feed_and_one_of_some_layers_hold_nothing_else(
        self, owner: Any, work: Assignment, course: Course
    ) -> None:
        AssignmentFactory(course=CourseFactory(owner=owner), name="Other course", due_at=work.due_at)
        create_event(owner, by=owner, title="Rowing", starts_at=work.due_at)

        assert set(events_at(make(owner, course=course)[1])) == {"Essay, part 1; draft"}
        assert set(events_at(make(owner, layers=["events"])[1])) == {"Rowing"}

    def test_a_client_that_reads_again_sees_changes_under_the_same_id(self, owner: Any, course: Course) -> None:
        soon = timezone.now() + timedelta(days=1)
        event = create_event(owner, by=owner, title="Rowing", starts_at=soon, course=course)
        _, address = make(owner)
        before = events_at(address)["Rowing"]
        type(event).objects.filter(pk=event.pk).update(updated_at=timezone.now() - timedelta(hours=2))
        older = events_at(address)["Rowing"]

        update_event(event, by=owner, changes={"title": "Rowing, moved", "location": "Lake"})
        after = events_at(address)["Rowing, moved"]

        assert after["UID"] == before["UID"]
        assert after["SEQUENCE"] > older["SEQUENCE"]
        assert after["LAST-MODIFIED"].dt > older["LAST-MODIFIED"].dt
        delete_event(event, by=owner)
        assert events_at(address) == {}

    def test_our_own_feed_brought_back_in_shows_nothing_twice(self, owner: Any, work: Assignment) -> None:
        soon = timezone.now() + timedelta(days=2)
        create_event(owner, by=owner, title="Rowing", starts_at=soon, repeats="weekly")
        span = (timezone.now(), timezone.now() + timedelta(days=30))
        before = [entry.key for entry in entries_between(owner, *span)]

        content = Client().get(make(owner)[1]).content
        reading = read_calendar(content, zone=owner.zone, now=timezone.now())
        import_reading(CalendarSourceFactory(owner=owner), reading, by=owner)

        assert reading.problems == []
        assert len(reading.events) > len(before) > 3
        assert [entry.key for entry in entries_between(owner, *span)] == before

    def test_a_friend_who_follows_it_sees_all_of_it(self, owner: Any, stranger: Any, work: Assignment) -> None:
        content = Client().get(make(owner)[1]).content
        reading = read_calendar(content, zone=stranger.zone, now=timezone.now())
        import_reading(CalendarSourceFactory(owner=stranger), reading, by=stranger)

        found = entries_between(stranger, timezone.now(), timezone.now() + timedelta(days=30), only=["events"])
        assert [entry.title for entry in found] == ["Essay, part 1; draft"]
        assert found[0].ends_at == work.due_at.astimezone(UTC)


def test_the_list_shows_a_new_address_once(owner: Any, page: Any) -> None:
    page.post("/calendar/feeds/new/", {"name": "Phone", "layers": ["events"], "alarm-events": "10"})

    first, second = (page.get("/calendar/feeds/") for _ in range(2))

    feed = CalendarFeed.objects.get()
    assert (feed.layers, feed.alarms) == (["events"], {"events": 10})
    assert ".ics" in first.content.decode()
    assert first["Cache-Control"] == "no-store"
    assert ".ics" not in second.content.decode()
