"""Named choices of versions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from coreengine.accounts.models import User


class PluginVersionQuerySet(models.QuerySet):
    """Choices of versions of plugins."""

    def visible_to(self, user: User) -> Self:
        """Keep those that a person may look at: admins see all of them, students none."""
        return self.all() if user.is_staff else self.none()

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
