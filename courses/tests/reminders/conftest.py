"""A student with one course, whose reminders are in step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from courses.models import Assignment, Course
from courses.reminders import own, work
from courses.tests.factories import NOW, AssignmentFactory, CourseFactory
from courses.tests.factories_reminders import ReminderSettingsFactory


@pytest.fixture(autouse=True)
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is open or past as of the moment that the tests are about."""

    class Clock:
        @staticmethod
        def now() -> Any:
            return NOW

    monkeypatch.setattr(work, "timezone", Clock)
    monkeypatch.setattr(own, "timezone", Clock)


@pytest.fixture
def course(owner: Any) -> Course:
    ReminderSettingsFactory(owner=owner)
    return CourseFactory(owner=owner, name="Operating Systems")


@pytest.fixture
def make_work(course: Course) -> Callable[..., Assignment]:
    def make(**fields: Any) -> Assignment:
        return AssignmentFactory(course=course, **fields)

    return make
