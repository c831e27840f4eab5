"""Resources and the passages of their text."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.models import Blob
from coreengine.kernel.statuses import Status
from resources.extract import kinds
from resources.querysets import PassageQuerySet, ResourceQuerySet
from resources.repositories.models import CiRun, Commit, Repository, RepositoryIssue

__all__ = ["CiRun", "Commit", "Passage", "Repository", "RepositoryIssue", "Resource"]

_ICONS = (
    ("application/pdf", "file-text"),
    ("application/vnd.openxmlformats-officedocument.presentationml", "presentation"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml", "file-spreadsheet"),
    ("application/vnd", "file-text"),
    ("image/", "image"),
    ("audio/", "file-audio"),
    ("video/", "file-video"),
    ("application/zip", "file-archive"),
    ("application/gzip", "file-archive"),
    ("text/html", "globe"),
    ("text/", "file-text"),
)


class Resource(models.Model):
    """A file, a note or a link in a student's vault.

    `body` is Markdown: the note itself, or what the student wrote about a file or link. `text` is what
    was read out of a file. What a source brought in is known by (owner, source, external_id); `external_folder` is
    where it lies there, `external_version` the same as long as its bytes are, `external_seen` the last look at
    everything that found it, `missing_since` since when it is there no more.
    """

    class Kind(models.TextChoices):
        FILE = "file", "File"
        NOTE = "note", "Note"
        LINK = "link", "Link"

    class Extraction(models.TextChoices):
        PENDING = Status.PENDING.value, "pending"
        RUNNING = Status.RUNNING.value, "running"
        COMPLETED = Status.COMPLETED.value, "completed"
        FAILED = Status.FAILED.value, "failed"
        SKIPPED = Status.SKIPPED.value, "skipped"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="resources")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    title = models.CharField(max_length=255)
    body = models.TextField(blank=True)
    url = models.URLField("address", max_length=2000, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, blank=True, related_name="resources")
    file_name = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=120, blank=True)
    size_bytes = models.BigIntegerField(default=0)

    source = models.CharField(max_length=80, blank=True)
    external_id = models.CharField(max_length=200, blank=True)
    external_updated_at = models.DateTimeField(null=True, blank=True)
    external_folder = models.CharField(max_length=1000, blank=True)
    external_version = models.CharField(max_length=200, blank=True)
    external_seen = models.CharField(max_length=40, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True)

    extraction_status = models.CharField(max_length=9, choices=Extraction.choices, default=Extraction.SKIPPED)
    extraction_reason = models.CharField(max_length=500, blank=True)
    extraction_attempts = models.PositiveSmallIntegerField(default=0)
    extraction_started_at = models.DateTimeField(null=True, blank=True)
    text = models.TextField(blank=True)
    page_count = models.PositiveIntegerField(null=True, blank=True)

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    trashed_at = models.DateTimeField(null=True, blank=True)

    # Stored by PostgreSQL through a function of ours (migration 0001), which cuts what is too long for a
    # tsvector instead of failing. Why two languages: docs/decisions/0010.
    vector = models.GeneratedField(
        expression=models.Func(
            "title", "tags", "body", "url", "file_name", "text", function="resources_document_vector"
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    heading_vector = models.GeneratedField(
        expression=models.Func("title", "tags", function="resources_heading_vector"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ResourceQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(title=""), name="resource_has_a_title"),
            models.CheckConstraint(
                condition=(
                    models.Q(kind="file", blob__isnull=False)
                    | models.Q(kind="note", blob__isnull=True)
                    | (models.Q(kind="link", blob__isnull=True) & ~models.Q(url=""))
                ),
                name="resource_has_what_its_kind_needs",
            ),
            models.UniqueConstraint(
                fields=["owner", "source", "external_id"],
                condition=~models.Q(source=""),
                name="resource_is_imported_once",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-updated_at", "-id"], name="resource_newest"),
            models.Index(fields=["owner", "blob"], name="resource_same_bytes"),
            models.Index(
                fields=["extraction_status", "updated_at"],
                condition=models.Q(extraction_status__in=["pending", "running"]),
                name="resource_unread_text",
            ),
            # Without fastupdate: a search never walks through a list of pending entries, which took 10 ms.
            GinIndex(fields=["vector"], name="resource_vector", fastupdate=False),
            GinIndex(fields=["heading_vector"], name="resource_heading_vector", fastupdate=False),
            GinIndex(fields=["tags"], name="resource_tags"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("resources:detail", args=[self.pk])

    @property
    def is_trashed(self) -> bool:
        """Say whether it lies in the trash."""
        return self.trashed_at is not None

    @property
    def is_reading(self) -> bool:
        """Say whether its text is still being read."""
        return self.extraction_status in {self.Extraction.PENDING, self.Extraction.RUNNING}

    @property
    def icon(self) -> str:
        """Name the icon for what it is."""
        if self.kind != self.Kind.FILE:
            return "link" if self.kind == self.Kind.LINK else "notebook-pen"
        return next((icon for prefix, icon in _ICONS if self.content_type.startswith(prefix)), "file")

    @property
    def preview(self) -> str:
        """Say how its file can be shown inside a page: image, pdf, text, or nothing."""
        if self.kind != self.Kind.FILE:
            return ""
        if self.content_type in kinds.SAFE_IMAGES:
            return "image"
        if self.content_type == kinds.PDF:
            return "pdf"
        return "text" if self.text else ""

    @property
    def type_label(self) -> str:
        """Name the kind of thing as people do: PDF, Word document, Note."""
        if self.kind != self.Kind.FILE:
            return self.get_kind_display()
        return kinds.LABELS.get(self.content_type) or self.content_type.partition("/")[0].capitalize() + " file"

    @property
    def host(self) -> str:
        """Return the host of a link, without "www."."""
        return self.url.partition("://")[2].partition("/")[0].removeprefix("www.")


class Passage(models.Model):
    """A piece of a resource's text that fits on a screen: what is highlighted, cited and given to agents."""

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="passages")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    ordinal = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True, blank=True)
    is_own = models.BooleanField(default=False, help_text="The student's words, not the file's.")
    text = models.TextField()
    vector = models.GeneratedField(
        expression=models.Func("text", function="resources_text_vector"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = PassageQuerySet.as_manager()

    class Meta:
        ordering = ["resource", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["resource", "ordinal"], name="passage_has_one_place_in_its_resource")
        ]
        indexes = [
            models.Index(fields=["owner"], name="passage_owner"),
            GinIndex(fields=["vector"], name="passage_vector", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"passage {self.ordinal} of resource {self.resource_id}"
