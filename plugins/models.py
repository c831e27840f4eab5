"""Connections of students to plugins, and the record of what plugins did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from coreengine.kernel.fields import EncryptedJSONField
from coreengine.kernel.statuses import FINISHED, Status
from plugins.querysets import ActionCallQuerySet, ConnectionQuerySet, GatewayCallQuerySet

if TYPE_CHECKING:
    from plugins.manifest import Authentication, Manifest


class Connection(models.Model):
    """One student's account on another service, reached through a plugin.

    `configuration` is handed to the plugin; `credential` never is: the gateway adds it to requests. `way` is the name
    of the manifest's way of authentication ("" is the first); it says what the credential holds: `token`, or
    `username` and `password`, or `url` of a feed, or `access_token`, `refresh_token`, `expires_at` (seconds since
    1970, None without end), `scope` and `token_type`. `renewal_key` and `renewal_until` are the lease of the one worker
    that refreshes it (`plugins.oauth.tokens`).
    """

    class Health(models.TextChoices):
        CHECKING = "checking", "checking"
        HEALTHY = "healthy", "healthy"
        UNHEALTHY = "unhealthy", "unhealthy"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="connections")
    plugin = models.CharField(max_length=64)
    label = models.CharField(max_length=100)
    way = models.CharField(max_length=64, blank=True, default="")
    configuration = models.JSONField(default=dict, blank=True)
    credential: Any = EncryptedJSONField(default=dict)
    identity = models.JSONField(default=dict, blank=True)
    health = models.CharField(max_length=10, choices=Health.choices, default=Health.CHECKING)
    last_error = models.TextField(blank=True)
    last_error_code = models.CharField(max_length=60, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    renewal_key = models.CharField(max_length=32, blank=True, default="", editable=False)
    renewal_until = models.DateTimeField(null=True, blank=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_checked_at = models.DateTimeField(null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["label", "pk"]
        indexes = [models.Index(fields=["owner", "plugin"], name="connection_owner_plugin")]

    def __str__(self) -> str:
        return self.label

    def get_absolute_url(self) -> str:
        return reverse("plugins:detail", args=[self.pk])

    @property
    def source(self) -> str:
        """The name under which courses and resources remember where a thing came from."""
        return f"connection:{self.pk}"

    @property
    def has_credential(self) -> bool:
        """True if a token or password is stored."""
        return bool(self.credential)

    @property
    def identity_name(self) -> str:
        """The student's name on the other side, "" while unknown."""
        return str((self.identity or {}).get("name", ""))

    @property
    def can_sync(self) -> bool:
        """True if its plugin is there and ships a workflow that brings things in."""
        from plugins.registry import PluginUnknown, get_plugin

        try:
            return get_plugin(self.plugin, even_if_off=True).can_sync
        except PluginUnknown:
            return False

    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the plugin, also while that is switched off; None if it is not installed (any more)."""
        from plugins.registry import PluginUnknown, get_manifest

        try:
            return get_manifest(self.plugin, even_if_off=True)
        except PluginUnknown:
            return None

    @property
    def authentication(self) -> Authentication | None:
        """The way that the account is reached; None if there is none (any more)."""
        manifest = self.manifest
        return manifest.way(self.way) if manifest else None

    @property
    def plugin_title(self) -> str:
        """The plugin's name as a heading."""
        manifest = self.manifest
        return manifest.title if manifest else self.plugin

    @property
    def icon(self) -> str:
        """The icon of the plugin."""
        from plugins.capabilities import icon_for

        manifest = self.manifest
        return icon_for(manifest.capabilities) if manifest else "plug"

    @property
    def home(self) -> str:
        """The host that it talks to, "" if there is none."""
        manifest = self.manifest
        return next(iter(manifest.hosts(self.configuration)), "") if manifest else ""


class ActionCall(models.Model):
    """One thing that a plugin was asked to do; its row is the status that doors wait for.

    `method` is the protocol's word (`execute_action`, `authenticate`, ...), `action` the endpoint's name.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="action_calls")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    method = models.CharField(max_length=40, default="execute_action")
    action = models.CharField(max_length=64, blank=True)
    params = models.JSONField(default=dict, blank=True)
    idempotency_key = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    sandbox = models.CharField(max_length=10, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    is_retryable = models.BooleanField(default=False)
    request_count = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    log = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    alive_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ActionCallQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["connection", "-id"], name="action_call_newest"),
            models.Index(
                fields=["created_at"],
                condition=models.Q(finished_at__isnull=True),
                name="action_call_unfinished",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(finished_at__isnull=True) ^ models.Q(status__in=sorted(FINISHED)),
                name="action_call_is_finished_when_it_has_an_end",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action or self.method} of {self.connection_id}"

    @property
    def title(self) -> str:
        """What was asked, as a line on a page."""
        titles = {
            "authenticate": "Check the connection",
            "get_health_status": "Ask for its health",
            "handle_webhook": f"Handle a delivery to {self.action}",
        }
        return titles.get(self.method) or (self.action or self.method).replace("_", " ").capitalize()

    @property
    def is_finished(self) -> bool:
        """True once there is a result or an error."""
        return self.status in FINISHED


class GatewayCall(models.Model):
    """One request that a plugin made through the gateway: never a query, a header or a body.

    `shape` is the path without what varies, for counting; `capability` the one whose rule let it leave, "" where the
    manifest has no rules. A refused one did not leave.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="gateway_calls")
    action_call = models.ForeignKey(ActionCall, on_delete=models.CASCADE, related_name="gateway_calls")
    method = models.CharField(max_length=10)
    host = models.CharField(max_length=253)
    path = models.CharField(max_length=500)
    shape = models.CharField(max_length=200, blank=True)
    capability = models.CharField(max_length=40, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    is_refused = models.BooleanField(default=False)
    bytes_sent = models.PositiveBigIntegerField(default=0)
    bytes_received = models.PositiveBigIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    is_from_cache = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = GatewayCallQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["connection", "-id"], name="gateway_call_newest"),
            models.Index(fields=["connection", "created_at"], name="gateway_call_by_day"),
            models.Index(fields=["created_at"], name="gateway_call_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path}"


class CachedAnswer(models.Model):
    """An answer that the other side may confirm instead of sending again; private to its connection."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="cached_answers")
    key = models.CharField(max_length=64)
    etag = models.CharField(max_length=500, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    size_bytes = models.PositiveIntegerField()
    stored_at = models.DateTimeField(default=timezone.now)

    objects: Any = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="cached_answer_is_one_per_address")]

    def __str__(self) -> str:
        return f"answer {self.key[:8]} of {self.connection_id}"


class StoredValue(models.Model):
    """What a connection's plugin keeps between actions, see `plugins.storage`; goes with the connection.

    `value` is JSON as text, which gives back every number as it came.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="stored_values")
    key = models.CharField(max_length=200)
    value = models.TextField()
    size_bytes = models.PositiveIntegerField()
    updated_at = models.DateTimeField(default=timezone.now)

    objects: Any = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="stored_value_is_one_per_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.connection_id}"


from plugins.installing.models import InstalledPlugin, PluginVersion  # noqa: E402, F401, models of this app
from plugins.oauth.models import OAuthClient, SignIn, TokenToRevoke  # noqa: E402, F401, they name Connection
from plugins.saving.models import SavedCopy  # noqa: E402, F401, it names Connection
from plugins.webhooks.models import ConnectionDelivery, ConnectionWebhook  # noqa: E402, F401, they name Connection
