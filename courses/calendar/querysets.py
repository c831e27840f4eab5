"""The reads of the calendar's rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Q

from coreengine.kernel.querysets import OwnedQuerySet
from courses.querysets import MatchingQuerySet

if TYPE_CHECKING:
    from coreengine.accounts.models import User

DRAFTS_KEPT_FOR = timedelta(days=1)
# Whole days are kept as days of UTC; in some zone they begin or end this much earlier or later.
WIDEST_OFFSET = timedelta(hours=14)


def widened(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """A span with room for whole days of any zone."""
    return start - WIDEST_OFFSET, end + WIDEST_OFFSET


class CalendarSourceQuerySet(OwnedQuerySet):
    def visible_to(self, user: Any) -> Self:
        return super().visible_to(user).filter(deleted_at__isnull=True)

    def restorable_by(self, user: User) -> Self:
        """What the student removed and can still have back."""
        return self.filter(owner_id=user.pk, deleted_at__isnull=False)

    def accepted(self) -> Self:
        """Without files that still wait for the student's yes."""
        return self.exclude(state="draft")

    def due(self, now: datetime) -> Self:
        """To be read now: its time has come, and nobody removed it."""
        return self.filter(next_at__lte=now, deleted_at__isnull=True)

    def forgotten_drafts(self, now: datetime) -> Self:
        """Files that nobody said yes or no to."""
        return self.filter(state="draft", created_at__lt=now - DRAFTS_KEPT_FOR)


class CalendarEventQuerySet(MatchingQuerySet):
    def visible_to(self, user: Any) -> Self:
        return (
            super()
            .visible_to(user)
            .filter(Q(source__isnull=True) | Q(source__deleted_at__isnull=True), deleted_at__isnull=True)
        )

    def restorable_by(self, user: User) -> Self:
        """What the student deleted and can still have back."""
        return self.filter(owner_id=user.pk, deleted_at__isnull=False)

    def in_course(self, course: Any) -> Self:
        """What belongs to a course, from whatever source: by itself, or by the calendar that is followed for it."""
        same = Q(course=course) | Q(course__same_as=course)
        return self.filter(same | Q(source__course=course) | Q(source__course__same_as=course))

    def by_hand(self) -> Self:
        return self.filter(source__isnull=True)

    def present(self) -> Self:
        """Still in its calendar (or made by hand)."""
        return self.filter(missing_since__isnull=True)

    def repeating(self) -> Self:
        """With more times than one: by a rule, by dates beside it, or as a change of all that follow."""
        return self.exclude(rrule="", rdates=[], is_onwards=False)

    def repeating_beyond(self, moment: datetime) -> Self:
        """Repeats that are written down until earlier than this."""
        return self.filter(expanded_until__lt=moment, deleted_at__isnull=True)


class CalendarOccurrenceQuerySet(OwnedQuerySet):
    def visible_to(self, user: Any) -> Self:
        of_a_source = Q(event__source__isnull=True) | Q(event__source__deleted_at__isnull=True)
        shown = super().visible_to(user).filter(of_a_source)
        return shown.filter(event__deleted_at__isnull=True, event__missing_since__isnull=True)

    def overlapping(self, start: datetime, end: datetime) -> Self:
        """What begins before `end` and does not end before `start`, as it is stored: `widened` finds whole days too."""
        return self.filter(starts_at__lt=end, ends_at__gte=start)


class CalendarFeedQuerySet(OwnedQuerySet):
    def usable(self) -> Self:
        """Those whose address still opens."""
        return self.filter(revoked_at__isnull=True, owner__is_active=True).filter(
            Q(course__isnull=True) | Q(course__deleted_at__isnull=True)
        )
