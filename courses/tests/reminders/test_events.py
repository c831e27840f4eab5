"""What workflows are told: grades, courses that end, deadlines; and that triggers really start at it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from coreengine.kernel.event_types import described_type, event_types, recorded_type
from coreengine.kernel.events import type_matches
from coreengine.kernel.expressions import condition
from coreengine.kernel.models import Event, Notification
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.models import Assignment, DueSignal, Reminder, ReminderSettings
from courses.reminders.deriving import derive
from courses.reminders.following import TYPES, follow
from courses.reminders.sending import record_signals
from courses.reminders.services import settings_of
from courses.services import create_assignment, update_assignment, update_course
from courses.tests.factories import SOURCE, CourseFactory, assignment_record, course_record, submission_record
from workflows.models import Execution, WorkflowTrigger
from workflows.running import runner
from workflows.tests.factories import make_workflow
from workflows.triggers.events import start_workflows_of

pytestmark = pytest.mark.django_db
GRADED = {"state": "graded", "score": 37, "grade": "37", "graded_at": "2026-11-20T10:00:00Z"}


@pytest.fixture
def imported(owner: Any) -> Any:
    import_courses(owner, source=SOURCE, courses=[course_record("101")], by=None)

    def run(*records: dict[str, Any]) -> None:
        import_assignments(owner, source=SOURCE, course_id="101", assignments=list(records), by=None)

    return run


def work(**submission: Any) -> dict[str, Any]:
    return assignment_record("a1", points_possible=40, submission=submission_record(**submission))


def grades() -> list[tuple[str, Any, Any]]:
    rows = Event.objects.filter(type__startswith="grade.").order_by("id")
    return [(row.type, row.data.get("before"), row.data["after"]) for row in rows]


def tell() -> None:
    """Hand the log to the subscriber, as `deliver` does after the commit."""
    for event in Event.objects.order_by("pk"):
        if type_matches(event.type, *TYPES):
            follow(event)


class TestGrades:
    def test_the_first_import_tells_of_none(self, imported: Any) -> None:
        imported(work(**GRADED))
        imported(work(**GRADED))

        assert grades() == []

    def test_a_first_grade_is_posted_and_another_one_changed(self, imported: Any) -> None:
        imported(work())
        imported(work(**GRADED))
        imported(work(**{**GRADED, "score": 39, "grade": "39"}))
        imported(work(**{**GRADED, "score": 39, "grade": "39"}))

        assert grades() == [("grade.posted", None, "37 of 40"), ("grade.changed", "37 of 40", "39 of 40")]
        assert Event.objects.get(type="grade.posted").data["percent"] == 92.5

    def test_a_hidden_grade_is_posted_when_it_is_shown(self, imported: Any) -> None:
        imported(work())
        imported(work(state="graded", score=None, grade=""))
        assert grades() == []
        imported(work(**GRADED, posted_at="2026-11-21T10:00:00Z"))

        assert [kind for kind, _, _ in grades()] == ["grade.posted"]

    def test_new_work_that_comes_graded_is_posted_with_its_id(self, imported: Any) -> None:
        imported(assignment_record("a0"))
        imported(assignment_record("a0"), work(**GRADED))

        assert [kind for kind, _, _ in grades()] == ["grade.posted"]
        assert Event.objects.get(type="grade.posted").data["assignment"] == Assignment.objects.get(external_id="a1").pk

    def test_that_it_was_graded_late_is_no_other_grade(self, imported: Any) -> None:
        imported(work(**GRADED))
        imported(work(**{**GRADED, "late": True}))

        assert grades() == []


class TestCourses:
    def test_the_source_concludes_one_once(self, owner: Any) -> None:
        for state in ("available", "completed", "completed"):
            import_courses(owner, source=SOURCE, courses=[course_record("101", state=state)], by=None)

        assert [event.data["by"] for event in Event.objects.filter(type="course.concluded")] == ["source"]

    def test_a_first_import_of_old_courses_tells_nothing(self, owner: Any) -> None:
        import_courses(owner, source=SOURCE, courses=[course_record("101", state="completed")], by=None)

        assert not Event.objects.filter(type="course.concluded").exists()

    def test_by_hand(self, owner: Any) -> None:
        update_course(CourseFactory(owner=owner), by=owner, changes={"state": "completed"})

        assert Event.objects.get(type="course.concluded").data["by"] == "hand"

    def test_a_date_that_passes_concludes_one_once(self, owner: Any) -> None:
        now = timezone.now()
        settings_of(owner)
        CourseFactory(owner=owner, ends_at=now + timedelta(hours=1))
        for hours in (0, 2, 3):
            derive(owner, now=now + timedelta(hours=hours))

        assert [event.data["by"] for event in Event.objects.filter(type="course.concluded")] == ["date"]


class TestFollowing:
    def test_a_changed_due_date_marks_reminders_as_behind(self, owner: Any) -> None:
        made = create_assignment(CourseFactory(owner=owner), by=owner, name="Essay")
        settings_of(owner)
        derive(owner)
        update_assignment(made, by=owner, changes={"due_at": timezone.now() + timedelta(days=3)})

        tell()

        assert ReminderSettings.objects.get(owner=owner).is_stale
        derive(owner)
        assert Reminder.objects.filter(owner=owner).count() == 2

    def test_new_work_that_is_due_soon_is_told_at_once(self, owner: Any) -> None:
        settings_of(owner)
        due_at = timezone.now() + timedelta(hours=5)
        create_assignment(CourseFactory(owner=owner), by=owner, name="Essay", due_at=due_at)

        tell()

        assert DueSignal.objects.get(type="assignment.due_soon").lead_hours == 24
        assert record_signals() == 1

    def test_a_first_import_is_told_of_in_no_trigger(self, owner: Any, imported: Any) -> None:
        settings_of(owner)
        soon = (timezone.now() + timedelta(hours=5)).isoformat()
        imported(*[assignment_record(f"a{n}", due_at=soon, submission=None) for n in range(5)])

        tell()
        derive(owner)

        assert record_signals() == 0

    def test_another_time_zone_moves_the_digest(self, owner: Any) -> None:
        from coreengine.accounts.services import update_profile
        from courses.reminders.services import update_settings

        before = update_settings(owner, by=owner, changes={"has_daily_digest": True}).next_daily_at
        update_profile(owner, by=owner, time_zone="Asia/Tokyo")

        tell()

        after = ReminderSettings.objects.get(owner=owner).next_daily_at
        assert before is not None and after is not None and after != before
        assert after.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%H:%M") == "07:30"


class TestTriggers:
    def start(self, owner: Any, event: str, filter: str = "true") -> None:
        make_workflow(
            owner,
            f"""\
