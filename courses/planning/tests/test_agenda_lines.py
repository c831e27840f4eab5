"""Own tasks on the dashboard: where they stand, ticking them off there, and the one line that adds one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from courses.models import OwnTask
from courses.pages import clock_of
from courses.planning.agenda_lines import read_tasks
from courses.tests.factories import CourseFactory
from courses.tests.factories_planning import OwnTaskFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HTMX = {"HX-Request": "true", "HX-Target": "agenda"}


def sections(api: Any) -> dict[str, list[str]]:
    found = api.get("/api/v1/agenda/").json()["sections"]
    return {section["key"]: [row["name"] for row in section["rows"]] for section in found}


def test_they_stand_by_their_day_and_what_is_settled_today_stays_in_sight(owner: Any, api: Any) -> None:
    clock, now = clock_of(owner), timezone.now()
    OwnTaskFactory(owner=owner, title="late", due_at=now - DAY)
    OwnTaskFactory(owner=owner, title="day over", due_on=clock.today - 2 * DAY)
    OwnTaskFactory(owner=owner, title="today", due_on=clock.today)
    OwnTaskFactory(owner=owner, title="next week", due_on=clock.next_monday + DAY)
    OwnTaskFactory(owner=owner, title="some day")
    OwnTaskFactory(owner=owner, title="done now", due_on=clock.today, done_at=now)
    OwnTaskFactory(owner=owner, title="done before", done_at=now - 3 * DAY)
    OwnTaskFactory(owner=owner, title="dismissed", due_on=clock.today, dismissed_at=now)

    assert sections(api) == {
        "overdue": ["day over", "late"],
        "today": ["today", "done now"],
        "next": ["next week"],
        "later": ["some day"],
    }


def test_of_many_late_ones_the_newest_are_shown_and_all_counted(owner: Any) -> None:
    now = timezone.now()
    for days in range(1, 13):
        OwnTaskFactory(owner=owner, title=str(days), due_at=now - days * DAY)

    found = read_tasks(owner, clock_of(owner))

    assert [line.row.name for line in found.late] == [str(days) for days in range(8, 0, -1)]
    assert found.late_count == 12


def test_those_of_others_and_of_nobody_are_not_read(owner: Any) -> None:
    parent = OwnTaskFactory(owner=owner, title="whole")
    OwnTaskFactory(owner=owner, title="part", parent=parent)
    OwnTaskFactory(title="another's")
    OwnTaskFactory(owner=owner, title="deleted", deleted_at=timezone.now())

    assert [line.row.name for line in read_tasks(owner, clock_of(owner)).ahead] == ["whole"]


def test_one_is_ticked_off_and_taken_back_on_the_dashboard(owner: Any, page: Any) -> None:
    task = OwnTaskFactory(owner=owner, title="Print it", due_on=clock_of(owner).today)
    assert f'hx-post="/planner/tasks/{task.pk}/done/"' in page.get("/").content.decode()

    answer = page.post(f"/planner/tasks/{task.pk}/done/", {"done": "1"}, headers=HTMX)
    task.refresh_from_db()
    assert task.done_at is not None and 'id="agenda-sentence"' in answer.content.decode()

    page.post(f"/planner/tasks/{task.pk}/done/", {"done": "0"}, headers=HTMX)
    task.refresh_from_db()
    assert task.done_at is None


def test_another_students_is_not_there(page: Any) -> None:
    assert page.post(f"/planner/tasks/{OwnTaskFactory().pk}/done/").status_code == 404


def test_one_line_on_the_dashboard_becomes_a_task_there(owner: Any, page: Any) -> None:
    CourseFactory(owner=owner)
    assert 'hx-target="#agenda"' in page.get("/").content.decode()

    text = page.post("/planner/tasks/quick/", {"line": "Call Ada <b> tomorrow"}, headers=HTMX).content.decode()

    assert OwnTask.objects.get(owner=owner).title == "Call Ada <b>"
    assert "Call Ada &lt;b&gt;" in text and 'id="agenda"' in text


def test_the_link_of_overdue_leaves_out_what_is_called_missing(owner: Any, page: Any, api: Any) -> None:
    from courses.tests.factories import AssignmentFactory, SubmissionFactory

    course, due = CourseFactory(owner=owner, imported=True), timezone.now() - DAY
    late = AssignmentFactory(course=course, imported=True, due_at=due)
    SubmissionFactory(assignment=AssignmentFactory(course=course, imported=True, due_at=due), missing=True)

    assert [row["id"] for row in api.get("/api/v1/assignments/?state=late").json()["results"]] == [late.pk]
    assert page.get("/assignments/?state=late").status_code == 200
