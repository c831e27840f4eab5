"""Reminders of what repeats: each of its times, also where the lead is longer than the pause between two of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.models import Notification
from courses.calendar.occurrences import write_occurrences
from courses.models import CalendarEvent, Reminder, ReminderRule
from courses.moments import Clock
from courses.reminders import own
from courses.reminders.deriving import derive
from courses.reminders.pages import reminder_list
from courses.reminders.sending import send_reminders
from courses.reminders.services import dismiss_every_time, dismiss_reminder, restore_reminder
from courses.tests.factories import NOW
from courses.tests.factories_calendar import CalendarEventFactory
from courses.tests.factories_reminders import ReminderFactory, ReminderRuleFactory, ReminderSettingsFactory

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST = NOW + 3 * DAY


class At:
    """The clock of `courses.reminders.own`, which asks what comes next."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> At:
    at = At()
    monkeypatch.setattr(own, "timezone", at)
    return at


@pytest.fixture
def ruled(owner: Any, clock: At) -> Any:
    """A student who is told of events two days before."""
    ReminderSettingsFactory(owner=owner)
    ReminderRuleFactory(owner=owner, kind="event", lead_minutes=2 * 24 * 60)
    ReminderRule.objects.update(changed_at=NOW - DAY)
    return owner


def daily(owner: Any, **fields: Any) -> CalendarEvent:
    values = {"title": "Stand-up", "starts_at": FIRST, "rrule": "FREQ=DAILY;COUNT=20", **fields}
    event = CalendarEventFactory(owner=owner, **values)
    write_occurrences([[event]], NOW)
    return event


def tick(owner: Any, clock: At, now: datetime, *, derived: bool = True) -> list[str]:
    """What happens at a moment; answers what is in the bell since."""
    clock.moment = now
    before = set(Notification.objects.values_list("pk", flat=True))
    if derived:
        derive(owner, now=now)
    send_reminders(now=now)
    return list(Notification.objects.exclude(pk__in=before).order_by("pk").values_list("title", flat=True))


def test_a_lead_that_is_longer_than_the_pause_tells_every_time(ruled: Any, clock: At) -> None:
    daily(ruled)
    tick(ruled, clock, NOW)
    told = [tick(ruled, clock, FIRST - 2 * DAY + number * DAY) for number in range(4)]
    assert told == [["Stand-up begins in 2 days"]] * 4
    assert Reminder.objects.filter(state="sent").count() == 4


def test_what_was_due_while_the_worker_was_away_is_told_each_time_and_once(ruled: Any, clock: At) -> None:
    daily(ruled)
    tick(ruled, clock, NOW)
    back = FIRST - 2 * DAY + 2 * DAY + HOUR  # three of them should have come
    assert len(tick(ruled, clock, back)) == 3
    assert tick(ruled, clock, back + MINUTE) == []


def test_many_that_come_late_are_one_line(ruled: Any, clock: At) -> None:
    daily(ruled)
    tick(ruled, clock, NOW)
    assert tick(ruled, clock, FIRST + 3 * DAY + HOUR) == ["6 reminders come late"]


def test_a_repeat_that_was_dropped_is_not_told(ruled: Any, clock: At) -> None:
    event = daily(ruled)
    tick(ruled, clock, NOW)
    event.exdates = ["20261127T093000Z"]
    event.save()
    write_occurrences([[event]], NOW)
    told = [tick(ruled, clock, FIRST - 2 * DAY + number * DAY, derived=number > 1) for number in range(3)]
    assert [len(each) for each in told] == [1, 0, 1]


def test_an_event_by_hand_that_is_moved_is_told_at_its_new_times(ruled: Any, clock: At) -> None:
    event = daily(ruled)
    tick(ruled, clock, NOW)
    CalendarEvent.objects.filter(pk=event.pk).update(starts_at=FIRST + HOUR, ends_at=FIRST + 2 * HOUR)
    event.refresh_from_db()
    write_occurrences([[event]], NOW)
    assert tick(ruled, clock, FIRST - 2 * DAY) == []
    assert tick(ruled, clock, FIRST - 2 * DAY + HOUR) == ["Stand-up begins in 2 days"]


class TestRemoving:
    def test_one_time_is_dismissed_and_the_next_comes(self, ruled: Any, clock: At) -> None:
        daily(ruled)
        tick(ruled, clock, NOW)
        dismiss_reminder(Reminder.objects.order_by("fire_at").first(), by=ruled)
        assert [len(tick(ruled, clock, FIRST - 2 * DAY + number * DAY)) for number in range(2)] == [0, 1]

    def test_all_times_are_removed_and_come_back(self, ruled: Any, clock: At) -> None:
        daily(ruled)
        tick(ruled, clock, NOW)
        gone = dismiss_every_time(Reminder.objects.order_by("fire_at").first(), by=ruled)
        assert tick(ruled, clock, FIRST - 2 * DAY) == []
        restore_reminder(gone, by=ruled, now=FIRST - 2 * DAY + HOUR)
        assert tick(ruled, clock, FIRST - DAY) == ["Stand-up begins in 2 days"]

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_both_doors_remove_every_time(self, ruled: Any, page: Any, api: Any, door: str) -> None:
        event = daily(ruled, starts_at=timezone.now() + 3 * DAY)
        write_occurrences([[event]], timezone.now())
        derive(ruled, now=timezone.now())
        row = Reminder.objects.order_by("fire_at").first()
        if door == "page":
            assert page.get(event.get_absolute_url()).content.decode().count("and each time after") == 1
            page.post(reverse("courses:remove-reminder", args=[row.pk]))
        else:
            api.post(f"/api/v1/reminders/{row.pk}/dismiss/", {"every_time": True}, format="json")
        derive(ruled, now=timezone.now())
        assert [(each.state, each.target_key) for each in Reminder.objects.all()] == [("dismissed", "")]


def test_a_reminder_of_ones_own_goes_on_to_the_next_time_it_can_come_before(ruled: Any, clock: At) -> None:
    ReminderRule.objects.all().delete()
    event = daily(ruled)
    lead = {"lead_minutes": 2 * 24 * 60, "target_at": FIRST, "fire_at": FIRST - 2 * DAY}
    ReminderFactory(owner=ruled, target_kind="event", target_id=event.pk, assignment=None, **lead)
    told = []
    for number in range(3):
        told.append(tick(ruled, clock, FIRST - 2 * DAY + number * DAY))
        derive(ruled, now=clock.moment + HOUR)  # the sweep that follows
    assert told == [["Stand-up begins in 2 days"]] * 3


def test_the_list_has_each_thing_once_whatever_its_times(ruled: Any, clock: At) -> None:
    daily(ruled)
    tick(ruled, clock, NOW)
    lines = reminder_list(ruled, Clock(NOW, ruled.zone))["coming"]
    assert [line.note for line in lines] == ["by default · and each time after"]


def test_deriving_asks_as_much_for_many_as_for_few(ruled: Any, clock: At) -> None:
    def queries(more: int) -> int:
        for number in range(more):
            daily(ruled, title=f"Event {number}")
        with CaptureQueriesContext(
            connection,
        ) as seen:
            derive(ruled, now=NOW)
        return len(seen)

    few = queries(3)
    queries(10)
    assert Reminder.objects.count() == 13 * 20
    assert queries(0) <= few
