"""What admins installed and decided: the plugin as this installation has it, and each version that was brought."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from plugins.installing.querysets import PluginVersionQuerySet

if TYPE_CHECKING:
    from plugins.manifest import Manifest


class PluginVersion(models.Model):
    """One version of a plugin that an admin brought: proposed, then installed. Its files lie under its digest.

    `sha256` is that of the archive as it came; `digest` that of the files in it.
    """

    class Image(models.TextChoices):
        WAITING = "waiting", "waits for a plugin worker"
        BUILDING = "building", "being built"
        BUILT = "built", "built"
        FAILED = "failed", "could not be built"
        NO_ENGINE = "no_engine", "no Docker engine"

    name = models.CharField(max_length=64, db_index=True)
    version = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, unique=True)
    sha256 = models.CharField(max_length=64)
    file_name = models.CharField(max_length=200, blank=True)
    size_bytes = models.PositiveBigIntegerField()
    file_count = models.PositiveIntegerField()
    signed_by = models.CharField(max_length=200, blank=True)
    document = models.JSONField()
    permissions = models.JSONField(default=list)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    proposed_at = models.DateTimeField(default=timezone.now, editable=False)
    installed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    installed_at = models.DateTimeField(null=True, blank=True)
    image_state = models.CharField(max_length=10, choices=Image.choices, default=Image.WAITING)
    image = models.CharField(max_length=300, blank=True)
    image_log = models.TextField(blank=True)
    image_changed_at = models.DateTimeField(default=timezone.now)

    objects = PluginVersionQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "version"],
                condition=models.Q(installed_at__isnull=False),
                name="plugin_version_is_one_content",
            ),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(installed_at__isnull=True), name="plugin_has_one_proposal"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def get_absolute_url(self) -> str:
        return reverse("plugins:version", args=[self.pk])

    @property
    def is_proposal(self) -> bool:
        """True until an admin consented."""
        return self.installed_at is None

    @property
    def is_being_built(self) -> bool:
        """True while a worker is on it, or should be soon."""
        return self.image_state in {self.Image.WAITING, self.Image.BUILDING}

    @property
    def is_unbuilt(self) -> bool:
        """True if its image could not be built here."""
        return self.image_state in {self.Image.FAILED, self.Image.NO_ENGINE}

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest as it was brought."""
        from plugins.manifest import manifest_from

        return manifest_from(self.document)


class InstalledPlugin(models.Model):
    """What this installation decided about one plugin.

    `current` is the version that runs, None for what ships or lies in a directory; `pending` the one that takes
    over once its image is built.
    """

    name = models.CharField(max_length=64, unique=True)
    is_enabled = models.BooleanField(default=True)
    current = models.ForeignKey(PluginVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    pending = models.ForeignKey(PluginVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    objects: Any = models.Manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("plugins:plugin", args=[self.name])
