"""Plans of work, for an admin who helps a student."""

from __future__ import annotations

from django.contrib import admin

from courses.models import PlanPreferences, PlanProposal, WorkBlock


@admin.register(PlanPreferences)
class PlanPreferencesAdmin(admin.ModelAdmin):
    list_display = ["owner", "most_per_day_minutes", "buffer_hours", "updated_at"]
    list_select_related = ["owner"]
    search_fields = ["owner__email"]
    autocomplete_fields = ["owner"]


@admin.register(PlanProposal)
class PlanProposalAdmin(admin.ModelAdmin):
    list_display = ["pk", "owner", "state", "weeks", "made_at", "solved_at", "decided_at"]
    list_filter = ["state"]
    list_select_related = ["owner"]
    search_fields = ["owner__email", "=id"]
    autocomplete_fields = ["owner"]
    readonly_fields = ["made_at", "solved_at", "decided_at", "facts", "unplaced", "error"]


@admin.register(WorkBlock)
class WorkBlockAdmin(admin.ModelAdmin):
    list_display = ["title", "owner", "kind", "starts_at", "ends_at", "state", "actual_minutes", "removed_at"]
    list_filter = ["state", "kind", ("removed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["owner"]
    search_fields = ["title", "owner__email"]
    autocomplete_fields = ["owner", "proposal", "course"]
    readonly_fields = ["accepted_at", "started_at", "finished_at", "removed_at"]
