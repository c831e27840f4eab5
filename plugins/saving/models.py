"""What of the student's lies at other services because it was saved there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from plugins.models import Connection


class SavedCopy(models.Model):
    """The copy of one thing, such as `resource:12`, at one connection; saved again it is the same copy."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="saved_copies")
    thing = models.CharField(max_length=60)
    external_id = models.CharField(max_length=200)
    name = models.CharField(max_length=255)
    url = models.URLField(max_length=2000, blank=True)
    blob = models.CharField(max_length=64)
    saved_at = models.DateTimeField()

    objects: Any = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "thing"], name="saved_copy_is_one_per_place")]
        indexes = [models.Index(fields=["owner", "thing"], name="saved_copy_thing")]

    def __str__(self) -> str:
        return f"{self.thing} at {self.connection_id}"
