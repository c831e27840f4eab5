"""What workflows can look up in a student's courses."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from coreengine.kernel.actions import ActionContext, get_action, run_action
from courses.models import Announcement
from courses.tests.factories import AssignmentFactory, CourseFactory, SubmissionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Any:
    return UserFactory()


def asked(owner: Any, action: str, **params: Any) -> dict[str, Any]:
    return run_action(action, ActionContext(owner=owner, actor=owner), params)


def in_hours(hours: float) -> Any:
    return timezone.now() + timedelta(hours=hours)


class TestDue:
    def test_what_is_due_comes_soonest_first_and_in_words(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, name="Databases")
        AssignmentFactory(course=course, name="Later", due_at=in_hours(40))
        AssignmentFactory(course=course, name="Soon", due_at=in_hours(5))
        AssignmentFactory(course=course, name="Far", due_at=in_hours(100))

        found = asked(owner, "assignments.due", within_hours=48)

        assert [row["name"] for row in found["assignments"]] == ["Soon", "Later"]
        assert found["count"] == 2
        assert re.match(r"- \*\*Soon\*\* \(Databases\), due (today|tomorrow) at \d\d:\d\d\n", found["text"])

    def test_what_is_handed_in_or_another_students_is_not_due(self, owner: Any) -> None:
        course = CourseFactory(owner=owner)
        done = AssignmentFactory(course=course, due_at=in_hours(5))
        SubmissionFactory(assignment=done, state="submitted", submitted_at=timezone.now())
        AssignmentFactory(due_at=in_hours(5))

        assert asked(owner, "assignments.due")["count"] == 0

    def test_overdue_work_is_told_only_when_asked_for(self, owner: Any) -> None:
        AssignmentFactory(course=CourseFactory(owner=owner), name="Old", due_at=in_hours(-30))

        assert asked(owner, "assignments.due")["count"] == 0
        found = asked(owner, "assignments.due", include_overdue=True)
        assert found["assignments"][0]["is_overdue"] and "overdue since" in found["text"]

    def test_a_name_cannot_break_the_list(self, owner: Any) -> None:
        AssignmentFactory(course=CourseFactory(owner=owner), name="A\n- **B** [x](http://y)", due_at=in_hours(5))

        assert asked(owner, "assignments.due")["text"].startswith("- **A - B (x)(http://y)** (")

    def test_nonsense_is_refused(self, owner: Any) -> None:
        with pytest.raises(ValidationError):
            asked(owner, "assignments.due", within_hours=0)


def test_announcements_come_newest_first_as_plain_text(owner: Any) -> None:
    course = CourseFactory(owner=owner, imported=True)
    for number, hours in enumerate((30, 2, 1)):
        Announcement.objects.create(
            owner=owner,
            course=course,
            source=course.source,
            external_id=str(number),
            title=f"News {number}",
            message_html="<p>Read <b>this</b></p>",
            posted_at=in_hours(-hours),
        )

    found = asked(owner, "announcements.recent", within_hours=24)

    assert [row["title"] for row in found["announcements"]] == ["News 2", "News 1"]
    assert found["announcements"][0]["text"] == "Read this"
    assert asked(UserFactory(), "announcements.recent")["count"] == 0


def test_courses_say_where_they_came_from(owner: Any) -> None:
    CourseFactory(owner=owner, name="Algebra", imported=True)
    CourseFactory()

    found = asked(owner, "courses.list")

    assert found["count"] == 1
    assert found["courses"][0]["source"] == "connection:1" and found["courses"][0]["external_id"]


@pytest.mark.parametrize("name", ["courses.list", "assignments.due", "announcements.recent"])
def test_looking_changes_nothing(name: str) -> None:
    assert get_action(name).writes is False
