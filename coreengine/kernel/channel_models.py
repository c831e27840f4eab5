"""How a student is reached beside the bell: by mail and by push, when it is quiet, and which browsers listen."""

from __future__ import annotations

from datetime import time

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from coreengine.kernel.fields import EncryptedJSONField, EncryptedTextField
from coreengine.kernel.querysets import OwnedQuerySet


class NotificationPreference(models.Model):
    """By which channels one kind of notifications reaches a student, where they chose other than the default."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preferences"
    )
    kind = models.CharField(max_length=40)
    bell = models.BooleanField(default=True)
    mail = models.BooleanField(default=False)
    push = models.BooleanField(default=False)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["kind"]
        constraints = [models.UniqueConstraint(fields=["owner", "kind"], name="preference_is_one_per_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.owner_id}"


class QuietHours(models.Model):
    """The hours, in the student's zone, in which nothing is mailed or pushed. They may cross midnight."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="quiet_hours"
    )
    is_on = models.BooleanField("quiet hours", default=False)
    starts_at = models.TimeField("from", default=time(22, 0))
    ends_at = models.TimeField("until", default=time(7, 0))

    objects = OwnedQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "quiet hours"
        constraints = [
            models.CheckConstraint(
                condition=~Q(starts_at=F("ends_at")),
                name="quiet_hours_end_at_another_time",
                violation_error_message="Quiet hours that begin and end at the same time would never end.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%H:%M} to {self.ends_at:%H:%M}"


class PushKey(models.Model):
    """The key by which push services know this installation (VAPID, RFC 8292). There is one, made when first needed."""

    private_pem = EncryptedTextField()
    public_pem = models.TextField()
    application_key = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now)
    is_current = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_current"], condition=Q(is_current=True), name="push_key_is_one")
        ]

    def __str__(self) -> str:
        return self.application_key


class PushSubscription(models.Model):
    """One browser that a student lets us push to. Its address is as good as a password, so it is kept encrypted."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint = EncryptedTextField()
    endpoint_digest = models.CharField(max_length=64, unique=True, editable=False)
    keys = EncryptedJSONField()
    host = models.CharField(max_length=255)
    label = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_sent_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.label or self.host


class OutgoingPush(models.Model):
    """A push that was decided in a transaction and is sent by a worker after it."""

    subscription = models.ForeignKey(PushSubscription, on_delete=models.CASCADE, related_name="outgoing")
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["next_attempt_at"], condition=Q(sent_at=None), name="push_unsent")]

    def __str__(self) -> str:
        return str(self.payload.get("title", ""))
