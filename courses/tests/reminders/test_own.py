"""Reminders of own tasks and of events: by the defaults, at their time, never of what is settled, and once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.models import Event, Notification
from courses.calendar.services import create_event
from courses.models import OwnTask, Reminder, ReminderRule
from courses.planning.services import create_task
from courses.reminders import own
from courses.reminders.deriving import derive
from courses.reminders.following import TYPES
from courses.reminders.sending import send_reminders
from courses.reminders.targets import target_kind, targets_of
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory, PlannerItemFactory
from courses.tests.factories_calendar import CalendarEventFactory, CalendarSourceFactory
from courses.tests.factories_planning import OwnTaskFactory
from courses.tests.factories_reminders import ReminderFactory, ReminderRuleFactory, ReminderSettingsFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ruled(owner: Any) -> Any:
    """A student with the usual rules of tasks and events."""
    ReminderSettingsFactory(owner=owner)
    ReminderRuleFactory(owner=owner, kind="task", lead_minutes=60)
    ReminderRuleFactory(owner=owner, kind="event", lead_minutes=30)
    ReminderRuleFactory(owner=owner, kind="assignment", lead_minutes=60)
    ReminderRule.objects.update(changed_at=NOW - DAY)
    return owner


def told(owner: Any, at: datetime) -> list[str]:
    send_reminders(now=at)
    return list(Notification.objects.filter(owner=owner).order_by("pk").values_list("title", flat=True))


@pytest.mark.parametrize("kind", ["task", "event"])
def test_it_is_told_once_at_the_time_that_its_kind_says(ruled: Any, kind: str) -> None:
    at = NOW + 5 * HOUR
    if kind == "task":
        OwnTaskFactory(owner=ruled, title="Read chapter 3", due_at=at)
    else:
        CalendarEventFactory(owner=ruled, title="Office hours", starts_at=at)
    derive(ruled, now=NOW)

    assert told(ruled, at - 61 * timedelta(minutes=1)) == []
    said = told(ruled, at - timedelta(minutes=30))
    assert said in (["Read chapter 3 is due in 30 minutes"], ["Office hours begins in 30 minutes"])
    assert told(ruled, at - timedelta(minutes=29)) == said


def test_a_task_of_a_day_is_told_in_the_morning_where_the_student_is(ruled: Any) -> None:
    ruled.time_zone = "America/New_York"
    ruled.save()
    OwnTaskFactory(owner=ruled, due_on=(NOW + 3 * DAY).date())
    derive(ruled, now=NOW)

    day = (NOW + 3 * DAY).date()
    assert Reminder.objects.get().target_at == datetime(day.year, day.month, day.day, 8, tzinfo=ruled.zone)


@pytest.mark.parametrize("end", [{"done_at": NOW}, {"dismissed_at": NOW}, {"deleted_at": NOW}])
def test_nobody_is_reminded_of_a_settled_task_even_by_a_reminder_of_its_own(ruled: Any, end: dict) -> None:
    task = OwnTaskFactory(owner=ruled, due_at=NOW + 5 * HOUR)
    derive(ruled, now=NOW)
    ReminderFactory(owner=ruled, target_kind="task", target_id=task.pk, target_at=task.due_at, assignment=None)

    OwnTask.objects.filter(pk=task.pk).update(**end)

    assert told(ruled, NOW + 5 * HOUR) == []


def test_an_event_that_repeats_is_told_each_time(ruled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    CalendarEventFactory(owner=ruled, title="Lecture", starts_at=NOW + 2 * HOUR, rrule="FREQ=WEEKLY;COUNT=3")
    counts = []
    for week in range(3):
        now = NOW + week * timedelta(days=7)
        monkeypatch.setattr(own, "timezone", type("Clock", (), {"now": staticmethod(lambda now=now: now)}))
        derive(ruled, now=now)
        counts.append(len(told(ruled, now + 2 * HOUR)))

    assert counts == [1, 2, 3]


def test_what_two_calendars_and_a_source_have_is_told_once(ruled: Any) -> None:
    at = NOW + 5 * HOUR
    PlannerItemFactory(course=CourseFactory(owner=ruled, imported=True), title="Review", starts_at=at)
    for _ in range(2):
        CalendarEventFactory(owner=ruled, source=CalendarSourceFactory(owner=ruled), title="Review", starts_at=at)
    derive(ruled, now=NOW)

    assert told(ruled, at) == ["Review begins now"]


def test_work_of_two_sources_is_told_once(ruled: Any) -> None:
    shown = AssignmentFactory(course=CourseFactory(owner=ruled), name="Essay", due_at=NOW + 5 * HOUR)
    twin = AssignmentFactory(course=CourseFactory(owner=ruled), name="Essay", due_at=shown.due_at, same_as=shown)
    ReminderFactory(assignment=twin)
    derive(ruled, now=NOW)

    assert len(told(ruled, NOW + 4 * HOUR)) == 1


@pytest.mark.parametrize("state", [{"dismissed_at": NOW}, {"missing_since": NOW, "put_away_at": NOW}])
def test_work_that_is_dismissed_or_put_away_is_never_told(ruled: Any, state: dict) -> None:
    ReminderFactory(assignment=AssignmentFactory(course=CourseFactory(owner=ruled), due_at=NOW + 5 * HOUR, **state))
    derive(ruled, now=NOW)

    assert told(ruled, NOW + 5 * HOUR) == []


def test_the_events_of_tasks_and_of_the_calendar_are_followed(ruled: Any) -> None:
    create_task(ruled, by=ruled, title="Read", due_on=date(2030, 1, 1))
    create_event(ruled, by=ruled, title="Talk", starts_at=NOW, ends_at=NOW + HOUR)

    known = Event.objects.filter(owner=ruled).values_list("type", flat=True)
    assert set(known) == {"task.created", "event.created"}
    assert all(any(fnmatch(type, pattern) for pattern in TYPES) for type in known)


@pytest.mark.parametrize("kind", ["task", "event"])
def test_the_page_of_the_thing_has_its_reminders(page: Any, owner: Any, kind: str) -> None:
    ReminderSettingsFactory(owner=owner)
    soon = timezone.now() + 5 * HOUR
    make = (
        OwnTaskFactory(owner=owner, due_at=soon)
        if kind == "task"
        else CalendarEventFactory(owner=owner, starts_at=soon)
    )

    answer = page.get(make.get_absolute_url()).content.decode()

    assert 'id="reminders"' in answer and "reminders.css" in answer
    page.post(reverse("courses:reminders"), {"target_kind": kind, "target_id": make.pk, "lead_minutes": "30"})
    assert Reminder.objects.get().target_kind == kind


def test_what_a_page_read_already_makes_the_same_target(owner: Any) -> None:
    course = CourseFactory(owner=owner, name="Logic", nickname="L")
    work = AssignmentFactory(course=course, owner=owner, name="Final exam", due_at=timezone.now())
    task = OwnTaskFactory(owner=owner, course=course, due_on=timezone.now().date())
    part = OwnTaskFactory(owner=owner, parent=task)
    gone = OwnTaskFactory(owner=owner, course=CourseFactory(owner=owner, deleted_at=timezone.now()))

    for kind, thing in (("assignment", work), ("task", task), ("task", part), ("task", gone)):
        of_row = target_kind(kind).of_row
        assert of_row is not None
        row = type(thing).objects.get(pk=thing.pk)
        assert of_row(owner, row) == targets_of(owner, [(kind, thing.pk)]).get((kind, thing.pk))
