"""The reads of prerequisites."""

from __future__ import annotations

from typing import Self

from coreengine.kernel.querysets import OwnedQuerySet


class CoursePrerequisiteQuerySet(OwnedQuerySet):
    def visible_to(self, user) -> Self:
        """Between courses that are there."""
        own = super().visible_to(user)
        return own.filter(course__deleted_at__isnull=True, required__deleted_at__isnull=True)
