"""`planner.import` and the way of a mark to its source and back: both sides change, and neither is overwritten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coreengine.kernel import hooks
from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from courses import marks, services
from courses.errors import NothingToWrite
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.models import Assignment, PlannerItem
from courses.tests.factories import NOW, SOURCE, assignment_record, course_record, planner_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def assignment(owner: Any) -> Assignment:
    import_courses(owner, source=SOURCE, courses=[course_record("101")], by=owner)
    records = [assignment_record("1"), assignment_record("2", planner_id="quiz:77")]
    import_assignments(owner, source=SOURCE, course_id="101", assignments=records, by=owner)
    return Assignment.objects.get(external_id="1")


@pytest.fixture
def act(owner: Any, assignment: Assignment) -> Any:
    context = ActionContext(owner=owner, actor=owner)
    return lambda name, **params: run_action(name, context, {"source": SOURCE, **params})


@pytest.fixture
def read(act: Any) -> Any:
    return lambda *items, **more: act("planner.import", items=list(items), takes_marks=True, **more)


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def last_event(type: str) -> Event:
    found = Event.objects.filter(type=type).order_by("-id").first()
    assert found is not None
    return found


class TestImporting:
    def test_items_are_tied_to_assignments_and_courses(self, read: Any, assignment: Assignment) -> None:
        result = read(
            planner_record("assignment:1"),
            planner_record("quiz:77", assignment_id="2"),
            planner_record("calendar_event:5", title="Guest talk", location="Hall 3"),
            planner_record("planner_note:6", course_id=""),
        )

        assert (result["created"], result["marked"], result["problems"]) == (4, 0, [])
        assert assignment.planner_item.kind == "assignment"
        assert PlannerItem.objects.get(external_id="quiz:77").assignment.external_id == "2"
        event = PlannerItem.objects.get(external_id="calendar_event:5")
        assert (event.assignment, event.location, event.course) == (None, "Hall 3", assignment.course)
        assert PlannerItem.objects.get(external_id="planner_note:6").course is None

    def test_the_same_again_changes_nothing(self, read: Any) -> None:
        records = [planner_record("assignment:1", marked_complete=True), planner_record("calendar_event:5")]
        read(*records)
        before = Event.objects.count()
        result = read(*records)
        assert (result["unchanged"], result["changed"], result["marked"]) == (2, 0, 0)
        assert Event.objects.count() == before

    def test_an_all_day_event_begins_at_the_students_midnight(self, read: Any, owner: Any) -> None:
        owner.time_zone = "America/New_York"
        owner.save()
        read(planner_record("calendar_event:5", starts_at=None, starts_on="2026-12-01"))
        event = PlannerItem.objects.get()
        assert event.is_all_day and event.starts_at == datetime(2026, 12, 1, 5, tzinfo=UTC)

    def test_what_vanished_within_the_window_is_marked_and_the_rest_is_not(self, read: Any) -> None:
        near, far = (
            planner_record("calendar_event:1"),
            planner_record("calendar_event:2", starts_at="2027-06-01T00:00:00Z"),
        )
        read(near, far)
        result = read(start=NOW.isoformat(), end=(NOW + timedelta(days=30)).isoformat())
        assert result["missing"] == 1
        assert PlannerItem.objects.present().get().external_id == "calendar_event:2"

    def test_an_item_of_an_unknown_course_is_reported(self, read: Any) -> None:
        assert "course 999 is not here yet" in read(planner_record(course_id="999"))["problems"][0]["reason"]

    def test_an_assignment_belongs_to_one_item(self, read: Any, assignment: Assignment) -> None:
        read(planner_record("assignment:1"), planner_record("discussion_topic:8", assignment_id="1"))
        assert assignment.planner_item.external_id == "assignment:1"
        assert PlannerItem.objects.get(external_id="discussion_topic:8").assignment is None


class TestBothSides:
    def test_marked_at_the_source_is_done_here_and_unmarked_is_not(self, read: Any, assignment: Assignment) -> None:
        assert read(planner_record(marked_complete=True))["marked"] == 1
        assert fresh(assignment).done_at is not None
        assert last_event("assignment.done").data["at_source"] is True
        assert read(planner_record(marked_complete=False))["marked"] == 1
        assert fresh(assignment).done_at is None

    def test_a_mark_made_here_before_stays_when_the_source_says_nothing_new(
        self, read: Any, assignment: Assignment, owner: Any
    ) -> None:
        services.mark_done(assignment, done=True, by=owner)
        read(planner_record(marked_complete=False))
        read(planner_record(marked_complete=False, title="Renamed"))
        assert fresh(assignment).done_at is not None

    def test_marking_here_waits_for_the_source_and_is_settled_by_what_it_says(
        self, read: Any, act: Any, assignment: Assignment, owner: Any
    ) -> None:
        read(planner_record(override_id="31"))
        services.mark_done(assignment, done=True, by=owner)

        assert act("planner.unwritten")["marks"] == [
            {
                "id": "assignment:1",
                "kind": "assignment",
                "course_id": "101",
                "assignment_id": "1",
                "title": "Planned 1",
                "complete": True,
                "dismissed": False,
                "override_id": "31",
            }
        ]
        assert last_event("planner.mark_wanted").data["source"] == SOURCE
        read(planner_record(override_id="31", title="Renamed"))  # a sync that comes between overwrites nothing
        assert fresh(assignment).done_at is not None and fresh(assignment).planner_item.write_state == "pending"

        assert act("planner.written", id="assignment:1", complete=True, override_id="31") == {"is_settled": True}
        assert act("planner.unwritten")["count"] == 0
        assert read(planner_record(marked_complete=True, override_id="31"))["marked"] == 0

    def test_work_beyond_the_planners_window_can_be_marked_too(self, read: Any, act: Any, owner: Any) -> None:
        read()
        services.mark_done(Assignment.objects.get(external_id="2"), done=True, by=owner)
        [mark] = act("planner.unwritten")["marks"]
        assert (mark["id"], mark["kind"], mark["override_id"]) == ("quiz:77", "quiz", "")

    def test_a_source_that_takes_no_marks_is_never_asked(self, act: Any, assignment: Assignment, owner: Any) -> None:
        act("planner.import", items=[planner_record()], takes_marks=False)
        services.mark_done(assignment, done=True, by=owner)
        assert act("planner.unwritten")["count"] == 0
        assert not Event.objects.filter(type="planner.mark_wanted").exists()

    def test_changing_ones_mind_while_it_is_written_has_the_last_word_written(
        self, read: Any, act: Any, assignment: Assignment, owner: Any
    ) -> None:
        read(planner_record())
        services.mark_done(assignment, done=True, by=owner)
        services.mark_done(assignment, done=False, by=owner)
        assert act("planner.written", id="assignment:1", complete=True) == {"is_settled": False}
        [mark] = act("planner.unwritten")["marks"]
        assert mark["complete"] is False
        assert last_event("planner.mark_wanted").data["complete"] is True

    def test_a_refusal_stays_in_sight_until_it_is_settled(
        self, read: Any, act: Any, assignment: Assignment, owner: Any
    ) -> None:
        read(planner_record())
        services.mark_done(assignment, done=True, by=owner)
        act("planner.refused", id="assignment:1", error="Canvas does not let you.")
        item = fresh(assignment).planner_item
        assert (item.write_state, item.write_error) == ("failed", "Canvas does not let you.")

        marks.write_again(assignment, by=owner)
        assert fresh(item).write_state == "pending"
        act("planner.refused", id="assignment:1", error="Still not.")
        marks.keep_mark_here(assignment, by=owner)
        assert fresh(item).write_state == "settled" and fresh(assignment).done_at is not None
        with pytest.raises(NothingToWrite):
            marks.write_again(assignment, by=owner)

    def test_disconnecting_leaves_no_mark_waiting(
        self, read: Any, act: Any, assignment: Assignment, owner: Any
    ) -> None:
        class Connection:
            pk, owner_id = 1, owner.pk

        Connection.owner = owner
        read(planner_record())
        services.mark_done(assignment, done=True, by=owner)
        hooks.call("connection.removed", connection=Connection, by=owner)
        assert act("planner.unwritten")["count"] == 0
        services.mark_done(assignment, done=False, by=owner)
        assert act("planner.unwritten")["count"] == 0
