"""The base of every queryset of things that belong to a student."""

from typing import Any, Self

from django.db import models


class OwnedQuerySet(models.QuerySet):
    """Rows with an `owner`. Every door reaches them through `visible_to` or `editable_by`."""

    def visible_to(self, user: Any) -> Self:
        """Keep what this person may see."""
        return self.filter(owner_id=user.pk) if user.pk else self.none()

    def editable_by(self, user: Any) -> Self:
        """Keep what this person may change."""
        return self.visible_to(user)
