"""Named choices of connections and calls."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db.models import Count

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
    """Choices of requests that left through the gateway."""
