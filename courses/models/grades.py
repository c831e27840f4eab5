"""What a student adds to the grades of a course: a scale, credits, and what-if scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from coreengine.kernel.querysets import OwnedQuerySet
from courses.models.courses import Course

if TYPE_CHECKING:
    from courses.grading.scales import Scale


class CourseGrading(models.Model):
    """The student's own rules for one course. Without a row the common scale applies and each course counts once."""

    course = models.OneToOneField(Course, on_delete=models.CASCADE, related_name="grading")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    scale = models.JSONField(null=True, blank=True, help_text="Rows of letter, least percentage and points.")
    credits = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1000)], help_text="Its weight."
    )
    counts_in_average = models.BooleanField("counts in the grade point average", default=True)
    goal = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1000)])
    updated_at = models.DateTimeField(auto_now=True)

    objects = OwnedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"grading of {self.course_id}"

    @property
    def own_scale(self) -> Scale | None:
        """The student's scale, None where there is none."""
        from courses.grading.scales import Step

        return tuple(Step(*row) for row in self.scale) if self.scale else None


class GradeScenario(models.Model):
    """A "what if" of one course: scores that are not, or other ones, and work that is left out.

    `changes` has an entry for each piece of work, by its id: `{"score": 9.5}` or `{"left_out": true}`.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="scenarios")
    name = models.CharField(max_length=80)
    changes: Any = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "name"],
                name="scenario_is_one_per_course_and_name",
                violation_error_message="There is a scenario of this name.",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="scenario_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name
