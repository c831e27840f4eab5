"""What a student decides of a thing in the planner, whatever the thing is."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

LONGEST_ESTIMATE = 6_000
"""Minutes: a hundred hours; more is a project, which has subtasks."""


class Planned(models.Model):
    """The student's own word on something in the planner; no import touches it, but for marks made at the source.

    `dismissed_at` is not done: it is put out of sight. `plan_position` orders what was dragged; null follows by date.
    """

    estimate_minutes = models.PositiveIntegerField(
        "estimate in minutes",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_ESTIMATE)],
    )
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    done_at = models.DateTimeField(null=True, blank=True, editable=False)
    dismissed_at = models.DateTimeField(null=True, blank=True, editable=False)
    plan_position = models.PositiveIntegerField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_settled(self) -> bool:
        """Ticked off or dismissed: nothing is to be done about it."""
        return self.done_at is not None or self.dismissed_at is not None
