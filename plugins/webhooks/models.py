"""What the other side is told about a connection's webhooks, and what it sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel import webhooks as rules
from coreengine.kernel.fields import EncryptedTextField
from coreengine.kernel.querysets import OwnedQuerySet
from coreengine.kernel.statuses import Status


class ConnectionWebhook(models.Model):
    """One webhook of a connection's plugin: its secret, and how it fares.

    The row is made on first use. After a change of the secret the one before it is good until `previous_until`.
    """

    connection = models.ForeignKey("plugins.Connection", on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=64)
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(null=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    secret_made_at = models.DateTimeField(default=timezone.now)
    last_problem = models.TextField(blank=True)
    last_problem_at = models.DateTimeField(null=True, blank=True)
    sync_wanted_at = models.DateTimeField(null=True, blank=True, help_text="A delivery asked for a sync.")
    sync_asked_at = models.DateTimeField(null=True, blank=True, help_text="The last sync that deliveries caused.")
    sync_url = models.CharField(max_length=200, blank=True, help_text="The execution of that sync.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: Any = models.Manager()

    class Meta:
        ordering = ["connection", "name"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "name"], name="connection_webhook_is_one"),
            models.CheckConstraint(
                condition=Q(previous_secret__isnull=True, previous_until__isnull=True)
                | Q(previous_secret__isnull=False, previous_until__isnull=False),
                name="previous_secret_has_an_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["sync_wanted_at"], condition=Q(sync_wanted_at__isnull=False), name="connection_webhook_sync"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.connection_id}"

    def secrets(self, now: datetime) -> list[str]:
        """Return the secrets that are good at a moment, the newest first."""
        found = [self.secret]
        if self.previous_secret and self.previous_until and now < self.previous_until:
            found.append(self.previous_secret)
        return [secret for secret in found if secret]


class DeliveryQuerySet(OwnedQuerySet):
    """Choices of what came in."""

    def due(self, now: datetime) -> Self:
        """Keep those that somebody should handle now, the oldest first.

        One that is running is due again when its time is up: the worker that had it is gone.
        """
        open_ones = (Status.PENDING, Status.WAITING, Status.RUNNING)
        return self.filter(status__in=open_ones, due_at__lte=now).order_by("due_at", "pk")


class ConnectionDeliveryStatus(models.TextChoices):
    """How far a delivery came. `waiting` waits for the next attempt; `rejected` was never taken in."""

    PENDING = "pending", "pending"
    RUNNING = "running", "running"
    WAITING = "waiting", "waiting"
    COMPLETED = "completed", "completed"
    FAILED = "failed", "failed"
    REJECTED = "rejected", "rejected"


class ConnectionDelivery(models.Model):
    """One request to a connection's webhook, kept as it came before anything is done with it."""

    Status = ConnectionDeliveryStatus

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(
        "plugins.Connection", on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    webhook = models.ForeignKey(ConnectionWebhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    delivery_id = models.CharField(max_length=200, blank=True)
    event = models.CharField(max_length=100, blank=True, help_text="What the sender calls it.")
    status = models.CharField(
        max_length=10, choices=ConnectionDeliveryStatus.choices, default=ConnectionDeliveryStatus.PENDING
    )
    reason = models.CharField(max_length=1_000, blank=True)
    reason_code = models.CharField(max_length=60, blank=True)
    content_type = models.CharField(max_length=200, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    size_bytes = models.PositiveIntegerField(default=0)
    repeats = models.PositiveIntegerField(default=0, help_text="How often it came again, and was not done again.")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, help_text="When it is to be handled, or looked at again.")
    call = models.ForeignKey("plugins.ActionCall", on_delete=models.SET_NULL, null=True, related_name="+")
    events = models.JSONField(default=list, help_text="Types of the events that it became.")
    asked_sync = models.BooleanField(default=False)
    replay_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="replays")
    is_replay = models.BooleanField(default=False, help_text="True also where the delivery it repeats is forgotten.")
    received_at = models.DateTimeField(default=timezone.now)
    handled_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "connection deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "delivery_id"],
                condition=~Q(delivery_id="") & Q(is_replay=False) & ~Q(status="rejected"),
                name="connection_delivery_is_taken_once",
            ),
            models.CheckConstraint(
                condition=Q(handled_at__isnull=True) ^ Q(status__in=("completed", "failed", "rejected")),
                name="connection_delivery_is_handled_when_it_has_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["connection", "-id"], name="connection_delivery_newest"),
            models.Index(fields=["webhook", "received_at"], name="connection_delivery_rate"),
            models.Index(
                fields=["connection", "due_at"],
                condition=Q(status__in=("pending", "waiting", "running")),
                name="connection_delivery_open",
            ),
            models.Index(fields=["received_at"], name="connection_delivery_age"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.delivery_id or self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("plugins:webhook-delivery", args=[self.connection_id, self.pk])

    @property
    def is_finished(self) -> bool:
        """True once nothing more will be done about it."""
        return self.handled_at is not None

    def payload(self) -> Any:
        """Return what it holds; a form whose one field `payload` is JSON is that JSON, as GitHub sends it by default.

        Raises:
            ValueError: it cannot be read.
        """
        found = rules.payload_of(self.content_type, bytes(self.body))
        is_form = "x-www-form-urlencoded" in self.content_type.lower()
        if is_form and isinstance(found, dict) and list(found) == ["payload"] and isinstance(found["payload"], str):
            return rules.payload_of("application/json", found["payload"].encode())
        return found

    @property
    def badge(self) -> str:
        """How it stands, in the words that every badge knows."""
        return {"rejected": "cancelled"}.get(self.status, self.status)

    @property
    def can_replay(self) -> bool:
        """Say whether what it held was kept."""
        return self.status != ConnectionDeliveryStatus.REJECTED