name: Listen
triggers: [{{type: event, event: {event}, filter: '{filter}'}}]
steps:
  - name: tell
    type: system_action
    config: {{action: create_notification, params: {{title: "{{{{ trigger.event.data.name }}}}"}}}}
""",
        )

    def run(self) -> list[str]:
        WorkflowTrigger.objects.update(created_at=timezone.now() - timedelta(days=1))
        for event in Event.objects.order_by("pk"):
            start_workflows_of(event)
        for execution in Execution.objects.open():
            runner().advance(execution.pk)
        return list(Notification.objects.filter(kind="workflow").values_list("title", flat=True))

    def test_a_deadline_that_comes_close_starts_one(self, owner: Any) -> None:
        self.start(owner, "assignment.due_soon", "trigger.event.data.points_possible >= 20.0")
        settings_of(owner)
        for name, points in (("Essay", 40), ("Quiz sheet", 5)):
            due_at = timezone.now() + timedelta(days=2)
            create_assignment(CourseFactory(owner=owner), by=owner, name=name, due_at=due_at, points_possible=points)
        derive(owner)
        record_signals(now=timezone.now() + timedelta(days=1, minutes=1))

        assert self.run() == ["Essay"]
        assert self.run() == ["Essay"]

    def test_assignment_changed_is_another_name_of_updated(self, owner: Any) -> None:
        self.start(owner, "assignment.changed")
        made = create_assignment(CourseFactory(owner=owner), by=owner, name="Essay")
        update_assignment(made, by=owner, changes={"notes": "ask Tom"})

        assert self.run() == ["Essay"]

    def test_a_posted_grade_starts_the_one_of_the_gallery(self, owner: Any, imported: Any) -> None:
        from workflows.ready_made import ready_made, use_ready_made

        use_ready_made(ready_made()["grade-posted"], owner=owner, as_draft=False, by=owner)
        imported(work())
        imported(work(**GRADED))

        assert self.run() == [f"37 of 40 in {Assignment.objects.get().name}"]


@pytest.mark.parametrize("described", event_types(), ids=lambda described: described.type)
def test_every_described_filter_is_an_expression_over_its_example(described: Any) -> None:
    facts = {"type": described.type, "time": "2026-11-23T09:30:00Z", "data": dict(described.example)}
    if described.filter:
        assert condition(described.filter, {"trigger": {"type": "event", "event": facts}}) in (True, False)


def test_names_of_the_same_event_lead_to_one() -> None:
    assert recorded_type("assignment.changed") == "assignment.updated"
    assert described_type("assignment.changed") is described_type("assignment.updated")
    assert recorded_type("course.*") == "course.*"
