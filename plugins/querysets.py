"""Named choices of connections and calls."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Self

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Count, Max, Q, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from coreengine.kernel.querysets import OwnedQuerySet


class ConnectionQuerySet(OwnedQuerySet):
    """Choices of connections."""

    def for_plugin(self, name: str) -> Self:
        """Keep those of one plugin, oldest first."""
        return self.filter(plugin=name).order_by("pk")

    def confirmed(self) -> Self:
        """Keep those that worked at least once."""
        return self.filter(confirmed_at__isnull=False)

    def with_call_count(self) -> Self:
        """Add `call_count`, how many actions were run."""
        return self.annotate(call_count=Count("action_calls"))


class ActionCallQuerySet(OwnedQuerySet):
    """Choices of actions that were run."""

    def unfinished(self) -> Self:
        """Keep those that wait or run."""
        return self.filter(finished_at__isnull=True)

    def older_than(self, moment: datetime) -> Self:
        """Keep those made before a moment."""
        return self.filter(created_at__lt=moment)


class GatewayCallQuerySet(OwnedQuerySet):
    """Choices of requests that left through the gateway, or would have."""

    def refused(self) -> Self:
        """Keep those that the host did not let leave."""
        return self.filter(is_refused=True)

    def on_day(self, day: date) -> Self:
        """Keep those of one day in the reader's time zone."""
        start = timezone.make_aware(datetime.combine(day, time.min))
        end = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        return self.filter(created_at__gte=start, created_at__lt=end)

    def older_than(self, moment: datetime) -> Self:
        """Keep those made before a moment."""
        return self.filter(created_at__lt=moment)

    def counted_by(self, *fields: str) -> Any:
        """Count by these fields: rows of numbers, what was refused first, then the most frequent; one query."""
        failed = Q(is_refused=False) & (~Q(error_code="") | Q(status__gte=400))
        return (
            self.order_by()
            .values(*fields)
            .annotate(
                count=Count("pk"),
                refused_count=Count("pk", filter=Q(is_refused=True)),
                failed_count=Count("pk", filter=failed),
                unchanged_count=Count("pk", filter=Q(is_from_cache=True)),
                received=Coalesce(Sum("bytes_received"), 0),
                sent=Coalesce(Sum("bytes_sent"), 0),
                reasons=StringAgg("error_code", delimiter=Value(" "), filter=~Q(error_code=""), distinct=True),
                last_at=Max("created_at"),
            )
            .order_by("-refused_count", "-count", *fields)
        )
