"""What sign-in needs to remember: clients of this installation, sign-ins under way, and tokens to give back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from coreengine.kernel.fields import EncryptedJSONField, EncryptedTextField
from coreengine.kernel.outbound.hosts import is_host
from coreengine.kernel.querysets import OwnedQuerySet
from plugins.formats import PLACEHOLDER

SIGN_IN_LIFETIME = timedelta(minutes=10)


class OAuthClient(models.Model):
    """The client id and secret that another service gave this installation.

    `host` is where it was registered, "" where the service has one address for everybody.
    """

    plugin = models.CharField(max_length=64, help_text="Name of the plugin, such as canvas-integration.")
    host = models.CharField(
        max_length=253,
        blank=True,
        default="",
        help_text="The host where it was registered, such as canvas.example.edu. Leave it empty for a service that has "
        "one address for everybody, such as GitHub or Google.",
    )
    client_id = models.CharField("client id", max_length=300)
    client_secret: Any = EncryptedTextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: Any = models.Manager()

    class Meta:
        verbose_name = "OAuth client"
        ordering = ["plugin", "host"]
        constraints = [
            models.UniqueConstraint(fields=["plugin", "host"], name="oauth_client_is_one_per_plugin_and_host")
        ]

    def __str__(self) -> str:
        return f"{self.plugin} at {self.host}" if self.host else self.plugin

    @property
    def has_secret(self) -> bool:
        """True if a secret is stored."""
        return bool(self.client_secret)

    def clean(self) -> None:
        """Refuse a client that would send its secret to whatever host a student types."""
        from plugins.registry import PluginUnknown, get_manifest

        self.host = self.host.strip().lower()
        if self.host and not is_host(self.host):
            raise ValidationError({"host": "Write the name of the host alone, such as canvas.example.edu."})
        try:
            ways = [way for way in get_manifest(self.plugin).ways if way.needs_sign_in]
        except PluginUnknown as error:
            raise ValidationError({"plugin": str(error)}) from error
        if not ways:
            raise ValidationError({"plugin": "Nobody signs in through this plugin: its manifest has no oauth2 way."})
        if not self.host and any(PLACEHOLDER.search(way.token_url.split("/")[2]) for way in ways):
            raise ValidationError(
                {
                    "host": "This plugin talks to a host that the student types. Name the one that gave you this "
                    "client, or its secret would be sent to any."
                }
            )


class SignIn(models.Model):
    """One student's way to a service and back. It lasts ten minutes, and its state is good for one return.

    `connection` is the one that is reconnected, later the one that was made. `verifier` and `code` are gone as soon as
    they were used. `errors` is by field of the form, for the page that lets the student try again.
    """

    class Stage(models.TextChoices):
        AWAY = "away", "at the service"
        BACK = "back", "back with a code"
        RUNNING = "running", "being finished"
        COMPLETED = "completed", "completed"
        FAILED = "failed", "failed"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    plugin = models.CharField(max_length=64)
    way = models.CharField(max_length=64)
    connection = models.ForeignKey(
        "plugins.Connection", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    is_reconnect = models.BooleanField(default=False)
    configuration = models.JSONField(default=dict, blank=True)
    label = models.CharField(max_length=100, blank=True)
    client = models.ForeignKey(OAuthClient, null=True, on_delete=models.SET_NULL, related_name="+")
    redirect_uri = models.CharField(max_length=500)
    issuer = models.CharField(max_length=300, blank=True)
    state_hash = models.CharField(max_length=64, unique=True)
    binding_hash = models.CharField(max_length=64, blank=True)
    verifier: Any = EncryptedTextField()
    code: Any = EncryptedTextField()
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.AWAY)
    errors = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    back_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["created_at"], name="sign_in_created")]

    def __str__(self) -> str:
        return f"sign-in at {self.plugin}"

    @property
    def expires_at(self) -> Any:
        """When the state stops being good."""
        return self.created_at + SIGN_IN_LIFETIME

    @property
    def is_finished(self) -> bool:
        """True once there is a connection or an error."""
        return self.stage in {self.Stage.COMPLETED, self.Stage.FAILED}

    @property
    def error(self) -> str:
        """Every error as one text."""
        return " ".join(self.errors.values())


class TokenToRevoke(models.Model):
    """A token of a connection that is gone, until the service was told; the student is not kept waiting for it.

    Without an owner where the student is gone, too.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    plugin = models.CharField(max_length=64)
    way = models.CharField(max_length=64)
    label = models.CharField(max_length=100)
    connection_id_was = models.BigIntegerField()
    configuration = models.JSONField(default=dict, blank=True)
    manifest = models.JSONField(default=dict, help_text="As it was then: the plugin may be uninstalled by now.")
    credential: Any = EncryptedJSONField(default=dict)
    client = models.ForeignKey(OAuthClient, null=True, on_delete=models.SET_NULL, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: Any = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["next_try_at"], name="token_to_revoke_next_try")]

    def __str__(self) -> str:
        return f"token of {self.label}"
