"""Choosing a course or an assignment in a form: what is offered, what stays chosen, what can be sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from courses import choices
from courses.models import CalendarEvent, OwnTask
from courses.tests.factories import AssignmentFactory, CourseFactory
from courses.tests.factories_calendar import CalendarEventFactory
from courses.tests.factories_planning import OwnTaskFactory

pytestmark = pytest.mark.django_db


def options(page: Any, address: str, name: str) -> list[tuple[str, str]]:
    """The ids and words of a select, the chosen one with a star."""
    field = page.get(address).context["form"][name]
    rows = [
        option for _, group, _ in field.field.widget.optgroups(name, [str(field.value() or "")]) for option in group
    ]
    return [(str(row["value"]), f"{row['label']}{' *' if row['selected'] else ''}") for row in rows]


def test_courses_that_go_on_are_offered_by_name(page: Any, owner: Any, stranger: Any) -> None:
    logic = CourseFactory(owner=owner, name="Logic", nickname="<b>Logic</b>")
    algebra = CourseFactory(owner=owner, name="Algebra")
    CourseFactory(owner=owner, name="Over", ends_at=timezone.now() - timedelta(days=1))
    CourseFactory(owner=owner, name="Hidden", is_hidden=True)
    CourseFactory(owner=owner, name="Twin", same_as=logic)
    CourseFactory(owner=stranger, name="Foreign")

    offered = [("", "No course *"), (str(algebra.pk), "Algebra"), (str(logic.pk), "<b>Logic</b>")]
    assert options(page, "/planner/tasks/new/", "course") == offered
    assert "<b>Logic" not in page.get("/planner/tasks/new/").content.decode()


def test_an_event_of_a_course_that_is_over_keeps_it_when_it_is_changed(page: Any, owner: Any) -> None:
    over = CourseFactory(owner=owner, name="Over", ends_at=timezone.now() - timedelta(days=1))
    event = CalendarEventFactory(owner=owner, course=over, source=None)
    address = f"/calendar/events/{event.pk}/edit/"
    assert (str(over.pk), "Over *") in options(page, address, "course")

    form = page.get(address).context["form"]
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    sent |= {"title": "Retake", "starts_at": "2030-01-07T10:00", "ends_at": "2030-01-07T11:00"}
    assert page.post(address, sent).status_code == 302
    event.refresh_from_db()
    assert (event.title, event.course) == ("Retake", over)


def test_an_assignment_beyond_the_list_is_offered_where_a_page_names_it(
    page: Any, owner: Any, monkeypatch: Any
) -> None:
    course = CourseFactory(owner=owner, name="Logic")
    now = timezone.now()
    first, second, third = (
        AssignmentFactory(course=course, owner=owner, name=f"Sheet {day}", due_at=now + timedelta(days=day))
        for day in (1, 2, 3)
    )
    monkeypatch.setattr(choices, "MOST_ASSIGNMENTS", 2)
    monkeypatch.setattr(choices._ASSIGNMENTS, "statements", {})

    nearest = [(str(first.pk), "Sheet 1 · Logic"), (str(second.pk), "Sheet 2 · Logic")]
    assert options(page, "/planner/tasks/new/", "assignment") == [("", "None *"), *nearest]
    named = options(page, f"/planner/tasks/new/?assignment={third.pk}", "assignment")
    assert named == [("", "None"), (str(third.pk), "Sheet 3 · Logic *"), nearest[0]]

    answer = page.post("/planner/tasks/new/", {"title": "Begin", "assignment": third.pk, "course": course.pk})
    assert answer.status_code == 302
    assert OwnTask.objects.get(title="Begin").assignment == third


@pytest.mark.parametrize("number", ["0", "-1", "nan", "9" * 30, "١", "1 or 1=1"])
def test_what_is_no_choice_is_said_at_the_field(page: Any, owner: Any, number: str) -> None:
    CourseFactory(owner=owner)
    page.get(f"/planner/tasks/new/?course={number}&assignment={number}")
    answer = page.post("/planner/tasks/new/", {"title": "Begin", "course": number, "assignment": number})
    assert answer.status_code == 422
    assert {"course", "assignment"} <= set(answer.context["form"].errors)
    assert answer.context["form"]["title"].value() == "Begin"


def test_anothers_course_and_assignment_cannot_be_chosen(page: Any, owner: Any, stranger: Any) -> None:
    foreign = AssignmentFactory(course=CourseFactory(owner=stranger), owner=stranger)
    task = OwnTaskFactory(owner=owner, title="Begin")
    sent = {"title": "Stolen", "course": foreign.course_id, "assignment": foreign.pk}
    assert page.post(f"/planner/tasks/{task.pk}/edit/", sent).status_code == 422
    task.refresh_from_db()
    assert (task.title, task.course, task.assignment) == ("Begin", None, None)
    assert not CalendarEvent.objects.exists()
    assert str(foreign.pk) not in [
        pk for pk, _ in options(page, f"/planner/tasks/new/?assignment={foreign.pk}", "assignment")
    ]
