"""Dismissing what a source's planner lists: here, there, and both sides at once."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from courses import marks
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.models import Assignment, PlannerItem
from courses.planning.decisions import set_dismissed, set_done
from courses.tests.factories import SOURCE, assignment_record, course_record, planner_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def assignment(owner: Any) -> Assignment:
    import_courses(owner, source=SOURCE, courses=[course_record("101")], by=owner)
    import_assignments(owner, source=SOURCE, course_id="101", assignments=[assignment_record("1")], by=owner)
    return Assignment.objects.get()


@pytest.fixture
def act(owner: Any, assignment: Assignment) -> Any:
    context = ActionContext(owner=owner, actor=owner)
    return lambda name, **params: run_action(name, context, {"source": SOURCE, **params})


@pytest.fixture
def read(act: Any) -> Any:
    return lambda *items, **more: act("planner.import", items=list(items), **{"takes_marks": True, **more})


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def test_dismissing_here_is_told_there_and_settled_by_its_answer(
    read: Any, act: Any, assignment: Assignment, owner: Any
) -> None:
    read(planner_record())
    set_dismissed(assignment, dismissed=True, by=owner)

    [mark] = act("planner.unwritten")["marks"]
    assert (mark["complete"], mark["dismissed"]) == (False, True)
    assert fresh(assignment).planner_item.write_state == "pending"
    assert act("planner.written", id="assignment:1", complete=False, dismissed=True) == {"is_settled": True}
    assert fresh(assignment).planner_item.is_dismissed and act("planner.unwritten")["count"] == 0
    assert read(planner_record(dismissed=True))["marked"] == 0


def test_whoever_writes_without_knowing_of_it_does_not_settle_it(
    read: Any, act: Any, assignment: Assignment, owner: Any
) -> None:
    read(planner_record())
    set_dismissed(assignment, dismissed=True, by=owner)
    assert act("planner.written", id="assignment:1", complete=False) == {"is_settled": False}
    assert act("planner.unwritten")["count"] == 1


def test_both_marks_wait_together_and_the_refusal_is_one(
    read: Any, act: Any, assignment: Assignment, owner: Any
) -> None:
    read(planner_record())
    set_done(assignment, done=True, by=owner)
    set_dismissed(assignment, dismissed=True, by=owner)
    act("planner.refused", id="assignment:1", error="No.")
    assert fresh(assignment).planner_item.write_state == "failed"
    marks.keep_mark_here(fresh(assignment), by=owner)
    item = fresh(assignment).planner_item
    assert (item.write_state, item.wanted_dismissed, item.wanted_complete) == ("settled", None, None)


def test_dismissed_there_is_dismissed_here_and_brought_back_there_is_back_here(
    read: Any, assignment: Assignment
) -> None:
    assert read(planner_record(dismissed=True))["marked"] == 1
    assert fresh(assignment).dismissed_at is not None and fresh(assignment).done_at is None
    assert Event.objects.get(type="assignment.dismissed").data["at_source"] is True
    assert read(planner_record(dismissed=False))["marked"] == 1
    assert fresh(assignment).dismissed_at is None


def test_a_sync_between_overwrites_neither_mark(read: Any, assignment: Assignment, owner: Any) -> None:
    read(planner_record())
    set_dismissed(assignment, dismissed=True, by=owner)
    read(planner_record(title="Renamed"))
    assert fresh(assignment).dismissed_at is not None and fresh(assignment).planner_item.wanted_dismissed is True


def test_an_item_that_is_no_assignment_is_marked_itself_and_told_too(read: Any, act: Any, owner: Any) -> None:
    read(planner_record("calendar_event:5", marked_complete=True), planner_record("planner_note:6"))
    event, note = PlannerItem.objects.order_by("external_id")
    assert event.done_at is not None
    set_done(note, done=True, by=owner)
    set_dismissed(event, dismissed=True, by=owner)
    assert {mark["id"] for mark in act("planner.unwritten")["marks"]} == {"calendar_event:5", "planner_note:6"}
    read(planner_record("calendar_event:5", marked_complete=False), planner_record("planner_note:6"))
    assert fresh(event).done_at is None and fresh(event).dismissed_at is not None
    assert fresh(note).done_at is not None


def test_where_a_source_takes_no_marks_they_stay_here(read: Any, act: Any, assignment: Assignment, owner: Any) -> None:
    read(planner_record("planner_note:6"), takes_marks=False)
    note = PlannerItem.objects.get()
    set_dismissed(note, dismissed=True, by=owner)
    set_dismissed(assignment, dismissed=True, by=owner)
    assert act("planner.unwritten")["count"] == 0
    assert fresh(note).dismissed_at is not None and fresh(assignment).dismissed_at is not None
