"""What teachers tell a course."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, GeneratedField, Q
from django.db.models.functions import Left
from django.urls import reverse

from courses.models.courses import SEARCHED_CHARACTERS, Course
from courses.querysets import AnnouncementQuerySet


class Announcement(models.Model):
    """A message to everyone in a course, from a source."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="announcements")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="announcements")
    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=200)
    title = models.CharField(max_length=255)
    message_html = models.TextField(blank=True, default="")
    posted_at = models.DateTimeField()
    author = models.CharField(max_length=255, blank=True, default="")
    html_url = models.URLField(max_length=2000, blank=True, default="")
    same_as = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="twins"
    )
    """The one that is shown in place of this one, which is the same from another source (`courses.sameness`)."""
    created_at = models.DateTimeField(auto_now_add=True)

    search_vector = GeneratedField(
        expression=SearchVector("title", weight="A", config="english")
        + SearchVector(Left("message_html", SEARCHED_CHARACTERS), weight="C", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        ordering = ["-posted_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(same_as=F("id")), name="announcement_is_not_its_own_twin"),
            models.UniqueConstraint(fields=["owner", "source", "external_id"], name="announcement_is_one_per_source"),
            models.CheckConstraint(
                condition=~Q(source="") & ~Q(external_id=""), name="announcement_comes_from_a_source"
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-posted_at"], name="announcement_by_owner"),
            models.Index(fields=["course", "-posted_at"], name="announcement_by_course"),
            GinIndex(fields=["search_vector"], name="announcement_search"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("courses:announcement", args=[self.pk])
