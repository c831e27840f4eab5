"""What a student is about to bring in from a text or a table, kept until it is done or forgotten."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from courses.models.courses import Course
from courses.querysets import ImportDraftQuerySet
from resources.models import Resource


class ImportDraft(models.Model):
    """A syllabus or a table with what was read out of it.

    `choices` are the student's answers (which column is what, how dates are written); `rows` are the items as they
    stand in the preview, with the student's corrections. Once it is brought in, `made` lists what that made, so that
    undoing takes away exactly this.
    """

    class Kind(models.TextChoices):
        TABLE = "table", "Table"
        SYLLABUS = "syllabus", "Syllabus"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="import_drafts")
    course = models.ForeignKey(Course, on_delete=models.CASCADE, null=True, blank=True, related_name="import_drafts")
    course_name = models.CharField("new course", max_length=255, blank=True, default="")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    file_name = models.CharField(max_length=255, blank=True, default="")
    encoding = models.CharField(max_length=32, blank=True, default="")
    text = models.TextField()
    resource = models.ForeignKey(Resource, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    """The file of the vault that the text is read out of by a worker; there is no text before that is done."""
    choices = models.JSONField(default=dict, blank=True)
    rows = models.JSONField(default=list, blank=True)
    made = models.JSONField(default=dict, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ImportDraftQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "-pk"]
        indexes = [models.Index(fields=["expires_at"], name="import_draft_by_expiry")]

    def __str__(self) -> str:
        return self.file_name or f"{self.get_kind_display()} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("courses:import-draft", args=[self.pk])

    @property
    def is_waiting(self) -> bool:
        """Whether the file has still to be read, or cannot be."""
        return not self.text

    @property
    def is_applied(self) -> bool:
        return self.applied_at is not None and self.undone_at is None
