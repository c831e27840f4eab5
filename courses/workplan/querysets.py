"""The reads of plans, as words that can be chained."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db.models import Q

from coreengine.kernel.querysets import OwnedQuerySet


class PlanProposalQuerySet(OwnedQuerySet):
    def open(self) -> Self:
        """Being worked out, or waiting for the student's word."""
        return self.filter(state__in=["pending", "proposed"])


class WorkBlockQuerySet(OwnedQuerySet):
    def visible_to(self, user) -> Self:
        """What the student has planned or may still accept; what was removed or fell with its proposal is gone."""
        fallen = Q(state="proposed") & ~Q(proposal__state="proposed")
        return super().visible_to(user).filter(removed_at__isnull=True).exclude(fallen)

    def restorable_by(self, user) -> Self:
        """What the student removed and can still have back."""
        return self.filter(owner_id=user.pk, removed_at__isnull=False)

    def settled(self) -> Self:
        """Accepted by the student: planned, done or skipped."""
        return self.exclude(state="proposed")

    def taking_time(self) -> Self:
        """Planned or worked: what no other block may lie upon."""
        return self.filter(state__in=["planned", "done"])

    def between(self, start: datetime, end: datetime) -> Self:
        """Those that touch the span."""
        return self.filter(starts_at__lt=end, ends_at__gt=start)

    def of_work(self, kind: str, work_id: int) -> Self:
        return self.filter(kind=kind, work_id=work_id)

    def in_order(self) -> Self:
        return self.order_by("starts_at", "pk")
