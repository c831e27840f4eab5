"""Calendars by address and from files: fetched under the rules of the way out, looked at first, kept in step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from coreengine.kernel.models import Blob, Event, Notification
from courses.calendar.sources import services, tasks
from courses.calendar.sources.services import (
    accept_source,
    add_source,
    read_source,
    refresh_source,
    remove_source,
    restore_source,
    update_source,
    upload_source,
)
from courses.errors import NotToAccept
from courses.models import CalendarEvent, CalendarSource
from courses.tests.calendar.conftest import HOST, CalendarServer
from courses.tests.factories_calendar import CalendarSourceFactory, vcalendar, vevent

pytestmark = pytest.mark.django_db
LECTURE = vevent("UID:1", "SUMMARY:Lecture", "DTSTART:20370101T080000Z", "DURATION:PT1H")


def follow(owner: Any, server: CalendarServer) -> CalendarSource:
    source = add_source(owner, by=owner, address=server.address, name="Faculty")
    read_source(source.pk)
    source.refresh_from_db()
    return source


def again(source: CalendarSource) -> CalendarSource:
    refresh_source(source, by=source.owner)
    read_source(source.pk)
    source.refresh_from_db()
    return source


def file(data: bytes, name: str = "Autumn.ics") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="text/calendar")


class TestAddresses:
    def test_a_calendar_is_read_and_read_again_in_an_hour(self, owner: Any, calendar_server: CalendarServer) -> None:
        calendar_server.body = vcalendar(LECTURE)

        source = follow(owner, calendar_server)

        assert (source.state, source.error) == ("completed", "")
        assert CalendarEvent.objects.get().title == "Lecture"
        assert timedelta(minutes=50) < source.next_at - timezone.now() < timedelta(minutes=70)

    def test_webcal_is_https(self, owner: Any) -> None:
        source = add_source(owner, by=owner, address="webcal://cal.example.edu/a.ics")

        assert source.address == "https://cal.example.edu/a.ics"

    def test_the_address_is_encrypted_and_never_shown_whole(self, owner: Any, page: Any) -> None:
        source = add_source(owner, by=owner, address=f"https://{HOST}/private-abcdef/basic.ics")

        with connection.cursor() as cursor:
            cursor.execute("SELECT address FROM courses_calendarsource")
            assert b"abcdef" not in bytes(cursor.fetchone()[0])
        text = page.get(source.get_absolute_url()).content.decode()
        assert HOST in text
        assert "private-abcdef" not in text
        assert "private-abcdef" not in str(list(Event.objects.values_list("data", flat=True)))

    @pytest.mark.parametrize(
        "address",
        [
            "http://cal.example.edu/a.ics",
            "https://127.0.0.1/a.ics",
            "https://[::1]/a.ics",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/a.ics",
            "https://cal.example.edu:8080/a.ics",
            "file:///etc/passwd",
            "",
        ],
    )
    def test_an_address_that_may_not_be_asked_is_refused_at_the_field(self, owner: Any, address: str) -> None:
        with pytest.raises(ValidationError) as error:
            add_source(owner, by=owner, address=address)

        assert set(error.value.message_dict) == {"address"}

    @pytest.mark.parametrize("private", ["10.0.0.7", "127.0.0.1", "169.254.169.254", "fd00:ec2::254", "192.168.1.1"])
    def test_a_name_that_leads_to_a_private_address_is_not_asked(
        self, owner: Any, monkeypatch: pytest.MonkeyPatch, private: str
    ) -> None:
        monkeypatch.setattr("coreengine.kernel.outbound.network.resolve", lambda host, port: [private])
        source = add_source(owner, by=owner, address="https://cal.example.edu/a.ics")

        read_source(source.pk)

        source.refresh_from_db()
        assert source.state == "failed"
        assert "private address" in source.error

    def test_a_redirect_is_checked_anew(self, owner: Any, calendar_server: CalendarServer) -> None:
        calendar_server.status, calendar_server.headers = 302, {"Location": "https://169.254.169.254/latest"}

        source = follow(owner, calendar_server)

        assert source.state == "failed"
        assert len(calendar_server.asked) == 1

    def test_a_redirect_on_the_same_host_is_followed_a_few_times_only(
        self, owner: Any, calendar_server: CalendarServer
    ) -> None:
        calendar_server.status, calendar_server.headers = 302, {"Location": "/again"}

        source = follow(owner, calendar_server)

        assert "on and on" in source.error
        assert len(calendar_server.asked) == 6

    def test_an_answer_that_is_too_large_is_not_read_to_its_end(
        self, owner: Any, calendar_server: CalendarServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services, "MOST_BYTES", 1_000)
        calendar_server.body = b"x" * 2_000

        assert "sent more than" in follow(owner, calendar_server).error


class TestKeepingInStep:
    def test_a_calendar_that_did_not_change_is_not_read_again(
        self, owner: Any, calendar_server: CalendarServer
    ) -> None:
        calendar_server.body, calendar_server.headers = vcalendar(LECTURE), {"ETag": '"1"'}
        source = follow(owner, calendar_server)

        again(source)

        assert calendar_server.asked[-1]["if-none-match"] == '"1"'
        assert source.state == "completed"
        assert CalendarEvent.objects.count() == 1

    def test_a_change_comes_with_the_next_reading(self, owner: Any, calendar_server: CalendarServer) -> None:
        calendar_server.body = vcalendar(LECTURE)
        source = follow(owner, calendar_server)

        calendar_server.body = vcalendar(LECTURE.replace("Lecture", "Exam"))
        again(source)

        assert CalendarEvent.objects.get().title == "Exam"

    def test_a_failure_keeps_what_is_there_waits_longer_each_time_and_is_told(
        self, owner: Any, calendar_server: CalendarServer
    ) -> None:
        calendar_server.body = vcalendar(LECTURE)
        source = follow(owner, calendar_server)
        calendar_server.status = 404

        waits = []
        for _ in range(5):
            again(source)
            waits.append(source.next_at - timezone.now())

        assert source.error == f"{HOST}: There is nothing at this address any more. Copy it again at its source."
        assert waits == sorted(waits)
        assert waits[-1] > timedelta(hours=1)
        assert CalendarEvent.objects.get().missing_since is None
        assert Event.objects.filter(type="calendar_source.failed").count() == 1
        assert Notification.objects.filter(owner=owner).count() == 1

    def test_a_page_in_place_of_a_calendar_is_told_in_words(self, owner: Any, calendar_server: CalendarServer) -> None:
        calendar_server.body = b"<!doctype html><p>Sign in"

        assert "web page" in follow(owner, calendar_server).error

    def test_the_clock_reads_what_is_due_and_nothing_else(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        now = timezone.now()
        due = CalendarSourceFactory(owner=owner, next_at=now - timedelta(minutes=1))
        CalendarSourceFactory(owner=owner, next_at=now + timedelta(hours=1))
        CalendarSourceFactory(owner=owner, next_at=now - timedelta(hours=1), deleted_at=now)
        queued: list[int] = []
        monkeypatch.setattr(tasks.read_source, "delay", queued.append)

        assert tasks.read_due() == 1
        assert queued == [due.pk]

    def test_a_source_that_is_not_due_is_not_read(self, owner: Any) -> None:
        assert read_source(CalendarSourceFactory(owner=owner, next_at=None).pk) is False

    def test_removing_takes_its_events_away_and_can_be_taken_back(
        self, owner: Any, calendar_server: CalendarServer
    ) -> None:
        calendar_server.body = vcalendar(LECTURE)
        source = follow(owner, calendar_server)

        remove_source(source, by=owner)
        assert not CalendarEvent.objects.visible_to(owner).exists()
        restore_source(source, by=owner)
        assert CalendarEvent.objects.visible_to(owner).exists()

    def test_a_new_address_is_read_at_once(self, owner: Any, calendar_server: CalendarServer) -> None:
        source = CalendarSourceFactory(owner=owner, failures=4, etag='"old"')
        calendar_server.body = vcalendar(LECTURE)

        update_source(source, by=owner, changes={"address": calendar_server.address})
        read_source(source.pk)

        assert CalendarEvent.objects.get().source == source


class TestFiles:
    def test_a_file_is_looked_at_before_anything_is_taken(self, owner: Any) -> None:
        draft = upload_source(owner, file(vcalendar(LECTURE, vevent("UID:2", "DTSTART:soon"))), by=owner)

        read_source(draft.pk)

        draft.refresh_from_db()
        assert (draft.name, draft.state) == ("Autumn", "draft")
        assert draft.report["events"] == 1
        assert draft.report["problems"][0]["reason"] == "When the event starts cannot be read."
        assert not CalendarEvent.objects.exists()

    def test_the_good_part_is_taken_on_a_yes(self, owner: Any) -> None:
        draft = upload_source(owner, file(vcalendar(LECTURE, vevent("UID:2", "DTSTART:soon"))), by=owner)
        read_source(draft.pk)

        source = accept_source(draft, by=owner, name="Autumn term", hue=3, is_busy=False)
        read_source(source.pk)

        source.refresh_from_db()
        assert (source.state, source.name, source.hue, source.is_busy) == ("completed", "Autumn term", 3, False)
        assert [event.uid for event in CalendarEvent.objects.all()] == ["1"]
        assert Blob.objects.get().holds == 0

    def test_nothing_is_left_of_a_file_that_is_put_away(self, owner: Any) -> None:
        draft = upload_source(owner, file(vcalendar(LECTURE)), by=owner)

        remove_source(draft, by=owner)

        assert not CalendarSource.objects.exists()
        assert Blob.objects.get().holds == 0

    def test_a_newer_copy_changes_and_removes(self, owner: Any) -> None:
        source = self._taken(owner, vcalendar(LECTURE, LECTURE.replace("UID:1", "UID:2")))
        draft = upload_source(owner, file(vcalendar(LECTURE.replace("Lecture", "Exam"))), by=owner, replaces=source)
        read_source(draft.pk)

        assert accept_source(draft, by=owner) == source
        read_source(source.pk)

        assert list(CalendarEvent.objects.present().values_list("title", flat=True)) == ["Exam"]
        assert CalendarSource.objects.get() == source

    def _taken(self, owner: Any, data: bytes) -> CalendarSource:
        draft = upload_source(owner, file(data), by=owner)
        read_source(draft.pk)
        source = accept_source(draft, by=owner, name="Autumn")
        read_source(source.pk)
        return source

    @pytest.mark.parametrize("data", [b"%PDF-1.7 a paper", vcalendar()])
    def test_a_file_with_nothing_to_take_cannot_be_taken(self, owner: Any, data: bytes) -> None:
        draft = upload_source(owner, file(data), by=owner)
        read_source(draft.pk)

        with pytest.raises(NotToAccept):
            accept_source(draft, by=owner, name="Nothing")

    def test_a_file_that_is_too_large_is_refused_at_the_field(
        self, owner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services, "MOST_BYTES", 100)

        with pytest.raises(ValidationError) as error:
            upload_source(owner, file(vcalendar(LECTURE)), by=owner)
        assert set(error.value.message_dict) == {"file"}

    def test_a_file_that_nobody_took_is_dropped_after_a_day(self, owner: Any) -> None:
        draft = upload_source(owner, file(vcalendar(LECTURE)), by=owner)
        CalendarSource.objects.filter(pk=draft.pk).update(created_at=timezone.now() - timedelta(days=2), next_at=None)

        tasks.read_due()

        assert not CalendarSource.objects.exists()
