"""Named reads of runs and budgets."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Count, Q, Sum

from coreengine.kernel.querysets import OwnedQuerySet
from coreengine.kernel.statuses import Status


class AgentRunQuerySet(OwnedQuerySet):
    def unfinished(self) -> Self:
        return self.filter(status__in=[Status.PENDING, Status.RUNNING])

    def silent_since(self, moment: datetime) -> Self:
        """Runs under way whose worker has not been heard of since `moment`."""
        return self.filter(status=Status.RUNNING, heartbeat_at__lt=moment)

    def newest(self) -> Self:
        return self.order_by("-created_at", "-pk")

    def for_lists(self) -> Self:
        """Leave out the long columns that no list shows."""
        return self.defer("content", "data", "context", "parameters", "metadata")

    def totals(self) -> dict[str, int]:
        """Count, tokens and cost of these runs."""
        found = self.aggregate(
            count=Count("pk"),
            failed=Count("pk", filter=Q(status=Status.FAILED)),
            input_tokens=Sum("input_tokens", default=0),
            output_tokens=Sum("output_tokens", default=0),
            cost_usd_micros=Sum("cost_usd_micros", default=0),
        )
        return {name: int(value) for name, value in found.items()}


class BudgetQuerySet(OwnedQuerySet):
    pass


class ReservationQuerySet(models.QuerySet):
    def held(self) -> Self:
        return self.filter(state="held")
