"""Every service of reminders by page and API, with the same outcome; a stranger gets nowhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from coreengine.kernel.models import NotificationPreference, QuietHours
from courses.models import Reminder, ReminderRule
from courses.reminders.services import settings_of
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_reminders import ReminderFactory, ReminderRuleFactory
from courses.tests.test_doors import Doors, doors  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(owner: Any) -> Any:
    return AssignmentFactory(course=CourseFactory(owner=owner), due_at=timezone.now() + timedelta(days=3))


def test_adding_one(doors: Doors, work: Any) -> None:  # noqa: F811
    data = {"target_kind": "assignment", "target_id": work.pk, "lead_minutes": 60}

    assert doors.send("/reminders/", "post", "reminders/", data) == 200
    assert Reminder.objects.get().fire_at == work.due_at - timedelta(hours=1)


def test_one_that_a_default_gives_already_is_that_one(doors: Doors, work: Any) -> None:  # noqa: F811
    ReminderFactory(assignment=work, is_derived=True)
    data = {"target_kind": "assignment", "target_id": work.pk, "lead_minutes": 60}

    assert doors.send("/reminders/", "post", "reminders/", data) == 200
    assert Reminder.objects.get().is_derived


def test_a_time_that_passed_is_refused_at_the_field(doors: Doors, work: Any) -> None:  # noqa: F811
    data = {"target_kind": "assignment", "target_id": work.pk, "remind_at": "2020-01-01T10:00"}

    assert doors.send("/reminders/", "post", "reminders/", data) == 422
    assert doors.error_fields == {"remind_at"}


def test_a_strangers_work_is_not_there(doors: Doors, stranger: Any) -> None:  # noqa: F811
    theirs = AssignmentFactory(course=CourseFactory(owner=stranger), due_at=timezone.now() + timedelta(days=3))
    data = {"target_kind": "assignment", "target_id": theirs.pk, "lead_minutes": 60}

    assert doors.send("/reminders/", "post", "reminders/", data) in (404, 422)
    assert not Reminder.objects.exists()


def test_removing_and_taking_it_back(doors: Doors, work: Any) -> None:  # noqa: F811
    one = ReminderFactory(assignment=work)

    assert doors.send(f"/reminders/{one.pk}/remove/", "delete", f"reminders/{one.pk}/", {}) == 200
    one.refresh_from_db()
    assert one.state == "dismissed"
    assert doors.send(f"/reminders/{one.pk}/restore/", "post", f"reminders/{one.pk}/restore/", {}) == 200
    one.refresh_from_db()
    assert one.state == "scheduled"


def test_snoozing(doors: Doors, work: Any) -> None:  # noqa: F811
    one = ReminderFactory(assignment=work, state="sent")

    address = f"/reminders/{one.pk}/snooze/"
    assert doors.send(address, "post", f"reminders/{one.pk}/snooze/", {"for": "1h"}) == 200
    one.refresh_from_db()
    assert one.state == "scheduled" and one.snoozed_until is not None
    assert doors.send(address, "post", f"reminders/{one.pk}/snooze/", {"for": "a year"}) in (400, 422)


@pytest.mark.parametrize("verb", ["snooze", "dismiss", "restore"])
def test_a_strangers_reminder_is_not_there(doors: Doors, stranger: Any, verb: str) -> None:  # noqa: F811
    theirs = ReminderFactory(assignment__course__owner=stranger)

    assert doors.send(f"/reminders/{theirs.pk}/{verb}/", "post", f"reminders/{theirs.pk}/{verb}/", {"for": "1h"}) == 404


def test_rules(doors: Doors, owner: Any, stranger: Any) -> None:  # noqa: F811
    settings_of(owner)
    data = {"kind": "exam", "lead_minutes": 10080}
    assert doors.send("/settings/reminders/rules/", "post", "reminder-rules/", data) == 200
    rule = ReminderRule.objects.get(owner=owner, lead_minutes=10080)
    address = f"reminder-rules/{rule.pk}/"
    page = f"/settings/reminders/rules/{rule.pk}/"
    assert doors.send(page, "patch", address, {"lead_minutes": 60, "channels": ["mail"]}) == 200
    rule.refresh_from_db()
    assert (rule.lead_minutes, rule.channels) == (60, ["mail"])
    assert doors.send(f"{page}delete/", "delete", address, {}) == 200
    assert not ReminderRule.objects.filter(pk=rule.pk).exists()
    theirs = ReminderRuleFactory(owner=stranger)
    page = f"/settings/reminders/rules/{theirs.pk}/delete/"
    assert doors.send(page, "delete", f"reminder-rules/{theirs.pk}/", {}) == 404


def test_settings(doors: Doors, owner: Any) -> None:  # noqa: F811
    data = {"has_daily_digest": True, "daily_at": "06:45", "daily_days": [0, 2], "soon_hours": 48}
    form = {**data, "has_daily_digest": "on", "weekly_day": 6, "weekly_at": "18:00"}

    assert doors.send("/settings/reminders/", "patch", "me/reminders/", data, form) == 200
    row = settings_of(owner)
    assert (row.daily_days, row.soon_hours, f"{row.daily_at:%H:%M}") == ([0, 2], 48, "06:45")
    assert row.next_daily_at is not None


def test_channels_and_quiet_hours(doors: Doors, owner: Any) -> None:  # noqa: F811
    quiet = {"is_on": True, "starts_at": "22:00", "ends_at": "06:00"}
    data = {"channels": {"reminder": {"bell": True, "mail": True, "push": False}}, "quiet_hours": quiet}
    form = {"channel": ["reminder:bell", "reminder:mail"], **quiet}

    assert doors.send("/settings/notifications/", "patch", "me/notifications/", data, form) == 200
    chosen = NotificationPreference.objects.get(owner=owner, kind="reminder")
    assert (chosen.bell, chosen.mail, chosen.push) == (True, True, False)
    assert QuietHours.objects.get(owner=owner).is_on


def test_the_pages_are_there(page: Any, work: Any) -> None:
    ReminderFactory(assignment=work)

    for address in (
        "/settings/reminders/",
        "/settings/reminders/digests/daily/",
        "/reminders/",
        work.get_absolute_url(),
    ):
        assert page.get(address).status_code == 200
    assert "1 hour before" in page.get(work.get_absolute_url()).content.decode()
