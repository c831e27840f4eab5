"""What starts workflows by itself, and what came of each slot and each delivery."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from coreengine.kernel.fields import EncryptedTextField


class TriggerQuerySet(models.QuerySet):
    """Choices of triggers."""

    def visible_to(self, user: Any) -> Self:
        """Keep the triggers of a person's workflows that were not removed."""
        mine = self.filter(workflow__owner_id=user.pk, workflow__removed_at=None)
        return mine if user.pk else self.none()

    def firing(self) -> Self:
        """Keep those whose workflow is switched on."""
        return self.filter(retired_at=None, workflow__is_active=True, workflow__removed_at=None)


class CurrentTriggers(models.Manager.from_queryset(TriggerQuerySet)):  # type: ignore[misc]
    """Triggers that the current version has."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(retired_at=None)


class WorkflowTrigger(models.Model):
    """One of the `triggers` of a workflow's current version.

    It keeps its row, and with it its address and its place in time, as long as versions have an equal one. A version
    without it only retires it: an older version that is brought back finds its webhook under the same address.
    """

    class Kind(models.TextChoices):
        SCHEDULE = "schedule", "schedule"
        WEBHOOK = "webhook", "webhook"
        EVENT = "event", "event"

    workflow = models.ForeignKey("workflows.Workflow", on_delete=models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.SCHEDULE)
    key = models.CharField(max_length=300, help_text="What makes it the same trigger in the next version.")
    position = models.PositiveSmallIntegerField(default=0)
    config = models.JSONField(default=dict)
    cron = models.CharField(max_length=100, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    decided_until = models.DateTimeField(default=timezone.now, help_text="Every slot up to here was decided on.")
    next_at = models.DateTimeField("next slot", null=True, blank=True)
    last_slot = models.DateTimeField(null=True, blank=True)
    secret = EncryptedTextField(null=True)
    secret_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001 - unique
    signing_secret = EncryptedTextField(null=True)
    last_fired_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.TextField(blank=True)
    last_problem_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CurrentTriggers()
    with_retired = TriggerQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "key"], name="workflow_trigger_is_unique"),
            models.CheckConstraint(
                condition=~Q(kind="webhook") | Q(secret_hash__isnull=False), name="webhook_has_an_address"
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(kind="schedule", retired_at=None), name="schedule_due"),
            models.Index(fields=["kind"], condition=Q(kind="event", retired_at=None), name="trigger_of_events"),
        ]

    def __str__(self) -> str:
        if self.kind == self.Kind.SCHEDULE:
            return f"{self.cron} ({self.time_zone})"
        return f"{self.kind} {self.config.get('name') or self.config.get('event', '')}"

    def get_absolute_url(self) -> str:
        return f"/workflows/{self.workflow_id}/triggers/{self.pk}/"

    @property
    def missed(self) -> str:
        """What becomes of slots that nobody looked at in time: skip, once or all."""
        return self.config.get("missed", "once")

    @property
    def overlap(self) -> str:
        """What becomes of a slot while the execution of an earlier one goes on: skip, queue or allow."""
        return self.config.get("overlap", "skip")

    @property
    def signature_header(self) -> str:
        """The header that deliveries are signed in, empty when they are not."""
        return (self.config.get("signature") or {}).get("header", "")


class ScheduleSlot(models.Model):
    """What was decided about one slot of a schedule. A slot has one row, however many beats tick."""

    class Outcome(models.TextChoices):
        STARTED = "started", "started"
        QUEUED = "queued", "waits for the execution before it"
        SKIPPED = "skipped", "skipped"
        FAILED = "failed", "could not start"

    trigger = models.ForeignKey(WorkflowTrigger, on_delete=models.CASCADE, related_name="slots", db_index=False)
    slot = models.DateTimeField()
    outcome = models.CharField(max_length=7, choices=Outcome.choices)
    reason = models.CharField(max_length=200, blank=True)
    count = models.PositiveIntegerField(default=1, help_text="How many slots this row stands for.")
    execution = models.ForeignKey("workflows.Execution", on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-slot"]
        constraints = [models.UniqueConstraint(fields=["trigger", "slot"], name="slot_is_decided_once")]
        indexes = [models.Index(fields=["trigger", "slot"], condition=Q(outcome="queued"), name="slot_queued")]

    def __str__(self) -> str:
        return f"{self.slot.isoformat()}: {self.outcome}"


class DeliveryQuerySet(models.QuerySet):
    """Choices of deliveries."""

    def visible_to(self, user: Any) -> Self:
        """Keep the deliveries to a person's workflows."""
        mine = self.filter(trigger__workflow__owner_id=user.pk, trigger__workflow__removed_at=None)
        return mine if user.pk else self.none()


class DeliveryStatus(models.TextChoices):
    """How far a delivery came."""

    RECEIVED = "received", "received"
    STARTED = "started", "started"
    FAILED = "failed", "could not start"
    REJECTED = "rejected", "rejected"


class WebhookDelivery(models.Model):
    """One request to a webhook, kept as it came before anything is done with it."""

    Status = DeliveryStatus

    trigger = models.ForeignKey(WorkflowTrigger, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    delivery_id = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.RECEIVED)
    reason = models.CharField(max_length=500, blank=True)
    content_type = models.CharField(max_length=200, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    size_bytes = models.PositiveIntegerField(default=0)
    repeats = models.PositiveIntegerField(default=0, help_text="How often it came again, and was not done again.")
    attempts = models.PositiveSmallIntegerField(default=0)
    replay_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="replays")
    is_replay = models.BooleanField(default=False, help_text="True also where the delivery it repeats is forgotten.")
    execution = models.ForeignKey("workflows.Execution", on_delete=models.SET_NULL, null=True, related_name="+")
    received_at = models.DateTimeField(default=timezone.now)
    hinted_at = models.DateTimeField(default=timezone.now)
    handled_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["trigger", "delivery_id"],
                condition=~Q(delivery_id="") & Q(is_replay=False) & ~Q(status="rejected"),
                name="delivery_is_taken_once",
            ),
        ]
        indexes = [
            models.Index(fields=["trigger", "-id"], name="delivery_newest"),
            models.Index(fields=["trigger", "received_at"], name="delivery_rate"),
            models.Index(fields=["hinted_at"], condition=Q(status="received"), name="delivery_unhandled"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.delivery_id or self.pk}"

    def get_absolute_url(self) -> str:
        return f"{self.trigger.get_absolute_url()}deliveries/{self.pk}/"
