"""What students said about two things being one, and when they last looked, for an admin who helps them."""

from __future__ import annotations

from django.contrib import admin

from courses.models import DashboardVisit, SamenessChoice


@admin.register(SamenessChoice)
class SamenessChoiceAdmin(admin.ModelAdmin):
    list_display = ["__str__", "owner", "kind", "is_same", "created_at"]
    list_filter = ["kind", "is_same"]
    list_select_related = ["owner"]
    search_fields = ["owner__email", "=first", "=second"]
    raw_id_fields = ["owner"]


@admin.register(DashboardVisit)
class DashboardVisitAdmin(admin.ModelAdmin):
    list_display = ["owner", "seen_at", "since"]
    list_select_related = ["owner"]
    search_fields = ["owner__email"]
    raw_id_fields = ["owner"]
