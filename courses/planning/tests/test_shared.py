"""What the planner gives to others: the calendar, the search, the agenda, workflows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from coreengine.kernel.actions import ActionContext, run_action
from courses.calendar.entries import entries_between
from courses.models import OwnTask
from courses.planning.reading import open_tasks_between
from courses.planning.screens import search_tasks
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory
from courses.tests.factories_planning import OwnTaskFactory

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 23)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def act(owner: Any) -> Any:
    context = ActionContext(owner=owner, actor=owner)
    return lambda name, **params: run_action(name, context, params)


def test_the_calendar_has_whole_days_at_the_students_midnights(
    owner: Any, stranger: Any, django_assert_num_queries: Any
) -> None:
    owner.time_zone = "America/New_York"
    owner.save()
    OwnTaskFactory(owner=owner, title="Day", due_on=MONDAY, course=CourseFactory(owner=owner, hue=3))
    OwnTaskFactory(owner=owner, title="Time", due_at=NOW, done_at=NOW)
    OwnTaskFactory(owner=owner, title="Gone", due_on=MONDAY, dismissed_at=NOW)
    OwnTaskFactory(owner=stranger, title="Theirs", due_on=MONDAY)
    with django_assert_num_queries(1):
        day, time = entries_between(owner, NOW - timedelta(days=1), NOW + timedelta(days=1), only=["tasks"])
    assert (day.title, day.is_all_day, day.starts_at) == ("Day", True, datetime(2026, 11, 23, 5, tzinfo=UTC))
    assert (day.ends_at, day.hue, day.is_busy) == (datetime(2026, 11, 24, 5, tzinfo=UTC), 3, False)
    assert (time.title, time.ends_at, time.is_done) == ("Time", None, True)


def test_the_agenda_gets_open_tasks_in_one_query(owner: Any, django_assert_num_queries: Any) -> None:
    OwnTaskFactory(owner=owner, title="late in the day", due_at=NOW + timedelta(hours=9))
    OwnTaskFactory(owner=owner, title="that day", due_on=MONDAY)
    OwnTaskFactory(owner=owner, title="done", due_on=MONDAY, done_at=NOW)
    OwnTaskFactory(owner=owner, title="part", parent=OwnTaskFactory(owner=owner))
    start = datetime(2026, 11, 23, tzinfo=UTC)
    with django_assert_num_queries(1):
        found = open_tasks_between(owner, start, start + timedelta(days=1))
    assert [task.title for task in found] == ["that day", "late in the day"]


def test_the_search_finds_titles_and_notes_of_ones_own(owner: Any, stranger: Any) -> None:
    OwnTaskFactory(owner=owner, title="Proofs", notes="about induction")
    OwnTaskFactory(owner=owner, title="Gone induction", deleted_at=NOW)
    OwnTaskFactory(owner=stranger, title="Induction")
    [hit] = search_tasks(owner, "induction", 5)
    assert hit.title == "Proofs" and "<mark>induction</mark>" in hit.snippet_html


class TestActions:
    def test_making_a_task_and_ticking_it_off(self, act: Any, owner: Any) -> None:
        work = AssignmentFactory(course=CourseFactory(owner=owner))
        made = act("tasks.create", title="Read", in_days=2, assignment=work.pk, recurrence="FREQ=DAILY")
        assert made["due"] == "2026-11-25"
        task = OwnTask.objects.get(pk=made["id"])
        assert task.course == work.course
        done = act("tasks.complete", task=task.pk)
        assert OwnTask.objects.get(pk=done["next"]).due_on == date(2026, 11, 26)
        assert act("tasks.complete", task=task.pk, done=False)["next"] is None

    def test_a_time_without_a_zone_is_the_students(self, act: Any, owner: Any) -> None:
        owner.time_zone = "Europe/Berlin"
        owner.save()
        assert act("tasks.create", title="Read", due_at="2026-11-25T09:00:00")["due"] == "2026-11-25T09:00:00+01:00"

    @pytest.mark.parametrize("params", [{"course": 0}, {"recurrence": "FREQ=HOURLY"}, {"title": ""}, {"due": "soon"}])
    def test_what_cannot_be_is_refused(self, act: Any, params: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            act("tasks.create", **{"title": "Read", **params})
        assert not OwnTask.objects.exists()

    def test_what_is_another_students_is_not_there(self, act: Any, stranger: Any) -> None:
        theirs = OwnTaskFactory(owner=stranger)
        for name, params in (
            ("tasks.complete", {"task": theirs.pk}),
            ("planner.dismiss", {"key": f"task:{theirs.pk}"}),
        ):
            with pytest.raises(ValidationError):
                act(name, **params)

    def test_listing_and_dismissing(self, act: Any, owner: Any) -> None:
        late = OwnTaskFactory(owner=owner, title="Late *one*", due_on=MONDAY - timedelta(days=1))
        OwnTaskFactory(owner=owner, title="Soon", due_on=MONDAY + timedelta(days=2))
        OwnTaskFactory(owner=owner, title="Far", due_on=MONDAY + timedelta(days=20))
        OwnTaskFactory(owner=owner, title="Some day")
        found = act("planner.list")
        assert found["text"] == "- **Late one**, overdue\n- **Soon**, 2026-11-25"
        act("planner.dismiss", key=f"task:{late.pk}")
        assert act("planner.list", include_undated=True)["count"] == 2
