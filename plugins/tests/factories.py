"""Rows for tests."""

from __future__ import annotations

from typing import Any

import factory
from django.utils import timezone

from plugins.models import Connection


class ConnectionFactory(factory.django.DjangoModelFactory):
    """A connection to the demo university that works."""

    class Meta:
        model = Connection

    plugin = "canvas-integration"
    label = factory.Sequence(lambda number: f"Canvas {number}")
    configuration = factory.LazyFunction(
        lambda: {"canvas_domain": "demo.university.edu", "sync_frequency": "daily", "include_concluded": False}
    )
    credential = factory.LazyFunction(lambda: {"token": "a-token-for-tests"})
    health = Connection.Health.HEALTHY
    confirmed_at = factory.LazyFunction(timezone.now)

    @classmethod
    def for_university(cls, university: Any, **fields: Any) -> Connection:
        """Make one whose token the running university accepts."""
        return cls(credential={"token": university.token}, **fields)
