"""Digests: once for each slot, late rather than five times, never empty, and a way out in each mail."""

from __future__ import annotations

import email
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail as django_mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from coreengine.kernel.events import record
from coreengine.kernel.mail import send_due
from coreengine.kernel.models import OutgoingEmail
from courses.models import Assignment, DigestSlot, ReminderSettings
from courses.reminders import digests
from courses.reminders.digests import preview_digest, send_digest_now, send_due_digests
from courses.reminders.services import update_settings
from courses.reminders.unsubscribing import read_token, unsubscribe_path
from courses.tests.factories import NOW, AnnouncementFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Make = Callable[..., Assignment]


@pytest.fixture
def daily(owner: Any, make_work: Make) -> Any:
    """A student who gets a digest at 07:30 on workdays, and has something to do. NOW is Monday, 09:30."""
    make_work(name="Problem set 3", due_at=NOW + 2 * DAY, points_possible=40)
    update_settings(owner, by=owner, changes={"has_daily_digest": True}, now=NOW)
    return owner


def row(owner: Any) -> ReminderSettings:
    return ReminderSettings.objects.get(owner=owner)


def slots() -> list[tuple[str, str, str]]:
    return [(slot.kind, str(slot.day), slot.state) for slot in DigestSlot.objects.order_by("pk")]


def test_one_mail_for_a_slot_however_often_it_ticks(daily: Any) -> None:
    at = NOW.replace(day=24, hour=7, minute=30)

    assert row(daily).next_daily_at == at
    assert [send_due_digests(now=at - HOUR), send_due_digests(now=at), send_due_digests(now=at)] == [0, 1, 0]
    assert row(daily).next_daily_at == at + DAY
    assert slots() == [("daily", "2026-11-24", "sent")]


def test_a_worker_that_comes_back_with_an_old_plan_sends_no_second(daily: Any) -> None:
    at = NOW.replace(day=24, hour=7, minute=30)
    send_due_digests(now=at)
    ReminderSettings.objects.update(next_daily_at=at)

    assert send_due_digests(now=at + timedelta(minutes=1)) == 0
    assert OutgoingEmail.objects.count() == 1


def test_slots_that_were_missed_are_one_late_digest(daily: Any) -> None:
    send_due_digests(now=datetime(2026, 11, 26, 15, 0, tzinfo=UTC))

    assert slots() == [("daily", "2026-11-26", "sent")]
    assert "meant for Thursday at 07:30 and comes late" in OutgoingEmail.objects.get().body
    assert row(daily).next_daily_at == datetime(2026, 11, 27, 7, 30, tzinfo=UTC)


def test_an_empty_one_is_not_sent(owner: Any, course: Any) -> None:
    update_settings(owner, by=owner, changes={"has_daily_digest": True}, now=NOW)

    send_due_digests(now=NOW + DAY)

    assert slots() == [("daily", "2026-11-24", "empty")]
    assert not OutgoingEmail.objects.exists()


def test_the_weekly_one_stands_for_the_daily_one(daily: Any) -> None:
    changes = {"has_weekly_digest": True, "weekly_day": 1, "weekly_at": row(daily).daily_at}
    update_settings(daily, by=daily, changes=changes, now=NOW)

    send_due_digests(now=NOW + DAY)

    assert slots() == [("weekly", "2026-11-24", "sent"), ("daily", "2026-11-24", "folded")]
    assert OutgoingEmail.objects.count() == 1


def test_a_later_hour_on_the_same_day_is_no_second_digest(daily: Any) -> None:
    at = NOW.replace(day=24, hour=7, minute=30)
    send_due_digests(now=at)

    update_settings(daily, by=daily, changes={"daily_at": (at + HOUR).time()}, now=at)

    assert row(daily).next_daily_at == at + DAY + HOUR


