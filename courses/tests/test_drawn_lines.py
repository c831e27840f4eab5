"""Markup that is put together in Python: whatever a name says stays text, in attributes as well."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.models import OwnTask
from courses.tests.factories import AssignmentFactory, CourseFactory, ModuleFactory, ModuleItemFactory

pytestmark = pytest.mark.django_db
NASTY = """"><script>alert('x')</script>&amp;"""


@pytest.fixture
def course(owner: Any) -> Any:
    """A course in which everything has a nasty name; another, so that cards can be moved."""
    soon = timezone.now() + timedelta(days=1)
    course = CourseFactory(owner=owner, imported=True, name=NASTY, code=NASTY[:20])
    CourseFactory(owner=owner)
    work = AssignmentFactory(course=course, imported=True, name=NASTY, due_at=soon)
    module = ModuleFactory(course=course, name=NASTY)
    ModuleItemFactory(module=module, title=NASTY, kind="assignment", assignment=work)
    ModuleItemFactory(module=module, title=NASTY, kind="link", external_url="https://example.edu/?a=1&b=%22")
    ModuleItemFactory(module=module, title=NASTY, kind="subheader")
    OwnTask.objects.create(owner=owner, title=NASTY, course=course, due_at=soon)
    return course


PAGES = ["/planner/", "/planner/?view=board", "/planner/?view=week", "/courses/", "/assignments/"]
PARTS = ["", "?part=assignments", "?part=modules", "map/"]


@pytest.mark.parametrize("path", [*PAGES, *(f"course/{part}" for part in PARTS)])
def test_a_name_is_never_markup(page: Any, course: Any, path: str) -> None:
    if path.startswith("course/"):
        path = reverse("courses:detail", args=[course.pk]) + path.removeprefix("course/")

    text = page.get(path).content.decode()

    assert "<script>alert" not in text
    assert "&quot;&gt;&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;amp;" in text
