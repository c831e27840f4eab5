"""Named choices of versions."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models


class PluginVersionQuerySet(models.QuerySet):
    """Choices of versions of plugins."""

    def installed(self) -> Self:
        """Keep those that an admin consented to, newest first."""
        return self.filter(installed_at__isnull=False).order_by("-installed_at", "-pk")

    def proposed(self) -> Self:
        """Keep those that wait for consent."""
        return self.filter(installed_at__isnull=True)

    def of(self, name: str) -> Self:
        """Keep those of one plugin."""
        return self.filter(name=name)

    def waiting_since_before(self, moment: datetime) -> Self:
        """Keep the installed ones whose image nobody has touched since."""
        states = ["waiting", "building"]
        return self.installed().filter(image_state__in=states, image_changed_at__lt=moment)
