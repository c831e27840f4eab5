"""Which course has to be passed before another, as the student drew it: no source tells."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from courses.maps.querysets import CoursePrerequisiteQuerySet
from courses.models.courses import Course


class CoursePrerequisite(models.Model):
    """`course` needs `required`. Both are the owner's; circles are refused by `courses.maps.services`."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="needs")
    required = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="needed_by")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CoursePrerequisiteQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "required"],
                name="prerequisite_is_one_per_pair",
                violation_error_message="That is drawn already.",
            ),
            models.CheckConstraint(
                condition=~Q(course=F("required")),
                name="course_does_not_need_itself",
                violation_error_message="A course cannot need itself.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.course_id} needs {self.required_id}"
