"""The courses in the sidebar of every page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Course

SHOWN = 14


class SidebarCourse(Protocol):
    """What the sidebar needs of a course."""

    @property
    def pk(self) -> int: ...

    @property
    def title(self) -> str: ...

    @property
    def hue(self) -> int: ...

    @property
    def position(self) -> int | None: ...

    def get_absolute_url(self) -> str: ...


def sidebar_courses(request: HttpRequest) -> list[SidebarCourse]:
    """The first courses that go on, one more than are shown; in one query a request at most."""
    if not hasattr(request, "courses_sidebar"):
        request.courses_sidebar = _SIDEBAR.objects(owner=request.user.pk, now=timezone.now())  # type: ignore
    return request.courses_sidebar  # type: ignore


def show_in_sidebar(request: HttpRequest, courses: Iterable[SidebarCourse]) -> None:
    """Spare the sidebar its query: these are all courses that are active, in the order of their names."""
    in_own_order = sorted(courses, key=lambda course: (course.position is None, course.position or 0))
    request.courses_sidebar = in_own_order[: SHOWN + 1]  # type: ignore[attr-defined]


def _sidebar(owner: int, now: datetime) -> QuerySet[Course]:
    own = Course.objects.visible_to(owner_with(owner)).active(now).in_own_order()
    return own.only("pk", "name", "nickname", "hue", "position")[: SHOWN + 1]


_SIDEBAR = KeptQuery(_sidebar, owner=int, now=datetime)
