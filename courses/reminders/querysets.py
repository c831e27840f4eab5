"""Choices of reminders, rules and signals."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db.models import Exists, OuterRef, Q

from coreengine.kernel.querysets import OwnedQuerySet


class ReminderQuerySet(OwnedQuerySet):
    def due(self, now: datetime) -> Self:
        """Those that are to be sent by now, the earliest first; one index serves."""
        return self.filter(state="scheduled", fire_at__lte=now).order_by("fire_at", "pk")

    def of(self, kind: str, pk: int) -> Self:
        """Those of one thing."""
        return self.filter(target_kind=kind, target_id=pk)

    def next_times(self) -> Self:
        """Of a thing that repeats, keep the next of its times for each rule."""
        same = {name: OuterRef(name) for name in ("owner", "target_kind", "target_id", "rule")}
        sooner = self.model._default_manager.filter(**same, state="scheduled", fire_at__lt=OuterRef("fire_at"))
        return self.exclude(~Q(target_key=""), Exists(sooner.exclude(target_key="")))

    def shown(self) -> Self:
        """Leave out what the student removed."""
        return self.exclude(state="dismissed")


class ReminderRuleQuerySet(OwnedQuerySet):
    def visible_to(self, user: object) -> Self:
        return super().visible_to(user).filter(course__deleted_at__isnull=True)


class DueSignalQuerySet(OwnedQuerySet):
    def due(self, now: datetime) -> Self:
        """Those that workflows are to be told by now, the earliest first."""
        return self.filter(fired_at=None, fire_at__lte=now).order_by("fire_at", "pk")
