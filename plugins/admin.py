"""Connections and calls in the admin; what plugins did is read-only, credentials are never shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from coreengine.kernel.admin import ReadOnlyAdmin
from plugins.models import ActionCall, CachedAnswer, Connection, GatewayCall, InstalledPlugin, PluginVersion


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin):
    """Connections by owner, plugin and health."""

    list_display = ["label", "owner", "plugin", "health", "last_error", "last_synced_at", "confirmed_at"]
    list_filter = ["plugin", "health", "created_at"]
    search_fields = ["label", "owner__email", "owner__name", "plugin"]
    list_select_related = ["owner"]
    date_hierarchy = "created_at"
    fields = [
        "owner",
        "plugin",
        "label",
        "configuration",
        "identity",
        "health",
        "last_error",
        "last_error_code",
        "confirmed_at",
        "last_checked_at",
        "last_synced_at",
        "created_at",
        "updated_at",
    ]
    readonly_fields = [name for name in fields if name != "label"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A connection needs its student's token and a try-out; pages and API have both.
        return False

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:
        """Disconnect as the pages do, so that schedules go too."""
        from plugins.services import disconnect

        disconnect(obj, by=request.user)  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Disconnect each."""
        for connection in queryset:
            self.delete_model(request, connection)


class GatewayCallInline(admin.TabularInline):
    """The requests of one call."""

    model = GatewayCall
    fields = ["method", "host", "path", "status", "error_code", "bytes_received", "duration_ms", "is_from_cache"]
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ActionCall)
class ActionCallAdmin(ReadOnlyAdmin):
    """What plugins were asked to do."""

    list_display = [
        "pk",
        "connection",
        "owner",
        "method",
        "action",
        "status",
        "sandbox",
        "request_count",
        "duration_ms",
    ]
    list_filter = ["status", "method", "sandbox", "error_code", "created_at"]
    search_fields = ["action", "error", "owner__email", "connection__label"]
    list_select_related = ["connection", "owner"]
    date_hierarchy = "created_at"
    exclude = ["result"]
    inlines = [GatewayCallInline]


@admin.register(GatewayCall)
class GatewayCallAdmin(ReadOnlyAdmin):
    """Requests that left through the gateway."""

    list_display = ["created_at", "connection", "method", "host", "path", "status", "error_code", "duration_ms"]
    list_filter = ["host", "status", "error_code", "is_from_cache", "created_at"]
    search_fields = ["host", "path", "connection__label", "owner__email"]
    list_select_related = ["connection"]
    date_hierarchy = "created_at"


@admin.register(CachedAnswer)
class CachedAnswerAdmin(ReadOnlyAdmin):
    """What is kept of answers; their bodies belong to the student and are not shown."""

    list_display = ["key", "connection", "size_bytes", "stored_at"]
    search_fields = ["connection__label", "connection__owner__email"]
    list_select_related = ["connection"]
    exclude = ["body", "headers"]


@admin.register(InstalledPlugin)
class InstalledPluginAdmin(ReadOnlyAdmin):
    """What is switched off, and which installed version runs; changed on the settings pages."""

    list_display = ["name", "is_enabled", "current", "pending", "changed_by", "changed_at"]
    list_filter = ["is_enabled"]
    search_fields = ["name"]
    list_select_related = ["current", "pending", "changed_by"]


@admin.register(PluginVersion)
class PluginVersionAdmin(ReadOnlyAdmin):
    """Versions that admins brought."""

    list_display = ["name", "version", "signed_by", "sha256", "installed_by", "installed_at", "image_state"]
    list_filter = ["image_state", "installed_at"]
    search_fields = ["name", "version", "sha256", "signed_by"]
    list_select_related = ["installed_by"]
