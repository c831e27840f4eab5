"""Rows as the rules of sameness look at them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from coreengine.accounts.models import User
from courses.models import Assignment, Course
from courses.sameness.rules import (
    BY_HAND,
    FULL,
    PARTIAL,
    CourseThing,
    Thing,
    address_key,
    compact,
    host_of,
    plain,
)

NOT_REPORTED = ["not_reported"]


def roots_of(owner: User, courses: Iterable[int]) -> set[int]:
    """The courses that are shown for these."""
    rows = Course.objects.filter(owner=owner, pk__in=set(courses)).values_list("pk", "same_as_id")
    return {same_as or pk for pk, same_as in rows}


def course_things(courses: Iterable[Course]) -> list[CourseThing]:
    return [
        CourseThing(
            pk=course.pk,
            source=course.source,
            external_id=course.external_id,
            host=host_of(course.html_url),
            keys=_keys(course, course.html_url),
            code=compact(course.code),
            name=plain(course.name),
            term=plain(course.term.name) if course.term else "",
            rank=_course_rank(course),
            is_gone=course.missing_since is not None,
        )
        for course in courses
    ]


def work_things(rows: Iterable[Assignment]) -> list[Thing]:
    """Assignments with their course joined."""
    return [
        Thing(
            pk=row.pk,
            source=row.source,
            external_id=row.external_id,
            keys=_keys(row, row.html_url),
            place=row.course.same_as_id or row.course_id,
            title=plain(row.name),
            moment=row.due_at,
            rank=BY_HAND if row.is_by_hand else PARTIAL if row.submission_types == NOT_REPORTED else FULL,
            is_gone=row.missing_since is not None,
        )
        for row in rows
    ]


def dated_things(rows: Iterable[Any]) -> list[Thing]:
    """Events of planners, or announcements. Their web address is no key: many lead to one page."""
    return [
        Thing(
            pk=row.pk,
            source=row.source,
            external_id=row.external_id,
            keys=((host, row.external_id),) if (host := host_of(row.html_url)) else (),
            place=row.course_id and (row.course.same_as_id or row.course_id),
            title=plain(row.title),
            moment=row.posted_at if hasattr(row, "posted_at") else row.starts_at,
            is_gone=getattr(row, "missing_since", None) is not None,
        )
        for row in rows
    ]


def _keys(row: Any, address: str) -> tuple[Any, ...]:
    if not address:
        return ()
    return (address_key(address), (host_of(address), row.external_id))


def _course_rank(course: Course) -> int:
    """A calendar knows a course by its code only: no term, no teachers, no dates, no zone."""
    if course.is_by_hand:
        return BY_HAND
    tells = course.term_id or course.teachers or course.time_zone or course.syllabus_html or course.starts_at
    return FULL if tells else PARTIAL
