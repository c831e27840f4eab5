"""The list of assignments, as it stands before anything is looked for: most visits see only this."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from coreengine.accounts.models import User
from coreengine.database.kept_pages import KeptPages
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment


def listed(owner: Any, now: datetime | None, course: int | None) -> Any:
    """What lists show of all courses that go on, or of a course (by id) whatever its state."""
    rows = Assignment.objects.visible_to(owner).in_sight()
    return rows.in_active_courses(now) if course is None else rows.in_course(course)


def in_rows(assignments: Any, now: datetime) -> QuerySet[Assignment]:
    """Read of them what their lines need, the soonest due first."""
    rows: QuerySet[Assignment] = assignments.with_work_state(now).for_list().by_due_date()
    return rows


def all_of(owner: User, now: datetime, course: int | None, size: int) -> KeptPages:
    """The whole list, to be shown in pages of so many."""
    # A course has all of its work, whatever the time.
    counted_at = now if course is None else None
    return KeptPages(
        size,
        total=lambda: _COUNT.total(owner=owner.pk, now=counted_at, course=course),
        first=lambda size: _FIRST.objects(owner=owner.pk, now=now, course=course, size=size),
        rest=lambda: in_rows(listed(owner, now, course), now),
    )


_FIRST = KeptQuery(
    lambda owner, now, course, size: in_rows(listed(owner_with(owner), now, course), now)[:size],
    owner=int,
    now=datetime,
    course=int,
)
_COUNT = KeptQuery(
    lambda owner, now, course: listed(owner_with(owner), now, course).as_count(), owner=int, now=datetime, course=int
)
