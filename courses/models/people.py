"""Who a course has to do with: its teachers, as the source names them, and whom the student adds."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from courses.models.courses import Course
from courses.querysets import CoursePersonQuerySet


class CoursePerson(models.Model):
    """One person of a course.

    The first block is the source's and is replaced by every import; `office_hours` and `notes` are the student's own
    on anyone, and no import touches them. Whom the student added by hand has an empty `source`.
    """

    class Role(models.TextChoices):
        TEACHER = "teacher", "Teacher"
        ASSISTANT = "assistant", "Teaching assistant"
        STUDENT = "student", "Fellow student"
        OTHER = "other", "Contact"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="course_people")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="people")
    source = models.CharField(max_length=100, blank=True, default="")
    external_id = models.CharField(max_length=200, blank=True, default="")
    name = models.CharField(max_length=255)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.TEACHER)
    email = models.EmailField("e-mail", blank=True, default="")
    html_url = models.URLField("web page", max_length=2000, blank=True, default="")
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)

    office_hours = models.CharField(max_length=500, blank=True, default="")
    notes = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CoursePersonQuerySet.as_manager()

    class Meta:
        ordering = ["course_id", "role", "name", "pk"]
        verbose_name_plural = "course people"
        constraints = [
            models.UniqueConstraint(
                fields=["course", "source", "external_id"],
                condition=~Q(source=""),
                name="course_person_is_one_per_source",
            ),
            models.CheckConstraint(
                condition=(Q(source="") & Q(external_id="")) | (~Q(source="") & ~Q(external_id="")),
                name="course_person_has_source_and_id_or_neither",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_by_hand(self) -> bool:
        return self.source == ""

    @property
    def has_own_words(self) -> bool:
        """Whether the student wrote something about them."""
        return bool(self.office_hours or self.notes)
