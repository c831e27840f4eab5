"""Every service of the calendar by both doors: pages and API give the same outcome, and a stranger gets nowhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.actions import ActionContext, run_action
from courses.calendar.feeds.services import create_feed
from courses.calendar.services import create_event, move_event
from courses.calendar.sources.services import read_source
from courses.changes import WINDOW, changes_of, recent_events
from courses.models import CalendarEvent, CalendarFeed, CalendarOccurrence, CalendarSource
from courses.pages import clock_of
from courses.tests.calendar.test_import import lecture, take
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_calendar import CalendarEventFactory, CalendarSourceFactory, vcalendar, vevent
from courses.tests.test_doors import DOORS, Doors

pytestmark = pytest.mark.django_db
LECTURE = vevent("UID:1", "SUMMARY:Lecture", "DTSTART:20370101T080000Z")


@pytest.fixture(params=DOORS)
def doors(request: Any, page: Any, api: Any) -> Doors:
    return Doors(request.param, page, api)


def url(name: str, *args: int) -> str:
    return reverse(f"courses:{name}", args=args)


class TestEvents:
    def test_adding_one(self, doors: Doors, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        data = {"title": "Rowing", "starts_at": "2026-12-01T18:00:00Z", "course": course.pk, "repeats": "weekly"}
        form = {**data, "starts_at": "2026-12-01T18:00"}

        assert doors.send(url("create-calendar-event"), "post", "calendar-events/", data, form) == 200
        event = CalendarEvent.objects.get()
        assert (event.owner, event.course, event.rrule) == (owner, course, "FREQ=WEEKLY")
        assert (event.starts_at, event.ends_at - event.starts_at) == (
            datetime(2026, 12, 1, 18, tzinfo=UTC),
            timedelta(hours=1),
        )
        assert event.occurrences.count() > 50

    def test_adding_whole_days(self, doors: Doors) -> None:
        data = {"title": "Trip", "is_all_day": True, "starts_on": "2026-12-04", "ends_on": "2026-12-08"}

        assert doors.send(url("create-calendar-event"), "post", "calendar-events/", data) == 200
        event = CalendarEvent.objects.get()
        assert (event.starts_at.date(), event.ends_at.date()) == (date(2026, 12, 4), date(2026, 12, 9))

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"title": " "}, "title"),
            ({"starts_at": ""}, "starts_at"),
            ({"ends_at": "2026-11-01T10:00"}, "ends_at"),
            ({"is_all_day": True, "starts_on": "2026-12-04", "ends_on": "2026-12-01"}, "ends_on"),
            ({"repeats": "weekly", "repeats_until": "2020-01-01"}, "repeats_until"),
        ],
    )
    def test_what_is_wrong_is_told_at_its_field(self, doors: Doors, wrong: dict[str, Any], field: str) -> None:
        form = {"title": "Rowing", "starts_at": "2026-12-01T18:00", **wrong}
        data = {name: f"{value}:00Z" if name.endswith("_at") and value else value for name, value in form.items()}
        if data["starts_at"] == "":
            data["starts_at"] = None

        assert doors.send(url("create-calendar-event"), "post", "calendar-events/", data, form) == 422
        assert doors.error_fields == {field}
        assert not CalendarEvent.objects.exists()

    def test_changing_one_changes_all_its_times(self, doors: Doors, owner: Any) -> None:
        event = create_event(owner, by=owner, title="Old", starts_at=timezone.now(), repeats="daily")
        data = {"title": "New", "starts_at": "2026-12-01T18:00:00Z", "ends_at": "2026-12-01T20:00:00Z", "repeats": ""}
        form = {**data, "starts_at": "2026-12-01T18:00", "ends_at": "2026-12-01T20:00"}

        path = f"calendar-events/{event.pk}/"
        assert doors.send(url("edit-calendar-event", event.pk), "patch", path, data, form) == 200
        (time,) = CalendarOccurrence.objects.all()
        assert (time.event.title, time.ends_at.hour) == ("New", 20)

    def test_one_of_a_calendar_takes_notes_and_keeps_the_rest(self, doors: Doors, owner: Any) -> None:
        event = CalendarEventFactory(owner=owner, source=CalendarSourceFactory(owner=owner), uid="1", title="Theirs")
        path = f"calendar-events/{event.pk}/"

        assert doors.send(url("edit-calendar-event", event.pk), "patch", path, {"notes": "Mine"}) == 200
        doors.send(url("edit-calendar-event", event.pk), "patch", path, {"title": "Mine", "notes": "Mine"})

        event.refresh_from_db()
        assert (event.title, event.notes) == ("Theirs", "Mine")

    def test_one_of_a_calendar_is_not_deleted(self, doors: Doors, owner: Any) -> None:
        event = CalendarEventFactory(owner=owner, source=CalendarSourceFactory(owner=owner), uid="1")

        assert doors.send(url("delete-calendar-event", event.pk), "delete", f"calendar-events/{event.pk}/", {}) == 409

    def test_deleting_and_taking_it_back(self, doors: Doors, owner: Any) -> None:
        event = CalendarEventFactory(owner=owner)
        path = f"calendar-events/{event.pk}/"

        assert doors.send(url("delete-calendar-event", event.pk), "delete", path, {}) == 200
        assert not CalendarOccurrence.objects.visible_to(owner).exists()
        assert doors.send(url("restore-calendar-event", event.pk), "post", f"{path}restore/", {}) == 200
        assert CalendarOccurrence.objects.visible_to(owner).exists()

    def test_a_strangers_event_and_course_are_not_there(self, doors: Doors, stranger: Any) -> None:
        event = CalendarEventFactory(owner=stranger)
        for name, method, path in [
            ("edit-calendar-event", "patch", ""),
            ("delete-calendar-event", "delete", ""),
            ("restore-calendar-event", "post", "restore/"),
        ]:
            assert doors.send(url(name, event.pk), method, f"calendar-events/{event.pk}/{path}", {"title": "x"}) == 404
        theirs = {"title": "x", "starts_at": "2026-12-01T18:00:00Z", "course": CourseFactory(owner=stranger).pk}
        form = {**theirs, "starts_at": "2026-12-01T18:00"}
        assert doors.send(url("create-calendar-event"), "post", "calendar-events/", theirs, form) == 422
        assert doors.error_fields == {"course"}


class TestLocalTimes:
    def test_a_time_that_does_not_exist_is_refused_with_the_nearest(self, page: Any, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()

        answer = page.post(url("create-calendar-event"), {"title": "Night", "starts_at": "2027-03-28T02:30"})

        text = answer.content.decode()
        assert answer.status_code == 422
        assert "There is no 02:30 on 28 March 2027 in Europe/Berlin: the clocks go forward then. Write 03:30." in text
        assert 'value="2027-03-28T02:30"' in text

    def test_a_time_that_exists_twice_is_the_first(self, page: Any, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()

        page.post(url("create-calendar-event"), {"title": "Night", "starts_at": "2026-10-25T02:30"})

        assert CalendarEvent.objects.get().starts_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def test_moving_keeps_to_the_local_clock_and_can_be_taken_back(self, page: Any, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        start = datetime(2027, 3, 26, 9, tzinfo=UTC)
        event = create_event(owner, by=owner, title="Rowing", starts_at=start)

        answer = page.post(
            url("move-calendar-event", event.pk), {"from": start.isoformat(), "to": "2027-03-29T10:00"}, follow=True
        )

        event.refresh_from_db()
        assert event.starts_at == datetime(2027, 3, 29, 8, tzinfo=UTC)
        assert "“Rowing” is moved." in answer.content.decode()
        back = {"from": answer.context["moved"]["from"], "to": answer.context["moved"]["to"], "undo": "1"}
        page.post(url("move-calendar-event", event.pk), back)
        event.refresh_from_db()
        assert event.starts_at == start

    def test_moving_one_repeat_moves_all(self, owner: Any) -> None:
        start = datetime(2026, 12, 1, 9, tzinfo=UTC)
        event = create_event(owner, by=owner, title="Rowing", starts_at=start, repeats="weekly")

        third = start + timedelta(days=14)
        move_event(event, by=owner, moved_from=third, moved_to=third + timedelta(days=1, hours=2))

        event.refresh_from_db()
        assert event.starts_at == start + timedelta(days=1, hours=2)


class TestSources:
    def test_following_one(self, doors: Doors, owner: Any) -> None:
        data = {"address": "webcal://cal.example.edu/a.ics", "name": "Faculty", "is_busy": True}

        assert doors.send(url("add-calendar-source"), "post", "calendar-sources/", data) == 200
        source = CalendarSource.objects.get()
        assert (source.owner, source.name, source.is_busy, source.state) == (owner, "Faculty", True, "pending")

    def test_an_address_that_may_not_be_asked_is_refused_at_the_field(self, doors: Doors) -> None:
        data = {"address": "https://10.0.0.7/a.ics"}

        assert doors.send(url("add-calendar-source"), "post", "calendar-sources/", data) == 422
        assert doors.error_fields == {"address"}

    def test_changing_removing_and_taking_back(self, doors: Doors, owner: Any) -> None:
        source = CalendarSourceFactory(owner=owner)
        path = f"calendar-sources/{source.pk}/"

        data = {"name": "New", "hue": 4, "is_busy": False}
        form = {"name": "New", "hue": "4"}
        assert doors.send(url("edit-calendar-source", source.pk), "patch", path, data, form) == 200
        source.refresh_from_db()
        assert (source.name, source.hue, source.is_busy) == ("New", 4, False)
        assert doors.send(url("delete-calendar-source", source.pk), "delete", path, {}) == 200
        assert not CalendarSource.objects.visible_to(owner).exists()
        assert doors.send(url("restore-calendar-source", source.pk), "post", f"{path}restore/", {}) == 200
        assert CalendarSource.objects.visible_to(owner).exists()

    def test_a_file_is_looked_at_and_taken(self, doors: Doors, owner: Any) -> None:
        upload = SimpleUploadedFile("Autumn.ics", vcalendar(LECTURE))
        if doors.is_page:
            doors.page.post(url("upload-calendar-source"), {"file": upload})
        else:
            doors.api.post("/api/v1/calendar-sources/", {"file": upload}, format="multipart")
        draft = CalendarSource.objects.get()
        read_source(draft.pk)
        assert not CalendarEvent.objects.exists()

        path = f"calendar-sources/{draft.pk}/accept/"
        status = doors.send(url("accept-calendar-source", draft.pk), "post", path, {"name": "Autumn"})
        assert status in (200, 202)
        read_source(draft.pk)
        assert CalendarEvent.objects.get().title == "Lecture"

    def test_the_page_of_a_draft_shows_what_is_wrong_with_its_lines(self, page: Any, owner: Any) -> None:
        upload = SimpleUploadedFile("a.ics", vcalendar(LECTURE, vevent("UID:2", "SUMMARY:Odd", "DTSTART:soon")))
        page.post(url("upload-calendar-source"), {"file": upload})
        draft = CalendarSource.objects.get()
        assert "every 2s" in page.get(draft.get_absolute_url()).content.decode()

        read_source(draft.pk)

        text = page.get(draft.get_absolute_url()).content.decode()
        assert "every 2s" not in text
        assert "Take 1 event<" in text
        assert "When the event starts cannot be read." in text

    def test_a_strangers_calendar_is_not_there(self, doors: Doors, stranger: Any) -> None:
        source = CalendarSourceFactory(owner=stranger)
        for name, method, path in [
            ("edit-calendar-source", "patch", ""),
            ("delete-calendar-source", "delete", ""),
            ("refresh-calendar-source", "post", "refresh/"),
            ("accept-calendar-source", "post", "accept/"),
            ("restore-calendar-source", "post", "restore/"),
        ]:
            assert doors.send(url(name, source.pk), method, f"calendar-sources/{source.pk}/{path}", {}) == 404


class TestFeeds:
    def test_making_changing_renewing_and_taking_back(self, doors: Doors, owner: Any) -> None:
        data = {"name": "Phone", "layers": ["events"], "alarms": {"events": 10}}
        form = {"name": "Phone", "layers": ["events"], "alarm-events": "10"}
        assert doors.send(url("create-calendar-feed"), "post", "calendar-feeds/", data, form) == 200
        feed = CalendarFeed.objects.get()
        assert (feed.owner, feed.layers, feed.alarms) == (owner, ["events"], {"events": 10})

        path, digest = f"calendar-feeds/{feed.pk}/", feed.digest
        changed = {**form, "name": "Laptop"}
        assert doors.send(url("edit-calendar-feed", feed.pk), "patch", path, {"name": "Laptop"}, changed) == 200
        assert doors.send(url("rotate-calendar-feed", feed.pk), "post", f"{path}rotate/", {}) == 200
        feed.refresh_from_db()
        assert (feed.name, feed.digest == digest) == ("Laptop", False)
        assert doors.send(url("revoke-calendar-feed", feed.pk), "delete", path, {}) == 200
        assert not CalendarFeed.objects.usable().exists()

    def test_a_layer_that_is_not_there_is_refused_at_the_field(self, doors: Doors) -> None:
        data = {"name": "Phone", "layers": ["nothing"]}

        assert doors.send(url("create-calendar-feed"), "post", "calendar-feeds/", data) == 422
        assert doors.error_fields == {"layers"}

    def test_the_api_tells_the_address_once(self, api: Any) -> None:
        made = api.post("/api/v1/calendar-feeds/", {"name": "Phone"}).json()

        assert made["address"].endswith(".ics")
        assert api.get(f"/api/v1/calendar-feeds/{made['id']}/").json()["address"] is None

    def test_a_strangers_feed_is_not_there(self, doors: Doors, stranger: Any) -> None:
        feed, _ = create_feed(stranger, by=stranger, name="Theirs")
        for name, method, path in [
            ("edit-calendar-feed", "patch", ""),
            ("rotate-calendar-feed", "post", "rotate/"),
            ("revoke-calendar-feed", "delete", ""),
        ]:
            assert doors.send(url(name, feed.pk), method, f"calendar-feeds/{feed.pk}/{path}", {"name": "x"}) == 404


class TestEntries:
    def test_the_api_lists_what_lies_in_a_span(self, api: Any, owner: Any) -> None:
        AssignmentFactory(course=CourseFactory(owner=owner), name="Essay", due_at="2026-12-01T10:00:00Z")
        CalendarEventFactory(owner=owner, title="Rowing", starts_at=datetime(2026, 12, 1, 18, tzinfo=UTC))
        span = "from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z"

        found = api.get(f"/api/v1/calendar/entries/?{span}").json()
        only = api.get(f"/api/v1/calendar/entries/?{span}&layer=events").json()

        assert [entry["title"] for entry in found] == ["Essay", "Rowing"]
        assert [entry["title"] for entry in only] == ["Rowing"]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("", "from"),
            ("from=2026-12-01&to=2026-12-01", "to"),
            ("from=2020-01-01&to=2026-12-01", "to"),
            ("from=2026-12-01&to=2026-12-02&layer=nothing", "layer"),
        ],
    )
    def test_a_span_that_makes_no_sense_is_refused_at_its_name(self, api: Any, query: str, field: str) -> None:
        answer = api.get(f"/api/v1/calendar/entries/?{query}")

        assert answer.status_code == 422
        assert field in answer.json()["errors"]


class TestActions:
    def test_a_workflow_reads_adds_and_refreshes(self, owner: Any) -> None:
        context = ActionContext(owner=owner, actor=owner)
        CalendarSourceFactory(owner=owner)
        soon = (timezone.now() + timedelta(hours=2)).isoformat()

        made = run_action("calendar.create_event", context, {"title": "Rowing", "starts_at": soon})
        found = run_action("calendar.entries", context, {"within_hours": 24})

        assert found["entries"][0]["title"] == "Rowing"
        assert CalendarEvent.objects.get().pk == made["id"]
        assert run_action("calendar.refresh", context, {}) == {"count": 1}
        assert CalendarSource.objects.get().next_at <= timezone.now()


def test_the_search_finds_events_and_not_those_of_a_stranger(page: Any, owner: Any, stranger: Any) -> None:
    CalendarEventFactory(owner=owner, title="Colloquium about solvers")
    CalendarEventFactory(owner=stranger, title="Colloquium of another")

    text = page.get("/search/?q=colloquium").content.decode()

    assert "about" in text
    assert "of another" not in text


def test_what_a_calendar_changed_is_told_among_the_changes(owner: Any, page: Any) -> None:
    source = CalendarSourceFactory(owner=owner, name="Faculty")
    take(source, lecture("1"), lecture("2", title="Seminar"))
    take(source, lecture("1", 5))

    changes = changes_of(list(recent_events(owner, timezone.now() - WINDOW)), clock_of(owner))
    told = {(change.name, change.verb) for change in changes}

    assert told == {("Lecture", "is now at"), ("Seminar", "is no longer in Faculty")}
    assert "is no longer in Faculty" in page.get("/courses/changes/").content.decode()
