"""The base of every queryset of things that belong to a student."""

from typing import Any, Self

from django.db import models


class OwnedQuerySet(models.QuerySet):
    """Rows with an `owner`. Every door reaches them through `visible_to` or `editable_by`."""

    def visible_to(self, user: Any) -> Self:
        """Keep what this person may see."""
        return self.filter(owner_id=user.pk) if user.pk else self.none()

    def as_count(self) -> Any:
        """Give one row with their number, or none where there are none: a count that a kept statement can ask."""
        return self.order_by().values("owner_id").annotate(count=models.Count("pk")).values_list("count")

    def editable_by(self, user: Any) -> Self:
        """Keep what this person may change."""
        return self.visible_to(user)
