"""Layers of the calendar, read together."""

from datetime import UTC, datetime
from typing import Any

import pytest

from courses.calendar import entries
from courses.calendar.entries import Entry, Layer, busy_between, entries_between, joined, register_layer


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 30, hour, minute, tzinfo=UTC)


@pytest.fixture
def two_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "_layers", {})
    lecture = Entry("event:1", "event", "Lecture", at(9), at(11), is_busy=True)
    seminar = Entry("event:2", "event", "Seminar", at(10), at(12), is_busy=True)
    deadline = Entry("assignment:1", "assignment", "Essay", at(9))
    register_layer(Layer("events", "Events", "calendar", lambda *span: [seminar, lecture], 20))
    register_layer(Layer("assignments", "Assignments", "list-todo", lambda *span: [deadline], 10))


def test_entries_of_all_layers_come_in_the_order_of_time(two_layers: None) -> None:
    owner: Any = None
    assert [entry.title for entry in entries_between(owner, at(0), at(23))] == ["Essay", "Lecture", "Seminar"]
    assert [entry.title for entry in entries_between(owner, at(0), at(23), only=["assignments"])] == ["Essay"]


def test_busy_time_is_joined_cut_to_the_span_and_leaves_deadlines_out(two_layers: None) -> None:
    owner: Any = None
    assert busy_between(owner, at(9, 30), at(11, 30)) == [(at(9, 30), at(11, 30))]
    assert busy_between(owner, at(0), at(23), leaving_out=["events"]) == []


def test_joining_keeps_gaps_and_drops_what_is_empty() -> None:
    assert joined([(at(3), at(4)), (at(1), at(2)), (at(2), at(3)), (at(8), at(8))]) == [(at(1), at(4))]
