"""The tabs of a course's page. Every part registers one; an app with a page of its own about a course as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.typing import Request
from courses.models import Course
from courses.moments import Clock

Context = Callable[[Request, Course, Clock], dict[str, Any]]
Rows = Callable[[Any], QuerySet]
OVERVIEW = "overview"


@dataclass(frozen=True)
class CourseTab:
    """One tab: a part of the course's page (`template` and `context`), or a page of its own (`url_name`).

    `rows(user)` are what the tab counts; they need a column `course_id`, or the one that `course_field` names.
    """

    key: str
    label: str
    icon: str
    order: int
    template: str = ""
    context: Context | None = None
    url_name: str = ""
    rows: Rows | None = None
    course_field: str = "course_id"


@dataclass(frozen=True)
class TabLink:
    """A tab as it is drawn."""

    key: str
    label: str
    icon: str
    url: str
    count: int
    is_current: bool
    is_part: bool


_tabs: dict[str, CourseTab] = {}


def register_tab(tab: CourseTab) -> None:
    """Add a tab to the page of every course."""
    _tabs[tab.key] = tab


def tabs() -> list[CourseTab]:
    """List the tabs in order."""
    return sorted(_tabs.values(), key=lambda tab: tab.order)


def part_of(key: str) -> CourseTab:
    """The part of this name; the overview where there is none."""
    found = _tabs.get(key)
    return found if found is not None and found.template else _tabs[OVERVIEW]


def with_counts(courses: QuerySet[Course], user: Any) -> QuerySet[Course]:
    """Annotate what the tabs count, so that reading the course and all counts are one query.

    What the same course has from other sources counts too.
    """
    here = OuterRef(OuterRef("pk"))
    same = Course.objects.filter(Q(pk=here) | Q(same_as=here)).values("pk")
    counts = {}
    for tab in tabs():
        if tab.rows is not None:
            rows = tab.rows(user).filter(**{f"{tab.course_field}__in": same}).order_by()
            # A function, not an aggregate: nothing is grouped, and nothing but the count is left of the rows.
            count = Func(F("pk"), function="COUNT", template="%(function)s(DISTINCT %(expressions)s)")
            found = rows.annotate(tab_count=count).values("tab_count")
            counts[f"{tab.key}_count"] = Subquery(found, output_field=IntegerField())
    return courses.annotate(**counts)


def read_course(user: Any, pk: int) -> Course | None:
    """One of the student's courses with what its tabs count and whether it `has_twins`. One query."""
    found: list[Course] = _COURSE.objects(owner=user.pk, course=pk)
    return found[0] if found else None


def _course(owner: int, course: int) -> QuerySet[Course]:
    own = Course.objects.visible_to(owner_with(owner)).select_related("term").defer("search_vector")
    return with_counts(own.with_twins(), owner_with(owner)).filter(pk=course)


_COURSE = KeptQuery(_course, owner=int, course=int)


def tab_links(course: Course, current: str) -> list[TabLink]:
    """The tabs of a course that `with_counts` read (without it, they show no counts)."""
    base = course.get_absolute_url()
    found = []
    for tab in tabs():
        query = "" if tab.key == OVERVIEW else f"?part={tab.key}"
        found.append(
            TabLink(
                key=tab.key,
                label=tab.label,
                icon=tab.icon,
                url=reverse(tab.url_name, args=[course.pk]) if tab.url_name else f"{base}{query}",
                count=getattr(course, f"{tab.key}_count", 0),
                is_current=tab.key == current,
                is_part=not tab.url_name,
            )
        )
    return found
