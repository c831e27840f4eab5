"""What workflows can do with what a student has: every subject has a system action, and each knows its owner."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from coreengine.kernel.actions import ActionContext, action_names, run_action
from courses.calendar.feeds.services import create_feed
from courses.calendar.services import create_event
from courses.grading.courses import grades_of
from courses.grading.services import save_scenario
from courses.models import (
    CalendarEvent,
    CalendarSource,
    Course,
    CoursePerson,
    CourseResource,
    Module,
    OwnTask,
    Reminder,
)
from courses.planning.services import create_task
from courses.reminders.services import create_reminder
from courses.tests.factories import AssignmentFactory, CourseFactory, SubmissionFactory, UserFactory

pytestmark = pytest.mark.django_db

SUBJECTS = {
    "dashboard": {"agenda.read", "news.list"},
    "own tasks": {"tasks.create", "tasks.update", "tasks.complete", "tasks.delete"},
    "planner": {"planner.list", "planner.complete", "planner.dismiss", "planner.move", "planner.estimate"},
    "plan of work": {
        *("workload.read", "plan.propose", "plan.read", "plan.accept", "plan.refuse"),
        *("plan.add_block", "plan.settle_block"),
    },
    "calendar": {
        *("calendar.entries", "calendar.create_event", "calendar.update_event", "calendar.delete_event"),
        *("calendar.follow", "calendar.refresh", "calendar.feeds", "calendar.revoke_feed"),
    },
    "grades": {
        *("grades.course", "grades.list", "grades.averages", "grades.what_if", "grades.needed", "grades.scenarios"),
        *("grades.save_scenario", "grades.set_course", "grades.set_scale", "grades.set_groups"),
    },
    "maps": {"courses.modules", "courses.map"},
    "courses": {"courses.create", "courses.update", "courses.people", "courses.files", "courses.archive"},
    "notes": {"courses.write_note"},
    "work": {"assignments.create", "assignments.update", "assignments.delete", "assignments.set_result"},
    "import": {"courses.import_text"},
    "sources": {"courses.join", "courses.part"},
    "reminders": {"reminders.create", "reminders.list", "reminders.snooze", "reminders.dismiss", "digest.send"},
}


@pytest.fixture
def owner() -> Any:
    return UserFactory()


def asked(owner: Any, action: str, **params: Any) -> dict[str, Any]:
    return run_action(action, ActionContext(owner=owner, actor=owner), params)


def in_hours(hours: float) -> Any:
    return timezone.now() + timedelta(hours=hours)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_of_a_semester_has_its_actions(subject: str) -> None:
    assert not SUBJECTS[subject] - set(action_names())


class TestPlanner:
    def test_a_task_is_changed_and_deleted(self, owner: Any) -> None:
        task = create_task(owner, by=owner, title="Read", due_on=timezone.now().date())
        told = asked(owner, "tasks.update", task=task.pk, title="Read chapter 5", due_on=None)
        assert told == {"id": task.pk, "title": "Read chapter 5", "due": None}
        asked(owner, "tasks.delete", task=task.pk)
        assert not OwnTask.objects.visible_to(owner).exists()

    def test_work_is_ticked_off_estimated_and_moved_by_its_key(self, owner: Any) -> None:
        work = AssignmentFactory(course__owner=owner, due_at=in_hours(100))
        key = f"assignment:{work.pk}"
        asked(owner, "planner.estimate", key=key, minutes=90)
        asked(owner, "planner.move", key=key, day=in_hours(24).date().isoformat())
        asked(owner, "planner.complete", key=key)
        work.refresh_from_db()
        assert (work.estimate_minutes, work.planned_on, work.done_at is not None) == (90, in_hours(24).date(), True)

    def test_blocks_are_added_read_and_settled(self, owner: Any) -> None:
        work = AssignmentFactory(course__owner=owner, due_at=in_hours(100))
        block = asked(owner, "plan.add_block", work=work.pk, starts_at=in_hours(2).isoformat(), minutes=45)
        assert asked(owner, "plan.read")["blocks"] == [block]
        told = asked(owner, "plan.settle_block", block=block["id"])
        assert (told["state"], told["actual_minutes"]) == ("done", 45)

    def test_without_a_proposal_there_is_nothing_to_accept(self, owner: Any) -> None:
        with pytest.raises(ValidationError, match=r"plan\.propose"):
            asked(owner, "plan.accept")


class TestCalendar:
    def test_an_event_is_moved_and_deleted(self, owner: Any) -> None:
        event = create_event(owner, by=owner, title="Club", starts_at=in_hours(5), ends_at=in_hours(6))
        asked(owner, "calendar.update_event", event=event.pk, location="R 12", starts_at=in_hours(4).isoformat())
        assert CalendarEvent.objects.get().location == "R 12"
        asked(owner, "calendar.delete_event", event=event.pk)
        assert not CalendarEvent.objects.visible_to(owner).exists()

    def test_a_calendar_is_followed_by_its_address(self, owner: Any) -> None:
        told = asked(owner, "calendar.follow", address="https://university.example/timetable.ics", name="Timetable")
        assert CalendarSource.objects.get(pk=told["id"]).name == "Timetable"

    def test_addresses_are_listed_without_their_secret_and_taken_back(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, name="Logic")
        feed, secret = create_feed(owner, by=owner, name="Phone", course=course)
        create_feed(stranger := UserFactory(), by=stranger, name="Not mine")

        told = asked(owner, "calendar.feeds")

        assert told["count"] == 1
        assert (told["feeds"][0]["name"], told["feeds"][0]["course"]) == ("Phone", "Logic")
        assert secret not in json.dumps(told)
        assert asked(owner, "calendar.revoke_feed", feed=feed.pk) == {"id": feed.pk, "name": "Phone"}
        assert asked(owner, "calendar.feeds")["count"] == 0
        with pytest.raises(ValidationError, match="no such address"):
            asked(stranger, "calendar.revoke_feed", feed=feed.pk)


class TestGrades:
    def test_a_goal_a_scale_and_kept_what_ifs(self, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        SubmissionFactory(assignment=AssignmentFactory(course=course, points_possible=10), state="graded", score=8)
        save_scenario(grades_of([course])[0], "Best", {}, [], by=owner)
        assert asked(owner, "grades.set_course", course=course.pk, goal=90)["goal"] == 90
        assert asked(owner, "grades.set_scale", scale=[["P", 50, 4], ["F", 0, 0]])["scale"]
        told = asked(owner, "grades.scenarios", course=course.pk)["scenarios"]
        assert [(row["name"], row["percent"], row["letter"]) for row in told] == [("Best", 80.0, "P")]
        assert asked(owner, "grades.averages")["average"] == 4.0


class TestCourses:
    def test_a_course_keeps_what_the_step_does_not_name(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, nickname="OS")
        asked(owner, "courses.update", course=course.pk, ai_policy="cited", ai_policy_where="Syllabus, 5")
        course.refresh_from_db()
        assert (course.nickname, course.ai_policy, course.ai_policy_where) == ("OS", "cited", "Syllabus, 5")

    def test_a_note_is_written_and_groups_are_set(self, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        told = asked(owner, "courses.write_note", course=course.pk, title="Summary", body="# One")
        assert CourseResource.objects.get(course=course).resource_id == told["resource"]
        rows = asked(owner, "grades.set_groups", course=course.pk, groups=[{"name": "Labs", "weight": 60}])["groups"]
        assert [(row["name"], row["weight"]) for row in rows] == [("Labs", 60.0)]

    def test_own_work_is_changed_and_deleted_and_a_sources_is_not(self, owner: Any) -> None:
        own = AssignmentFactory(course__owner=owner, name="Essay")
        theirs = AssignmentFactory(course__owner=owner, imported=True)
        assert asked(owner, "assignments.update", assignment=own.pk, name="Essay 2", points=5)["name"] == "Essay 2"
        asked(owner, "assignments.delete", assignment=own.pk)
        with pytest.raises(ValidationError):
            asked(owner, "assignments.update", assignment=theirs.pk, name="Mine")

    def test_two_courses_are_joined_and_parted(self, owner: Any) -> None:
        first, second = CourseFactory.create_batch(2, owner=owner)
        shown = asked(owner, "courses.join", kind="course", first=first.pk, second=second.pk)["shown"]
        assert shown in (first.pk, second.pk)
        assert Course.objects.visible_to(owner).shown_once().count() == 1
        asked(owner, "courses.part", kind="course", first=first.pk, second=second.pk)
        assert Course.objects.visible_to(owner).shown_once().count() == 2

    def test_modules_people_and_the_map_are_read(self, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        Module.objects.create(owner=owner, course=course, name="Week 1", source="c:1", external_id="1", position=1)
        CoursePerson.objects.create(owner=owner, course=course, name="Ada", role="teacher")
        assert [row["name"] for row in asked(owner, "courses.modules", course=course.pk)["modules"]] == ["Week 1"]
        assert [row["name"] for row in asked(owner, "courses.people", course=course.pk)["people"]] == ["Ada"]
        assert asked(owner, "courses.map")["courses"] == []

    def test_the_dashboard_is_read_as_it_is_shown(self, owner: Any) -> None:
        AssignmentFactory(course__owner=owner, name="Lab 1", due_at=in_hours(-5))
        sections = {each["key"]: each for each in asked(owner, "agenda.read")["sections"]}
        assert [row["name"] for row in sections["overdue"]["rows"]] == ["Lab 1"]
        assert asked(owner, "news.list")["count"] == 0


def test_reminders_are_put_off_and_taken_away(owner: Any) -> None:
    work = AssignmentFactory(course__owner=owner, due_at=in_hours(100))
    row = create_reminder(owner, by=owner, target_kind="assignment", target_id=work.pk, lead_minutes=5)
    asked(owner, "reminders.snooze", reminder=row.pk, until="1h")
    row.refresh_from_db()
    assert row.snoozed_until is not None
    assert asked(owner, "reminders.dismiss", reminder=row.pk)["state"] == Reminder.State.DISMISSED


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("tasks.update", {"task": 0, "title": "x"}),
        ("tasks.delete", {"task": 0}),
        ("planner.complete", {"key": "assignment:0"}),
        ("planner.move", {"key": "task:0"}),
        ("planner.estimate", {"key": "item:0"}),
        ("plan.settle_block", {"block": 0}),
        ("calendar.update_event", {"event": 0}),
        ("calendar.delete_event", {"event": 0}),
        ("grades.scenarios", {"course": 0}),
        ("grades.set_course", {"course": 0}),
        ("courses.update", {"course": 0}),
        ("courses.modules", {"course": 0}),
        ("courses.people", {"course": 0}),
        ("courses.join", {"kind": "course", "first": 0, "second": 0}),
        ("assignments.update", {"assignment": 0}),
        ("assignments.delete", {"assignment": 0}),
        ("reminders.snooze", {"reminder": 0}),
        ("reminders.dismiss", {"reminder": 0}),
    ],
)
def test_what_is_not_the_students_is_not_there(owner: Any, action: str, params: dict[str, Any]) -> None:
    """A row of a stranger's: its id is put where the case says 0."""
    stranger = UserFactory()
    course = CourseFactory(owner=stranger)
    work = AssignmentFactory(course=course, due_at=in_hours(100))
    task = create_task(stranger, by=stranger, title="Read")
    event = create_event(stranger, by=stranger, title="Club", starts_at=in_hours(5), ends_at=in_hours(6))
    row = create_reminder(stranger, by=stranger, target_kind="assignment", target_id=work.pk, lead_minutes=5)
    block = asked(stranger, "plan.add_block", work=work.pk, starts_at=in_hours(2).isoformat(), minutes=45)["id"]
    ids = {"task": task.pk, "event": event.pk, "course": course.pk, "assignment": work.pk, "reminder": row.pk}
    ids |= {"block": block, "first": course.pk, "second": course.pk}
    keys = {"assignment:0": f"assignment:{work.pk}", "task:0": f"task:{task.pk}"}
    named = {name: keys.get(value, value) if value else ids[name] for name, value in params.items()}
    with pytest.raises(ValidationError, match="(?i)there is no"):
        asked(owner, action, **named)
