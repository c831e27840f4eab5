"""People and tokens in the admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin

from coreengine.accounts.models import ApiToken, User


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """People, found by address or name."""

    ordering = ["email"]
    list_display = ["email", "name", "is_staff", "is_active", "date_joined", "last_login"]
    list_filter = ["is_staff", "is_active"]
    search_fields = ["email", "name"]
    readonly_fields = ["date_joined", "last_login", "dashboard_seen_at"]
    fieldsets = [
        (None, {"fields": ["email", "password", "name"]}),
        ("Preferences", {"fields": ["time_zone", "theme", "has_shortcuts"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("Moments", {"fields": ["date_joined", "last_login", "dashboard_seen_at"]}),
    ]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["email", "name", "usable_password", "password1", "password2"]})
    ]


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Access tokens; the secrets are not stored anywhere."""

    list_display = ["name", "owner", "scope", "hint", "created_at", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["scope", "revoked_at"]
    search_fields = ["name", "owner__email"]
    list_select_related = ["owner"]
    readonly_fields = [f.name for f in ApiToken._meta.fields]

    def has_add_permission(self, request: object) -> bool:
        return False
