"""The calendar's rows, for an admin who helps a student. Secrets are not among them."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from courses.models import CalendarEvent, CalendarFeed, CalendarOccurrence, CalendarSource


@admin.register(CalendarSource)
class CalendarSourceAdmin(admin.ModelAdmin):
    list_display = ["name", "owner", "kind", "address_shown", "state", "error", "failures", "fetched_at", "next_at"]
    list_filter = ["state", "kind", ("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__email", "address_shown"]
    autocomplete_fields = ["owner", "course", "replaces"]
    readonly_fields = [
        "address_shown",
        "error",
        "report",
        "failures",
        "first_at",
        "fetched_at",
        "next_at",
        "deleted_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CalendarSource]:
        return super().get_queryset(request).defer("address")


@admin.register(CalendarEvent)
class CalendarEventAdmin(admin.ModelAdmin):
    list_display = ["title", "owner", "source", "starts_at", "ends_at", "is_all_day", "rrule", "missing_since"]
    list_filter = ["is_all_day", ("source", admin.EmptyFieldListFilter), ("missing_since", admin.EmptyFieldListFilter)]
    list_select_related = ["owner", "source"]
    search_fields = ["title", "uid", "owner__email"]
    autocomplete_fields = ["owner", "course", "source"]
    readonly_fields = ["digest", "expanded_until", "missing_since", "deleted_at", "created_at", "updated_at"]
    exclude = ["search_vector"]
    date_hierarchy = "starts_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CalendarEvent]:
        return super().get_queryset(request).defer("search_vector", "description", "source__address")


@admin.register(CalendarOccurrence)
class CalendarOccurrenceAdmin(admin.ModelAdmin):
    """Worked out from events: to be read, not written."""

    list_display = ["event", "owner", "starts_at", "ends_at"]
    list_select_related = ["event", "owner"]
    search_fields = ["event__title", "owner__email"]
    raw_id_fields = ["event", "owner"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: CalendarOccurrence | None = None) -> bool:
        return False


@admin.register(CalendarFeed)
class CalendarFeedAdmin(admin.ModelAdmin):
    list_display = ["name", "owner", "course", "hint", "last_used_at", "last_used_by", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner", "course"]
    search_fields = ["name", "owner__email", "hint"]
    autocomplete_fields = ["owner", "course"]
    readonly_fields = ["hint", "last_used_at", "last_used_by", "revoked_at", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
