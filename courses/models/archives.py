"""Archives of courses: one ZIP that can be read without this site."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from coreengine.kernel.models import Blob
from coreengine.kernel.statuses import FINISHED, Status
from courses.querysets import CourseArchiveQuerySet

ARCHIVE_STATUSES = (Status.PENDING, Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class CourseArchive(models.Model):
    """One archive that a student asked for: which courses, how far it is, and its bytes when it is ready."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="course_archives")
    title = models.CharField(max_length=255)
    course_ids = ArrayField(models.BigIntegerField())
    with_files = models.BooleanField(default=True)
    status = models.CharField(
        max_length=10, choices=[(s.value, s.label) for s in ARCHIVE_STATUSES], default=Status.PENDING
    )
    done_count = models.PositiveIntegerField(default=0)
    total_count = models.PositiveIntegerField(default=0)
    doing = models.CharField(max_length=255, blank=True, default="")
    missing = models.JSONField(default=list, blank=True)
    """Files whose bytes could not be read: {course, title, reason}."""
    error = models.TextField(blank=True, default="")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="course_archives")
    size_bytes = models.BigIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CourseArchiveQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ARCHIVE_STATUSES]), name="course_archive_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True)
                ^ Q(status__in=[Status.COMPLETED, Status.FAILED, Status.CANCELLED]),
                name="course_archive_has_finish_time_when_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["heartbeat_at"],
                condition=Q(status__in=[Status.PENDING, Status.RUNNING]),
                name="course_archive_open",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("courses:archive", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def is_ready(self) -> bool:
        """Complete, and its bytes are still kept."""
        return self.status == Status.COMPLETED and self.blob_id is not None

    @property
    def file_name(self) -> str:
        stem = "".join(c if c.isalnum() or c in " -_." else "-" for c in self.title).strip(" .-") or "courses"
        return f"{stem[:120]}.zip"
