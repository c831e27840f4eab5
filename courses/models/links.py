"""Which things of the vault belong to which course. The vault knows no courses; the link is theirs."""

from __future__ import annotations

from django.db import models

from courses.models.courses import Course
from courses.querysets import CourseResourceQuerySet
from resources.models import Resource


class CourseResource(models.Model):
    """A file, note or link attached to a course, by hand or by an import (`folder` is the source's then)."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="resource_links")
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="course_links")
    folder = models.CharField(max_length=1000, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CourseResourceQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["course", "resource"], name="resource_is_attached_once_to_a_course"),
        ]

    def __str__(self) -> str:
        return f"{self.resource} in {self.course}"
