"""What has been imported, from where, and when: the baseline of "changed since"."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from courses.models.courses import Course
from courses.querysets import SourceImportQuerySet


class SourceImport(models.Model):
    """The latest import of one kind from one source; of one course, where the kind is imported course by course.

    The first import of a kind is a baseline: everything in it is new to us and nothing in it is news. A row here
    says that the baseline has been taken, also where the source had nothing to give that day.
    """

    class Kind(models.TextChoices):
        COURSES = "courses", "Courses"
        ASSIGNMENTS = "assignments", "Assignments"
        ANNOUNCEMENTS = "announcements", "Announcements"
        FILES = "files", "Files"
        MODULES = "modules", "Modules"
        PLANNER = "planner", "Planner"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="source_imports")
    source = models.CharField(max_length=100)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    course = models.ForeignKey(Course, on_delete=models.CASCADE, null=True, blank=True, related_name="imports")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    counts = models.JSONField(default=dict)
    takes_marks = models.BooleanField(default=False)
    """Of the planner: whether the source can be told what the student marked as done here."""

    objects = SourceImportQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "source", "kind", "course"],
                nulls_distinct=False,
                name="source_import_is_one_per_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} from {self.source}"
