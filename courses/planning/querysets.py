"""The reads of own tasks, as words that can be chained."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import Count, F, Q

from coreengine.kernel.querysets import OwnedQuerySet

if TYPE_CHECKING:
    from coreengine.accounts.models import User

TAG_FIELDS = ("name", "nickname", "hue", "deleted_at")
ROW_FIELDS = [
    *("title", "owner_id", "parent_id", "due_on", "due_at", "estimate_minutes", "plan_position", "occurrence_on"),
    *("started_at", "done_at", "dismissed_at", "deleted_at", "series__rule"),
    *(f"course__{name}" for name in TAG_FIELDS),
    "assignment__name",
]


class TaskSeriesQuerySet(OwnedQuerySet):
    pass


class OwnTaskQuerySet(OwnedQuerySet):
    def in_course(self, course: Any) -> Self:
        """What belongs to a course (or the course of this id), and to the same course from other sources."""
        return self.filter(Q(course=course) | Q(course__same_as=course))

    def visible_to(self, user: User) -> Self:
        """What is not deleted; a subtask goes with its task."""
        rows = super().visible_to(user).filter(deleted_at__isnull=True)
        return rows.filter(Q(parent__isnull=True) | Q(parent__deleted_at__isnull=True))

    def restorable_by(self, user: User) -> Self:
        """What the student deleted and can still have back."""
        return self.filter(owner_id=user.pk, deleted_at__isnull=False)

    def whole(self) -> Self:
        """Tasks, without their subtasks."""
        return self.filter(parent__isnull=True)

    def open(self) -> Self:
        """Neither ticked off nor dismissed."""
        return self.filter(done_at__isnull=True, dismissed_at__isnull=True)

    def due_between(self, start: datetime, end: datetime, zone: Any) -> Self:
        """Due from `start` (included) to `end` (excluded); days are those of the student's zone."""
        return self.due_within(start, end, start.astimezone(zone).date(), end.astimezone(zone).date())

    def due_within(self, start: datetime, end: datetime, first: date, last: date) -> Self:
        """Due between two moments, or on the days from `first` (included) to `last` (excluded)."""
        days = Q(due_on__gte=first, due_on__lt=last)
        return self.filter(Q(due_at__gte=start, due_at__lt=end) | days)

    def for_list(self) -> Self:
        """Read what a row needs, with how many subtasks there are and how many are done."""
        return self.select_related("course", "series", "assignment").only(*ROW_FIELDS).with_subtask_counts()

    def with_subtask_counts(self) -> Self:
        own = Q(subtasks__deleted_at__isnull=True)
        return self.annotate(
            subtask_count=Count("subtasks", filter=own),
            subtask_done_count=Count("subtasks", filter=own & Q(subtasks__done_at__isnull=False)),
        )

    def matching(self, words: str) -> Self:
        """Keep what the words find, the best first."""
        query = SearchQuery(words, search_type="websearch", config="english")
        found = self.filter(search_vector=query)
        return found.annotate(rank=SearchRank(F("search_vector"), query)).order_by("-rank", "-pk")
