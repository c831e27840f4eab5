"""Connections and calls in the admin; what plugins did is read-only, credentials are never shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from coreengine.kernel.admin import ReadOnlyAdmin
from coreengine.kernel.site import SiteAddressMissing
from plugins.models import (
    ActionCall,
    CachedAnswer,
    Connection,
    ConnectionDelivery,
    ConnectionWebhook,
    GatewayCall,
    InstalledPlugin,
    OAuthClient,
    PluginVersion,
    SavedCopy,
    SignIn,
    StoredValue,
    TokenToRevoke,
)
from plugins.oauth.clients import redirect_uri
from plugins.registry import Plugin, usable_plugins


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


class OAuthClientForm(forms.ModelForm):
    """A client; its secret is written and never shown."""

    secret = forms.CharField(
        label="Client secret",
        required=False,
        max_length=2000,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
    )
    plugin = forms.ChoiceField()

    class Meta:
        model = OAuthClient
        fields = ["plugin", "host", "client_id"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = {plugin.name: plugin.title for plugin in usable_plugins() if _signs_in(plugin)}
        if self.instance.pk:
            names.setdefault(self.instance.plugin, self.instance.plugin)
        self.fields["plugin"] = forms.ChoiceField(choices=list(names.items()))
        stored = "A secret is stored. Leave this empty to keep it." if self.instance.has_secret else ""
        self.fields["secret"].help_text = stored or "Kept encrypted, and never shown again. Empty for a public client."

    def save(self, commit: bool = True) -> Any:
        """Keep the stored secret where none was typed."""
        if self.cleaned_data.get("secret"):
            self.instance.client_secret = self.cleaned_data["secret"]
        return super().save(commit)


def _signs_in(plugin: Plugin) -> bool:
    return plugin.manifest is not None and any(way.needs_sign_in for way in plugin.manifest.ways)


@admin.register(OAuthClient)
class OAuthClientAdmin(admin.ModelAdmin):
    """Client ids that other services gave this installation."""

    form = OAuthClientForm
    list_display = ["plugin", "shown_host", "client_id", "secret_is_stored", "updated_at"]
    list_filter = ["plugin"]
    search_fields = ["plugin", "host", "client_id"]
    fields = ["plugin", "host", "client_id", "secret", "register_this"]
    readonly_fields = ["register_this"]

    @admin.display(description="host", ordering="host")
    def shown_host(self, client: OAuthClient) -> str:
        return client.host or "any"

    @admin.display(description="secret", boolean=True)
    def secret_is_stored(self, client: OAuthClient) -> bool:
        return client.has_secret

    @admin.display(description="Return address to register at the service")
    def register_this(self, client: OAuthClient) -> str:
        try:
            return redirect_uri()
        except SiteAddressMissing as error:
            return str(error)


@admin.register(SignIn)
class SignInAdmin(ReadOnlyAdmin):
    """Sign-ins of the last day; what they carried is not shown."""

    list_display = ["created_at", "owner", "plugin", "way", "stage", "error_code", "connection"]
    list_filter = ["plugin", "stage"]
    search_fields = ["owner__email", "plugin"]
    list_select_related = ["owner", "connection"]
    exclude = ["state_hash", "binding_hash"]


@admin.register(TokenToRevoke)
class TokenToRevokeAdmin(ReadOnlyAdmin):
    """Tokens that a service has not been told about yet."""

    list_display = ["created_at", "owner", "plugin", "label", "tries", "next_try_at"]
    list_select_related = ["owner"]
    search_fields = ["label", "plugin", "owner__email"]
    exclude = ["manifest"]


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


@admin.register(StoredValue)
class StoredValueAdmin(ReadOnlyAdmin):
    """What plugins keep between actions; the values are the student's and are not shown."""

    list_display = ["key", "connection", "size_bytes", "updated_at"]
    search_fields = ["key", "connection__label", "connection__owner__email"]
    list_select_related = ["connection"]
    exclude = ["value"]


@admin.register(SavedCopy)
class SavedCopyAdmin(ReadOnlyAdmin):
    """Copies of things that lie at a connection."""

    list_display = ["name", "thing", "connection", "owner", "saved_at"]
    search_fields = ["name", "thing", "connection__label", "owner__email"]
    list_select_related = ["connection", "owner"]


@admin.register(ConnectionWebhook)
class ConnectionWebhookAdmin(ReadOnlyAdmin):
    """Webhooks of connections; their secrets are never shown."""

    list_display = ["name", "connection", "secret_made_at", "last_problem_at", "sync_asked_at"]
    search_fields = ["name", "connection__label", "connection__owner__email"]
    list_select_related = ["connection"]
    exclude = ["secret", "previous_secret"]


@admin.register(ConnectionDelivery)
class ConnectionDeliveryAdmin(ReadOnlyAdmin):
    """What other services sent; bodies are the student's and are not shown."""

    list_display = ["received_at", "connection", "event", "status", "reason_code", "attempts", "size_bytes"]
    list_filter = ["status", "reason_code", "received_at"]
    search_fields = ["delivery_id", "event", "connection__label", "owner__email"]
    list_select_related = ["connection"]
    date_hierarchy = "received_at"
    exclude = ["body"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body")
