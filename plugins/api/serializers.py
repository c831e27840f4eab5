"""Connections, plugins and calls as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from plugins.health import next_step
from plugins.models import ActionCall, Connection, GatewayCall, SignIn


class FaultSerializer(serializers.Serializer):
    """One fault of a manifest."""

    path = serializers.CharField(help_text="the field, empty for the whole file")
    message = serializers.CharField()


class PluginEndpointSerializer(serializers.Serializer):
    """One action of a plugin, which is also a route."""

    name = serializers.CharField()
    method = serializers.CharField()
    path = serializers.CharField()
    description = serializers.CharField()


class PluginSerializer(serializers.Serializer):
    """An installed plugin, good or faulty."""

    name = serializers.CharField()
    title = serializers.CharField()
    version = serializers.CharField()
    description = serializers.CharField()
    is_usable = serializers.BooleanField()
    is_shipped = serializers.BooleanField()
    is_installed = serializers.BooleanField(help_text="an admin installed it here")
    is_enabled = serializers.BooleanField(help_text="false while an admin has it switched off")
    capabilities = serializers.ListField(child=serializers.CharField())
    network_policy = serializers.CharField()
    allowed_hosts = serializers.ListField(child=serializers.CharField())
    configuration_schema = serializers.DictField()
    authentication = serializers.CharField(allow_blank=True)
    endpoints = PluginEndpointSerializer(many=True)
    sandbox = serializers.CharField(help_text="docker, process, or empty while no worker has reported")
    faults = FaultSerializer(many=True)


class ConnectionSerializer(serializers.ModelSerializer):
    """A student's account on another service. The credential can be written, never read."""

    token = serializers.CharField(write_only=True, required=False, help_text="an access token or API key")
    username = serializers.CharField(write_only=True, required=False)
    password = serializers.CharField(write_only=True, required=False)
    url = serializers.CharField(write_only=True, required=False, help_text="the secret address of a feed")
    way = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="name of the way to connect; empty is the first"
    )
    configuration = serializers.DictField(required=False)
    label = serializers.CharField(required=False, max_length=100, allow_blank=True)
    identity = serializers.DictField(read_only=True)
    source = serializers.CharField(read_only=True)
    home = serializers.CharField(read_only=True, help_text="the host that it talks to")
    has_credential = serializers.BooleanField(read_only=True)
    next_step = serializers.SerializerMethodField(help_text="what the student can do about the last error")

    class Meta:
        model = Connection
        fields = [
            "id",
            "plugin",
            "way",
            "label",
            "configuration",
            "token",
            "username",
            "password",
            "url",
            "has_credential",
            "identity",
            "home",
            "source",
            "health",
            "last_error",
            "last_error_code",
            "next_step",
            "failing_since",
            "last_checked_at",
            "last_synced_at",
            "confirmed_at",
            "created_at",
        ]
        read_only_fields = [
            "health",
            "last_error",
            "last_error_code",
            "failing_since",
            "last_checked_at",
            "last_synced_at",
            "confirmed_at",
            "created_at",
        ]

    def get_next_step(self, connection: Connection) -> str:
        step = next_step(connection)
        return step.words if step else ""

    def credential(self) -> dict[str, str]:
        """Return what was written of the credential."""
        data: dict[str, Any] = self.validated_data
        return {name: data[name] for name in ("token", "username", "password", "url") if name in data}


class SignInSerializer(serializers.ModelSerializer):
    """A sign-in at another service: where to send the student, and what came of it."""

    authorization_url = serializers.CharField(
        read_only=True, required=False, help_text="open it in a browser where the student is signed in here; given once"
    )
    status = serializers.CharField(source="stage", read_only=True, help_text="away, back, running, completed or failed")
    url = serializers.SerializerMethodField(help_text="where this can be read again")
    expires_at = serializers.DateTimeField(read_only=True)
    errors = serializers.DictField(read_only=True, help_text="why it failed, by setting or __all__")

    class Meta:
        model = SignIn
        fields = [
            "id",
            "plugin",
            "way",
            "authorization_url",
            "status",
            "url",
            "connection",
            "is_reconnect",
            "errors",
            "error_code",
            "created_at",
            "expires_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_url(self, sign_in: SignIn) -> str:
        return f"/api/v1/sign-ins/{sign_in.pk}/"


class ConnectionChangeSerializer(ConnectionSerializer):
    """A change; the plugin of a connection stays what it is."""

    class Meta(ConnectionSerializer.Meta):
        read_only_fields = [*ConnectionSerializer.Meta.read_only_fields, "plugin"]


class ActionCallSerializer(serializers.ModelSerializer):
    """One thing a plugin was asked to do, and how it ended."""

    data = serializers.JSONField(source="result", read_only=True, help_text="kept for a day")
    success = serializers.SerializerMethodField(help_text="null until it has ended")
    execution_time = serializers.SerializerMethodField(help_text="seconds")

    class Meta:
        model = ActionCall
        fields = [
            "id",
            "connection",
            "method",
            "action",
            "status",
            "success",
            "data",
            "error",
            "error_code",
            "is_retryable",
            "request_count",
            "execution_time",
            "sandbox",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_success(self, call: ActionCall) -> bool | None:
        return call.status == "completed" if call.is_finished else None

    def get_execution_time(self, call: ActionCall) -> float | None:
        return None if call.duration_ms is None else call.duration_ms / 1000


class GatewayCallSerializer(serializers.ModelSerializer):
    """One request that the plugin made."""

    class Meta:
        model = GatewayCall
        fields = [
            "id",
            "action_call",
            "method",
            "host",
            "path",
            "capability",
            "status",
            "error_code",
            "is_refused",
            "bytes_sent",
            "bytes_received",
            "duration_ms",
            "is_from_cache",
            "created_at",
        ]
        read_only_fields = fields


class CallCountSerializer(serializers.Serializer):
    """Requests that are alike, counted. `reasons` are the codes of those that were refused or failed."""

    capability = serializers.CharField()
    host = serializers.CharField()
    method = serializers.CharField()
    count = serializers.IntegerField()
    refused_count = serializers.IntegerField()
    failed_count = serializers.IntegerField()
    unchanged_count = serializers.IntegerField()
    bytes_received = serializers.IntegerField(source="received")
    bytes_sent = serializers.IntegerField(source="sent")
    reasons = serializers.SerializerMethodField()
    last_at = serializers.DateTimeField()

    def get_reasons(self, row: dict[str, Any]) -> list[str]:
        return (row["reasons"] or "").split()


class CallShapeSerializer(CallCountSerializer):
    """The same of one connection; `shape` is the path without what varies."""

    shape = serializers.CharField()


class StudentCallCountSerializer(CallCountSerializer):
    """The same over all students, of whom only the number is told."""

    connection_count = serializers.IntegerField()


class StorageUseSerializer(serializers.Serializer):
    """How much a connection's plugin keeps."""

    key_count = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    limit_bytes = serializers.IntegerField()


class SyncStartedSerializer(serializers.Serializer):
    """Where the sync can be watched."""

    url = serializers.CharField()
