"""When a student was last at the dashboard: what "since your last visit" counts from."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

# Looking again within this time is the same visit: what is new in it stays new.
VISIT_LASTS = timedelta(minutes=30)


class DashboardVisit(models.Model):
    """One row a student. `seen_at` is the last look; `since` is the end of the visit before the one that goes on."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="dashboard_visit")
    seen_at = models.DateTimeField()
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"last seen {self.seen_at}"

    def news_since(self, now: datetime) -> datetime:
        """From when on things are new to someone who looks now."""
        return self.seen_at if now - self.seen_at > VISIT_LASTS else self.since
