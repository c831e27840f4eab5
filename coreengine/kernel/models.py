"""Rows that every app shares: the event log, notifications, blobs and the outbox."""

from collections.abc import Iterable

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from coreengine.kernel.channel_models import (
    NotificationPreference,
    OutgoingPush,
    PushKey,
    PushSubscription,
    QuietHours,
)
from coreengine.kernel.querysets import OwnedQuerySet

__all__ = [
    "Blob",
    "BlobGrant",
    "Event",
    "EventCursor",
    "IdempotentRequest",
    "MailboxMessage",
    "Notification",
    "NotificationPreference",
    "NotificationQuerySet",
    "OutgoingEmail",
    "OutgoingPush",
    "PushKey",
    "PushSubscription",
    "QuietHours",
]


def _of_types(patterns: Iterable[str]) -> models.Q:
    wanted = models.Q()
    for pattern in patterns:
        prefix = pattern.removesuffix("*")
        if pattern == "*":
            return models.Q()
        wanted |= models.Q(type__startswith=prefix) if prefix != pattern else models.Q(type=pattern)
    return wanted


class EventQuerySet(OwnedQuerySet):
    """Choices of events."""

    def of(self, subject: models.Model) -> "EventQuerySet":
        """Keep the stream of one subject."""
        return self.filter(subject_type=subject._meta.label_lower, subject_id=str(subject.pk))

    def typed(self, *patterns: str) -> "EventQuerySet":
        """Keep the types that match: "course.created", or "course.*" for all below."""
        return self.filter(_of_types(patterns))

    def untyped(self, *patterns: str) -> "EventQuerySet":
        """Leave out the types that match."""
        return self.exclude(_of_types(patterns))


class Event(models.Model):
    """One thing that happened. Appended by `events.record`; the database refuses to change it.

    `sequence`, `salt`, `hash` and `transaction` are filled by a database trigger (migration 0002).
    """

    time = models.DateTimeField(db_default=Now(), editable=False)
    type = models.CharField(max_length=80)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=64)
    sequence = models.BigIntegerField(db_default=0, editable=False)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    cause = models.BigIntegerField(null=True, editable=False, help_text="The execution whose step made it, if one did.")
    salt = models.CharField(max_length=32, db_default="", editable=False)
    hash = models.CharField(max_length=64, db_default="", editable=False)
    transaction = models.BigIntegerField(db_default=0, editable=False)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_type", "subject_id", "sequence"], name="event_sequence_is_unique_in_its_stream"
            )
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="event_owner_newest"),
            models.Index(fields=["owner", "type", "-id"], name="event_owner_type"),
            models.Index(fields=["transaction", "id"], name="event_commit_order"),
        ]

    def __str__(self) -> str:
        return f"{self.type} of {self.subject_type} {self.subject_id}"


class EventCursor(models.Model):
    """How far one subscriber has read the log."""

    subscriber = models.CharField(max_length=80, unique=True)
    transaction = models.BigIntegerField(default=0)
    event = models.BigIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.subscriber


class NotificationQuerySet(OwnedQuerySet):
    """Choices of notifications."""

    def unread(self) -> "NotificationQuerySet":
        """Keep those that nobody has looked at."""
        return self.filter(read_at=None)


class Notification(models.Model):
    """Something a student is told, in the bell and on the notifications page."""

    class Priority(models.TextChoices):
        LOW = "low", "low"
        MEDIUM = "medium", "medium"
        HIGH = "high", "high"
        URGENT = "urgent", "urgent"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    title = models.CharField(max_length=200)
    content = models.TextField(blank=True)
    priority = models.CharField(max_length=8, choices=Priority.choices, default=Priority.MEDIUM)
    kind = models.CharField(max_length=40, blank=True)
    group = models.CharField(max_length=120, blank=True, default="", help_text="What it is one of: Grades in CS 101.")
    url = models.CharField(max_length=500, blank=True)
    actions = models.JSONField(default=list, blank=True, help_text="What can be done: a list of {label, url, icon}.")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="notification_newest"),
            models.Index(fields=["owner"], condition=models.Q(read_at=None), name="notification_unread"),
            models.Index(fields=["owner", "kind", "-created_at"], name="notification_by_kind"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_read(self) -> bool:
        """Say whether the student has seen it."""
        return self.read_at is not None


class Blob(models.Model):
    """Bytes, named by their content. Equal bytes are stored once; `holds` counts who needs them."""

    sha256 = models.CharField(max_length=64, unique=True)
    size_bytes = models.BigIntegerField()
    content_type = models.CharField(max_length=120, blank=True)
    holds = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["created_at"], condition=models.Q(holds=0), name="blob_unheld")]

    def __str__(self) -> str:
        return self.sha256[:12]

    @property
    def path(self) -> str:
        """Name the place in the blob storage."""
        return f"{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256}"


class BlobGrant(models.Model):
    """That a student fetched these bytes: who knows only their name must not get at another's file."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    blob = models.ForeignKey(Blob, on_delete=models.CASCADE, related_name="grants")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "blob"], name="blob_is_granted_once_to_an_owner")]

    def __str__(self) -> str:
        return f"{self.blob_id} for {self.owner_id}"


class OutgoingEmail(models.Model):
    """A mail that was decided in a transaction and is sent by a worker after it."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    to = models.EmailField()
    subject = models.CharField(max_length=300)
    body = models.TextField()
    html = models.TextField(blank=True, default="")
    headers = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["next_attempt_at"], condition=models.Q(sent_at=None), name="email_unsent")]

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"


class IdempotentRequest(models.Model):
    """The answer that a POST with an Idempotency-Key got, kept for a day."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    location = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_is_unique_per_owner")]

    def __str__(self) -> str:
        return self.key


class MailboxMessage(models.Model):
    """A mail that development kept instead of sending."""

    to = models.CharField(max_length=320)
    subject = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.subject
