"""What was written about a piece of work that was handed in."""

from __future__ import annotations

from django.db import models

from courses.models.assignments import Assignment
from courses.querysets import SubmissionCommentQuerySet


class SubmissionComment(models.Model):
    """One comment on the student's own submission, as its source has it."""

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="comments")
    external_id = models.CharField(max_length=200)
    author = models.CharField(max_length=255, blank=True, default="")
    text = models.TextField()
    written_at = models.DateTimeField(null=True, blank=True)

    objects = SubmissionCommentQuerySet.as_manager()

    class Meta:
        ordering = ["written_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["assignment", "external_id"], name="submission_comment_is_one_per_id"),
        ]

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:60]}"
