"""The list of assignments, as it stands before anything is looked for: most visits see only this."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from coreengine.accounts.models import User
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


class FirstPages:
    """The whole list for a paginator; the number of its rows and its first page come from kept statements."""

    def __init__(self, owner: User, now: datetime, course: int | None, size: int) -> None:
        self.owner, self.now, self.course, self.size = owner, now, course, size

    def count(self) -> int:
        now = self.now if self.course is None else None  # a course has all of its work, whatever the time
        return _COUNT.total(owner=self.owner.pk, now=now, course=self.course)

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, span: slice) -> list[Assignment]:
        if span.start == 0 and span.stop <= self.size:
            found: list[Assignment] = _FIRST.objects(
                owner=self.owner.pk, now=self.now, course=self.course, size=self.size
            )
            return found[: span.stop]
        return list(in_rows(listed(self.owner, self.now, self.course), self.now)[span])


_FIRST = KeptQuery(
    lambda owner, now, course, size: in_rows(listed(owner_with(owner), now, course), now)[:size],
    owner=int,
    now=datetime,
    course=int,
)
_COUNT = KeptQuery(
    lambda owner, now, course: listed(owner_with(owner), now, course).as_count(), owner=int, now=datetime, course=int
)
