"""What a student adds to the grades of a course: a scale, credits, and what-if scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from coreengine.kernel.querysets import OwnedQuerySet
from courses.models.courses import Course
from courses.querysets import COURSE_LONG_FIELDS

if TYPE_CHECKING:
    from coreengine.accounts.models import User
    from courses.grading.scales import Scale


class ScenarioQuerySet(OwnedQuerySet):
    def visible_to(self, user: User) -> Self:
        kept = super().visible_to(user).filter(deleted_at__isnull=True, course__deleted_at__isnull=True)
        return kept.select_related("course").defer(*[f"course__{name}" for name in COURSE_LONG_FIELDS])

    def restorable_by(self, user: User) -> Self:
        """What the student deleted and can still have back."""
        return self.filter(owner_id=user.pk, deleted_at__isnull=False, course__deleted_at__isnull=True)


class CourseGrading(models.Model):
    """The student's own rules for one course, or (without a course) the scale that stands in where a course has none.

    Without a row the source's scale applies, else the common one, and each course counts once.
    """

    course = models.OneToOneField(Course, on_delete=models.CASCADE, null=True, blank=True, related_name="grading")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    scale = models.JSONField(null=True, blank=True, help_text="Rows of letter, least percentage and points.")
    credits = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1000)], help_text="Its weight."
    )
    counts_in_average = models.BooleanField("counts in the grade point average", default=True)
    goal = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1000)])
    late_policy = models.JSONField(
        null=True, blank=True, help_text="What late and missing work costs in a course made by hand."
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=Q(course__isnull=True), name="grading_for_all_courses_is_one_per_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"grading of {self.course_id or 'all courses'}"

    @property
    def own_scale(self) -> Scale | None:
        """The student's scale, None where there is none."""
        from courses.grading.scales import Step

        return tuple(Step(*row) for row in self.scale) if self.scale else None


class GradeScenario(models.Model):
    """A "what if" of one course: scores that are not, or other ones, work that is left out, and work that may come.

    `changes` has an entry for each piece of work, by its id: `{"left_out": true}`, `{"score": 9.5}`, or for a retake
    `{"score": 9.5, "counts": "better" | "mean"}`. `extra` has `{"name", "group", "score", "points"}` for each piece
    that the course does not have yet.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="scenarios")
    name = models.CharField(max_length=80)
    changes: Any = models.JSONField(default=dict, blank=True)
    extra: Any = models.JSONField(default=list, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScenarioQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "name"],
                condition=Q(deleted_at__isnull=True),
                name="scenario_is_one_per_course_and_name",
                violation_error_message="There is a scenario of this name.",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="scenario_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name
