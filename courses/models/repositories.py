"""In which repositories a student works on an assignment. The vault knows no assignments; the link is theirs."""

from __future__ import annotations

from django.db import models

from courses.models.assignments import Assignment
from courses.querysets import AssignmentRepositoryQuerySet
from resources.models import Repository


class AssignmentRepository(models.Model):
    """A repository in which the work on an assignment is done; an assignment may have several, and share them."""

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="repository_links")
    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="assignment_links")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AssignmentRepositoryQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "repository"], name="repository_is_linked_once_to_an_assignment"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.repository} for {self.assignment}"
