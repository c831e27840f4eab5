"""The list of assignments: its kept first page is the list that the filter gives, page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from courses import views
from courses.tests.factories import AssignmentFactory, CourseFactory, SubmissionFactory

pytestmark = pytest.mark.django_db
ALL = {"due_after": "1900-01-01T00:00:00Z"}
"""A filter that keeps all that is dated."""


def names(browser: Any, address: str, **asked: str) -> tuple[list[str], int]:
    found = browser.get(address, asked).context
    return [row.name for row in found["rows"]], found["page"].paginator.count


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_it_is_what_the_filter_gives(page: Any, owner: Any, stranger: Any, monkeypatch: Any, count: int) -> None:
    monkeypatch.setattr(views, "ROWS", 3)
    now = timezone.now()
    course, over = CourseFactory(owner=owner), CourseFactory(owner=owner, ends_at=now - timedelta(days=1))
    for number in range(count):
        due_at = now + timedelta(days=number - 2)
        work = AssignmentFactory(course=course, owner=owner, name=f"Sheet {number}", due_at=due_at)
        if number % 2:
            SubmissionFactory(assignment=work, score=1)
        AssignmentFactory(course=over, owner=owner, name=f"Old {number}", due_at=due_at)
        AssignmentFactory(course=course, owner=owner, name="Away", due_at=due_at, put_away_at=now, missing_since=now)
    AssignmentFactory(course=CourseFactory(owner=stranger), owner=stranger, due_at=now)

    everywhere = reverse("courses:assignments")
    for address in (everywhere, *(reverse("courses:course-assignments", args=[each.pk]) for each in (course, over))):
        for number in ("1", "2", "3", "99", "0", "cake", "9" * 30):
            assert names(page, address, page=number) == names(page, address, page=number, **ALL), (address, number)
    assert names(page, everywhere) == ([f"Sheet {number}" for number in range(min(count, 3))], count)


def test_the_work_of_a_course_that_is_over_is_found_when_it_is_asked_for(page: Any, owner: Any) -> None:
    over = CourseFactory(owner=owner, ends_at=timezone.now() - timedelta(days=1))
    AssignmentFactory(course=over, owner=owner, name="Old")
    assert names(page, reverse("courses:assignments"), course=str(over.pk)) == (["Old"], 1)
    assert names(page, reverse("courses:assignments"), course="") == ([], 0)
