"""The reads of own tasks, as words that can be chained."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from coreengine.kernel.querysets import OwnedQuerySet

if TYPE_CHECKING:
    from coreengine.accounts.models import User

TAG_FIELDS = ("name", "nickname", "hue", "deleted_at")
ROW_FIELDS = [
    *("title", "owner_id", "parent_id", "due_on", "due_at", "estimate_minutes", "plan_position", "occurrence_on"),
    *("started_at", "done_at", "dismissed_at", "deleted_at", "series__rule"),
    *(f"course__{name}" for name in TAG_FIELDS),
    "assignment_id",
]


def _count_of(rows: Any) -> Coalesce:
    """How many rows of another query there are, as a column."""
    return Coalesce(Subquery(rows.values("parent").annotate(count=Count("pk")).values("count")), 0)


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

    def whole_of(self, user: User) -> Self:
        """The tasks that `visible_to` has, without their subtasks; nothing need be asked of a parent."""
        return super().visible_to(user).filter(deleted_at__isnull=True, parent__isnull=True)

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
        rows = self.select_related("course", "series").only(*ROW_FIELDS).with_subtask_counts()
        # Asked for the few rows that are shown, where a join would read all of a student's work.
        assignment = apps.get_model("courses", "Assignment").objects.order_by().filter(pk=OuterRef("assignment"))
        return rows.annotate(assignment_name=Subquery(assignment.values("name")))

    def with_subtask_counts(self) -> Self:
        own = self.model._default_manager.filter(parent=OuterRef("pk"), deleted_at__isnull=True).order_by()
        return self.annotate(
            subtask_count=_count_of(own), subtask_done_count=_count_of(own.filter(done_at__isnull=False))
        )

    def matching(self, words: str) -> Self:
        """Keep what the words find, the best first."""
        query = SearchQuery(words, search_type="websearch", config="english")
        found = self.filter(search_vector=query)
        return found.annotate(rank=SearchRank(F("search_vector"), query)).order_by("-rank", "-pk")
