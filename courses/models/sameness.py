"""What the student said about two things being one: stronger than any rule, and remembered over every sync."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from coreengine.kernel.querysets import OwnedQuerySet


class SamenessChoice(models.Model):
    """The student's word on one pair: "these are the same" or "these are two things".

    `first` and `second` are ids of rows of one kind, the smaller first. They are no foreign keys, because one table
    serves all kinds; rows of sources are never deleted, and a choice about a row that is gone matches nothing.
    """

    class Kind(models.TextChoices):
        ASSIGNMENT = "assignment", "Assignment"
        COURSE = "course", "Course"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sameness_choices")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    first = models.BigIntegerField()
    second = models.BigIntegerField()
    is_same = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "first", "second"], name="sameness_choice_is_one_per_pair"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="sameness_choice_is_in_order"),
        ]
        indexes = [models.Index(fields=["owner", "kind"], name="sameness_choice_by_owner")]

    def __str__(self) -> str:
        return f"{self.kind} {self.first} {'is' if self.is_same else 'is not'} {self.second}"
