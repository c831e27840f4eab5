"""The tick tells what is due: once, never lost, late rather than not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from coreengine.kernel.models import Event, Notification, OutgoingEmail, QuietHours
from courses.models import Assignment, Reminder, ReminderSettings
from courses.reminders import sending, services
from courses.reminders.deriving import derive
from courses.reminders.sending import record_signals, send_reminders, send_reminders_of
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory
from courses.tests.factories_reminders import ReminderFactory, ReminderSettingsFactory

pytestmark = pytest.mark.django_db
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
Make = Callable[..., Assignment]


def remind(work: Assignment, lead: int = 60, **fields: Any) -> Reminder:
    return ReminderFactory(assignment=work, lead_minutes=lead, **fields)


def told() -> list[str]:
    return list(Notification.objects.order_by("pk").values_list("title", flat=True))


def test_nothing_comes_before_its_time(make_work: Make) -> None:
    remind(make_work(due_at=NOW + 2 * HOUR))

    assert send_reminders(now=NOW) == 0
    assert told() == []


def test_it_comes_once_at_its_time(owner: Any, make_work: Make) -> None:
    reminder = remind(make_work(name="Problem set 3", due_at=NOW + HOUR, points_possible=40))

    assert [send_reminders(now=NOW), send_reminders(now=NOW), send_reminders(now=NOW + MINUTE)] == [1, 0, 0]
    reminder.refresh_from_db()
    notice = Notification.objects.get()
    assert (reminder.state, reminder.sent_at, reminder.notification) == ("sent", NOW, notice)
    assert notice.title == "Problem set 3 is due in 60 minutes"
    assert notice.content == "Today at 10:30 · Operating Systems · 40 points"
    assert Event.objects.get(type="reminder.sent").data["name"] == "Problem set 3"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"done_at": NOW}, "It was done by then."),
        ({"deleted_at": NOW}, "It is gone."),
        ({"due_at": None}, "It has no date any more."),
    ],
)
def test_what_needs_none_is_skipped_with_the_reason(make_work: Make, change: dict, reason: str) -> None:
    work = make_work(due_at=NOW + HOUR)
    reminder = remind(work)
    Assignment.objects.filter(pk=work.pk).update(**change)

    send_reminders(now=NOW)

    reminder.refresh_from_db()
    assert (reminder.state, reminder.reason, told()) == ("skipped", reason, [])


def test_a_date_that_moved_a_second_ago_puts_it_off(make_work: Make) -> None:
    work = make_work(due_at=NOW + HOUR)
    reminder = remind(work)
    Assignment.objects.filter(pk=work.pk).update(due_at=NOW + 5 * HOUR)

    assert send_reminders(now=NOW) == 0
    reminder.refresh_from_db()
    assert (reminder.state, reminder.fire_at) == ("scheduled", NOW + 4 * HOUR)


def test_a_late_one_says_when_it_was_meant(make_work: Make) -> None:
    remind(make_work(name="Essay", due_at=NOW + HOUR), lead=180)

    send_reminders(now=NOW)

    assert told() == ["Essay is due in 60 minutes"]
    assert "meant for today at 07:30 and comes late" in Notification.objects.get().content


def test_one_whose_deadline_passed_meanwhile_says_so(make_work: Make) -> None:
    remind(make_work(name="Essay", due_at=NOW - HOUR))

    send_reminders(now=NOW)

    notice = Notification.objects.get()
    assert notice.title == "Essay was due today at 08:30"
    assert notice.content.endswith("and the time has passed meanwhile.")
    assert notice.priority == "high"


def test_two_reminders_of_one_thing_are_told_once(make_work: Make) -> None:
    work = make_work(name="Essay", due_at=NOW + HOUR)
    remind(work, lead=24 * 60)
    remind(work, lead=120)

    assert send_reminders(now=NOW) == 2
    assert told() == ["Essay is due in 60 minutes"]


def test_many_late_ones_are_one_line(make_work: Make) -> None:
    for number in range(5):
        remind(make_work(name=f"Sheet [{number}]", due_at=NOW + HOUR), lead=300)
    remind(make_work(name="On time", due_at=NOW + HOUR))

    assert send_reminders(now=NOW) == 6
    assert told() == ["5 reminders come late", "On time is due in 60 minutes"]
    assert "- [Sheet (0)](/assignments/" in Notification.objects.first().content + Notification.objects.last().content


def test_after_a_due_date_it_speaks_of_the_past_without_excuses(make_work: Make) -> None:
    remind(make_work(name="Essay", due_at=NOW - HOUR), lead=-60)

    send_reminders(now=NOW)

    assert told() == ["Essay was due today at 08:30"]
    assert "late" not in Notification.objects.get().content


def test_one_students_fault_keeps_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch, make_work: Make, stranger: Any
) -> None:
    remind(make_work(name="Bad", due_at=NOW + HOUR))
    ReminderSettingsFactory(owner=stranger)
    remind(AssignmentFactory(course=CourseFactory(owner=stranger), name="Good", due_at=NOW + HOUR))
    tell = sending.told

    def fails(due: Any, clock: Any) -> Any:
        if due.target.title == "Bad":
            raise RuntimeError("the disk is on fire")
        return tell(due, clock)

    monkeypatch.setattr(sending, "told", fails)
    for attempt in range(6):
        send_reminders(now=NOW + attempt * 6 * MINUTE)

    assert told() == ["Good is due in 60 minutes"]
    bad = Reminder.objects.exclude(owner=stranger).get()
    assert (bad.state, bad.reason) == ("skipped", "It could not be sent; the server's log says why.")


class TestChannels:
    def test_a_reminder_takes_those_it_names(self, owner: Any, make_work: Make) -> None:
        remind(make_work(name="Essay", due_at=NOW + HOUR), channels=["mail"])

        send_reminders(now=NOW)

        mail = OutgoingEmail.objects.get()
        assert (mail.to, mail.subject) == (owner.email, "Essay is due in 60 minutes")
        assert "<h1" in mail.html and "/assignments/" in mail.html
        assert Notification.objects.get().is_read

    def test_quiet_hours_hold_the_mail_and_not_the_bell(self, owner: Any, make_work: Make) -> None:
        QuietHours.objects.create(owner=owner, is_on=True, starts_at=time(9), ends_at=time(11))
        remind(make_work(due_at=NOW + DAY), lead=24 * 60, channels=["bell", "mail"])

        send_reminders(now=NOW)

        assert OutgoingEmail.objects.get().next_attempt_at == NOW.replace(hour=11, minute=0)
        assert not Notification.objects.get().is_read

    def test_what_is_due_within_them_comes_at_once(self, owner: Any, make_work: Make) -> None:
        QuietHours.objects.create(owner=owner, is_on=True, starts_at=time(9), ends_at=time(11))
        remind(make_work(due_at=NOW + HOUR), channels=["mail"])

        send_reminders(now=NOW)

        assert OutgoingEmail.objects.get().next_attempt_at != NOW.replace(hour=11, minute=0)
        assert Notification.objects.get().priority == "urgent"


class TestSnoozing:
    def test_ten_minutes_later_it_comes_again_once(self, owner: Any, make_work: Make) -> None:
        reminder = remind(make_work(name="Essay", due_at=NOW + HOUR))
        send_reminders(now=NOW)

        services.snooze_reminder(reminder, choice="10m", by=owner, now=NOW)

        assert Notification.objects.get().is_read
        assert [send_reminders(now=NOW + n * MINUTE) for n in (9, 10, 11)] == [0, 1, 0]
        assert told()[-1] == "Essay is due in 50 minutes"

    def test_tomorrow_is_eight_by_the_students_clock(self, owner: Any, make_work: Make) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        reminder = remind(make_work(due_at=NOW + 3 * DAY))
        before_change = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the clocks go back in the night that follows

        reminder = services.snooze_reminder(reminder, choice="tomorrow", by=owner, now=before_change)

        assert reminder.fire_at == datetime(2026, 10, 25, 7, tzinfo=UTC)


class TestSignals:
    def test_a_deadline_is_recorded_once_with_its_facts(self, owner: Any, make_work: Make) -> None:
        work = make_work(name="Essay", due_at=NOW + 2 * DAY)
        derive(owner, now=NOW)
        at = NOW + DAY

        assert [record_signals(now=at), record_signals(now=at), record_signals(now=at + HOUR)] == [1, 0, 0]
        event = Event.objects.get(type="assignment.due_soon")
        assert (event.owner, event.subject_id, event.data["lead_hours"]) == (owner, str(work.pk), 24)
        assert (event.data["name"], event.data["hours_left"]) == ("Essay", 24.0)

    def test_done_work_is_not_told_of(self, owner: Any, make_work: Make) -> None:
        work = make_work(due_at=NOW + 2 * DAY)
        derive(owner, now=NOW)
        Assignment.objects.filter(pk=work.pk).update(done_at=NOW)

        assert record_signals(now=NOW + 3 * DAY) == 0

    def test_what_passed_while_nobody_ticked_is_overdue_and_not_due_soon(self, owner: Any, make_work: Make) -> None:
        make_work(due_at=NOW + 2 * DAY)
        derive(owner, now=NOW)

        record_signals(now=NOW + 3 * DAY)

        assert [event.type for event in Event.objects.filter(type__startswith="assignment.")] == ["assignment.overdue"]


@pytest.mark.django_db(transaction=True)
class TestCrashes:
    def test_a_worker_that_dies_before_the_commit_has_told_nothing(self, owner: Any, make_work: Make) -> None:
        reminder = remind(make_work(due_at=NOW + HOUR), channels=["bell", "mail"])

        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            assert send_reminders_of(owner.pk, now=NOW) == 1
            raise KeyboardInterrupt

        reminder.refresh_from_db()
        assert (reminder.state, told(), OutgoingEmail.objects.count()) == ("scheduled", [], 0)
        assert send_reminders(now=NOW) == 1
        assert (Notification.objects.count(), OutgoingEmail.objects.count()) == (1, 1)

    def test_ticks_at_the_same_time_tell_everything_once(self, owner: Any, make_work: Make) -> None:
        for number in range(20):
            remind(make_work(name=f"Sheet {number}", due_at=NOW + HOUR))
        ready = threading.Barrier(4)

        def tick() -> None:
            try:
                ready.wait()
                send_reminders(now=NOW)
            finally:
                connection.close()

        threads = [threading.Thread(target=tick) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(told()) == len(set(told())) == 20

    def test_a_tick_passes_by_a_student_whom_another_holds(self, owner: Any, make_work: Make) -> None:
        remind(make_work(due_at=NOW + HOUR))
        results = []

        def tick() -> None:
            results.append(send_reminders(now=NOW))
            connection.close()

        with transaction.atomic():
            ReminderSettings.objects.select_for_update().get(owner=owner)
            thread = threading.Thread(target=tick)
            thread.start()
            thread.join()

        assert results == [0]
        assert send_reminders(now=NOW) == 1
