"""Reminders follow rules and work, and are the same however often they are derived."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from courses.models import Assignment, DueSignal, PlannerItem, Reminder, ReminderRule, ReminderSettings
from courses.reminders import services
from courses.reminders.deriving import derive, derive_everyone, derive_stale
from courses.tests.factories import NOW, SOURCE, AssignmentFactory, CourseFactory, SubmissionFactory
from courses.tests.factories_reminders import ReminderFactory, ReminderRuleFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Make = Callable[..., Assignment]


@pytest.fixture(autouse=True)
def old_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of these tests were made long ago, unless a test says otherwise."""
    save = ReminderRuleFactory._create.__func__

    def create(cls: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        rule = save(cls, model, *args, **kwargs)
        ReminderRule.objects.filter(pk=rule.pk).update(changed_at=NOW - 30 * DAY)
        return rule

    monkeypatch.setattr(ReminderRuleFactory, "_create", classmethod(create))


def moments(owner: Any) -> list[tuple[str, Any]]:
    return [(row.state, row.fire_at - NOW) for row in Reminder.objects.filter(owner=owner)]


def test_a_rule_makes_one_reminder_of_each_open_thing(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    make_work(due_at=NOW + 3 * DAY)
    make_work(due_at=NOW + 3 * DAY, done_at=NOW)
    make_work(due_at=None)

    derive(owner, now=NOW)
    derive(owner, now=NOW)

    assert moments(owner) == [("scheduled", 2 * DAY)]


def test_submitted_dismissed_and_vanished_work_has_none(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    handed_in = make_work(due_at=NOW + 3 * DAY, imported=True)
    SubmissionFactory(assignment=handed_in, state="submitted", submitted_at=NOW)
    make_work(due_at=NOW + 3 * DAY, imported=True, missing_since=NOW)
    make_work(due_at=NOW + 3 * DAY, imported=True, dismissed_at=NOW)

    derive(owner, now=NOW)

    assert moments(owner) == []


def test_a_due_date_that_moves_takes_its_reminder_along(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    work = make_work(due_at=NOW + 3 * DAY)
    derive(owner, now=NOW)

    Assignment.objects.filter(pk=work.pk).update(due_at=NOW + 5 * DAY)
    derive(owner, now=NOW)

    assert moments(owner) == [("scheduled", 4 * DAY)]


def test_a_due_date_that_comes_closer_than_the_lead_reminds_at_once(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    work = make_work(due_at=NOW + 3 * DAY)
    derive(owner, now=NOW)

    Assignment.objects.filter(pk=work.pk).update(due_at=NOW + 5 * HOUR)
    derive(owner, now=NOW)

    assert moments(owner) == [("scheduled", timedelta())]


def test_one_that_was_sent_comes_again_for_a_later_date_only(owner: Any, make_work: Make) -> None:
    rule = ReminderRuleFactory(owner=owner)
    work = make_work(due_at=NOW + 12 * HOUR)
    sent = ReminderFactory(
        assignment=work, rule=rule, is_derived=True, lead_minutes=1440, state="sent", sent_for=NOW + 12 * HOUR
    )

    derive(owner, now=NOW)
    assert moments(owner) == [("sent", -12 * HOUR)]
    Assignment.objects.filter(pk=work.pk).update(due_at=NOW + 4 * DAY)
    derive(owner, now=NOW)
    assert moments(owner) == [("scheduled", 3 * DAY)]
    Assignment.objects.filter(pk=work.pk).update(due_at=NOW + 12 * HOUR)
    derive(owner, now=NOW)
    sent.refresh_from_db()
    assert sent.state == "sent"


def test_one_that_was_removed_stays_away(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    work = make_work(due_at=NOW + 3 * DAY)
    derive(owner, now=NOW)
    services.dismiss_reminder(Reminder.objects.get(), by=owner)

    Assignment.objects.filter(pk=work.pk).update(due_at=NOW + 9 * DAY)
    derive(owner, now=NOW)

    assert [state for state, _ in moments(owner)] == ["dismissed"]


def test_a_first_import_makes_no_reminders_of_what_has_passed(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner, lead_minutes=24 * 60)
    ReminderRuleFactory(owner=owner, lead_minutes=120)
    make_work(due_at=NOW + 10 * HOUR)
    make_work(due_at=NOW - 10 * DAY)

    derive(owner, now=NOW)

    assert moments(owner) == [("scheduled", 8 * HOUR)]


def test_what_should_have_come_while_nobody_derived_comes_late(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    ReminderSettings.objects.filter(owner=owner).update(derived_at=NOW - 2 * DAY)
    make_work(due_at=NOW + 5 * HOUR)

    derive(owner, now=NOW)

    assert moments(owner) == [("scheduled", -19 * HOUR)]


def test_a_rule_of_a_course_stands_before_the_general_ones(owner: Any, make_work: Make) -> None:
    other = CourseFactory(owner=owner)
    ReminderRuleFactory(owner=owner)
    work = make_work(due_at=NOW + 9 * DAY)
    AssignmentFactory(course=other, due_at=NOW + 9 * DAY)
    ReminderRuleFactory(owner=owner, course=work.course, lead_minutes=7 * 24 * 60)
    ReminderRuleFactory(owner=owner, course=other, lead_minutes=None)

    derive(owner, now=NOW)

    assert moments(owner) == [("scheduled", 2 * DAY)]


@pytest.mark.parametrize(
    ("fields", "count"),
    [({"name": "Midterm exam"}, 1), ({"submission_types": ["online_quiz"]}, 1), ({"name": "Example sheet"}, 0)],
)
def test_quizzes_and_exams_follow_their_own_rules(owner: Any, make_work: Make, fields: dict, count: int) -> None:
    ReminderRuleFactory(owner=owner, kind="exam")
    make_work(due_at=NOW + 5 * DAY, **fields)

    derive(owner, now=NOW)

    assert len(moments(owner)) == count


def test_a_changed_rule_changes_the_future_only(owner: Any, make_work: Make) -> None:
    rule = ReminderRuleFactory(owner=owner)
    make_work(due_at=NOW + 3 * DAY)
    make_work(due_at=NOW + 25 * HOUR)
    derive(owner, now=NOW)

    services.update_rule(rule, by=owner, changes={"lead_minutes": 2 * 24 * 60})
    derive(owner, now=NOW)

    assert moments(owner) == [("skipped", -23 * HOUR), ("scheduled", DAY)]


def test_a_deleted_rule_takes_what_was_to_come(owner: Any, make_work: Make) -> None:
    rule = ReminderRuleFactory(owner=owner)
    make_work(due_at=NOW + 3 * DAY)
    derive(owner, now=NOW)

    services.delete_rule(rule, by=owner)

    assert moments(owner) == []


def test_hidden_courses_remind_of_nothing(owner: Any, course: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    make_work(due_at=NOW + 3 * DAY)
    derive(owner, now=NOW)

    course.is_hidden = True
    course.save()
    derive(owner, now=NOW)

    assert moments(owner) == []


def test_an_event_reminds_before_it_begins_and_a_whole_day_before_its_morning(owner: Any, course: Any) -> None:
    ReminderRuleFactory(owner=owner, kind="event", lead_minutes=30)
    about = {"owner": owner, "course": course, "source": SOURCE, "kind": "calendar_event"}
    PlannerItem.objects.create(**about, external_id="e:1", title="Lecture", starts_at=NOW + DAY)
    midnight = (NOW + 2 * DAY).replace(hour=0, minute=0)
    PlannerItem.objects.create(**about, external_id="e:2", title="Fair", starts_at=midnight, is_all_day=True)

    derive(owner, now=NOW)

    fires = [row.fire_at for row in Reminder.objects.filter(owner=owner)]
    assert fires == [NOW + DAY - timedelta(minutes=30), midnight + timedelta(hours=7, minutes=30)]


def test_ten_times_the_work_takes_the_same_queries(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)

    def count(more: int) -> int:
        for _ in range(more):
            make_work(due_at=NOW + 3 * DAY)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            derive(owner, now=NOW)
        return len(queries)

    assert count(3) == count(30)
    assert count(0) <= 12  # a query for each kind of thing that can be reminded of is among them


def test_the_sweep_heals_what_nobody_told(owner: Any, make_work: Make) -> None:
    ReminderRuleFactory(owner=owner)
    ReminderSettings.objects.update(is_stale=False)
    make_work(due_at=NOW + 3 * DAY)

    assert derive_stale(now=NOW) == 0
    assert derive_everyone(now=NOW) == 1
    assert moments(owner) == [("scheduled", 2 * DAY)]


def test_the_sweep_takes_in_students_who_were_here_before_reminders(stranger: Any) -> None:
    CourseFactory(owner=stranger)

    derive_everyone(now=NOW)

    leads = ReminderRule.objects.filter(owner=stranger, kind="assignment").values_list("lead_minutes", flat=True)
    assert sorted(leads) == [120, 1440]


class TestSignals:
    def kinds(self) -> list[tuple[str, Any]]:
        return [(row.type.partition(".")[2], row.fire_at - NOW) for row in DueSignal.objects.all()]

    def test_each_deadline_has_two(self, owner: Any, make_work: Make) -> None:
        make_work(due_at=NOW + 3 * DAY)
        derive(owner, now=NOW)
        derive(owner, now=NOW)

        assert self.kinds() == [("due_soon", 2 * DAY), ("overdue", 3 * DAY)]

    def test_they_follow_a_date_that_moves(self, owner: Any, make_work: Make) -> None:
        work = make_work(due_at=NOW + 3 * DAY)
        derive(owner, now=NOW)
        Assignment.objects.filter(pk=work.pk).update(due_at=NOW + 9 * DAY)
        derive(owner, now=NOW)

        assert self.kinds() == [("due_soon", 8 * DAY), ("overdue", 9 * DAY)]

    def test_the_lead_is_the_students(self, owner: Any, make_work: Make) -> None:
        make_work(due_at=NOW + 3 * DAY)
        derive(owner, now=NOW)
        services.update_settings(owner, by=owner, changes={"soon_hours": 48}, now=NOW)
        derive(owner, now=NOW)

        assert self.kinds() == [("due_soon", DAY), ("overdue", 3 * DAY)]

    def test_a_first_import_tells_nothing_of_what_is_close_or_late(self, owner: Any, make_work: Make) -> None:
        for hours in (-200, -1, 5, 20):
            make_work(due_at=NOW + hours * HOUR)
        derive(owner, now=NOW)

        assert self.kinds() == [("overdue", 5 * HOUR), ("overdue", 20 * HOUR)]