def test_a_fault_is_tried_again_and_keeps_nobody_else(
    daily: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no")

    at = NOW + DAY
    with monkeypatch.context() as broken:
        broken.setattr(digests, "build_digest", fails)
        send_due_digests(now=at)

    assert slots() == [] and row(daily).next_daily_at == at + timedelta(minutes=10)
    assert send_due_digests(now=at + timedelta(minutes=11)) == 1


def test_it_tells_what_is_due_late_and_new_since_the_last(daily: Any, course: Any, make_work: Make) -> None:
    make_work(name="Essay", due_at=NOW - 2 * DAY)
    make_work(name="Far", due_at=NOW + 20 * DAY)
    graded = make_work(name="Sheet 1", done_at=NOW)
    data = {"name": "Sheet 1", "course_name": "Operating Systems", "after": "37 of 40"}
    record("grade.posted", actor=None, subject=graded, owner=daily, data=data)
    AnnouncementFactory(course=course, title="Room change", posted_at=NOW - HOUR)
    AnnouncementFactory(course=course, title="Old news", posted_at=NOW - 30 * DAY)

    digest = preview_digest(daily, kind="daily", now=NOW)

    lines = {section.key: [(line.title, line.side) for line in section.lines] for section in digest.sections}
    assert lines == {
        "overdue": [("Essay", "21 Nov at 09:30")],
        "due": [("Problem set 3", "Wed at 09:30")],
        "grades": [("Sheet 1", "37 of 40")],
        "news": [("Room change", "Operating Systems")],
    }
    assert digest.subject == "Monday 23 November: 1 due, 1 overdue, 1 new grade"


def test_the_mail_has_text_html_and_one_click(daily: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    send_digest_now(daily, kind="daily", by=daily, now=NOW)
    assert send_due() == 1

    message = email.message_from_bytes(django_mail.outbox[-1].message().as_bytes())
    parts = {part.get_content_type() for part in message.walk()}
    assert {"text/plain", "text/html"} <= parts
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = re.fullmatch(r"<(.+)>", "".join(message["List-Unsubscribe"].split()))
    assert address and read_token(address[1].rstrip("/").rpartition("/")[2]) == (daily, "daily")


def test_the_mails_html_escapes_what_teachers_wrote(daily: Any, make_work: Make) -> None:
    make_work(name="<script>alert(1)</script>", due_at=NOW + DAY)
    send_digest_now(daily, kind="daily", by=daily, now=NOW)

    sent = OutgoingEmail.objects.get()
    assert "<script" not in sent.html and "&lt;script&gt;" in sent.html
    assert "<script>alert(1)</script>" in sent.body


class TestTheWayOut:
    def test_reading_the_page_changes_nothing_and_one_click_does(self, daily: Any) -> None:
        stranger, path = Client(enforce_csrf_checks=True), unsubscribe_path(daily, "daily")

        shown = stranger.get(path).content.decode()
        assert "Stop the daily digest?" in shown and daily.email not in shown
        assert row(daily).has_daily_digest
        assert stranger.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert not row(daily).has_daily_digest and row(daily).next_daily_at is None
        stranger.post(path, {"again": "1"})
        assert row(daily).has_daily_digest

    def test_it_is_no_session_and_opens_nothing_else(self, daily: Any) -> None:
        stranger = Client()
        stranger.post(unsubscribe_path(daily, "daily"))

        assert stranger.get("/settings/reminders/").status_code == 302

    @pytest.mark.parametrize("change", [lambda path: path[:-2] + "/", lambda path: "/hooks/digests/x:y:z/"])
    def test_one_that_was_not_signed_leads_nowhere(self, daily: Any, change: Any) -> None:
        assert Client().post(change(unsubscribe_path(daily, "daily"))).status_code == 404


def test_ten_times_the_work_takes_the_same_queries(daily: Any, make_work: Make) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            preview_digest(daily, kind="weekly", now=NOW)
        return len(queries)

    for _ in range(3):
        make_work(due_at=NOW + DAY)
    few = count()
    for _ in range(10):
        make_work(due_at=NOW + DAY)
    assert count() == few <= 10


def test_what_is_left_out_is_counted_and_its_link_leads_to_all_of_it(owner: Any, make_work: Make, page: Any) -> None:
    for number in range(75):
        make_work(name=f"Late {number}", due_at=timezone.now() - DAY - number * HOUR)
        make_work(name=f"Soon {number}", due_at=timezone.now() + HOUR + number * timedelta(minutes=1))
    for _ in range(70):
        AnnouncementFactory(owner=owner, course=Assignment.objects.earliest("pk").course, posted_at=timezone.now())

    digest = preview_digest(owner, kind="daily")

    assert digest.counts == {"overdue": 75, "due": 75, "news": 70}
    assert "75 due, 75 overdue, 70 announcements" in digest.subject
    overdue, due, _ = digest.sections
    assert [len(overdue.lines), len(due.lines)] == [12, 12]
    assert (overdue.lines[0].title, due.lines[0].title) == ("Late 0", "Soon 0")
    listed = page.get(overdue.more_url).content.decode()
    assert "Late 74" in listed and "Soon" not in listed
