"""Reminders in the admin: to look at, and to see why one did not come."""

from django.contrib import admin

from coreengine.kernel.admin import ReadOnlyAdmin
from courses.models import DigestSlot, DueSignal, Reminder, ReminderRule, ReminderSettings


@admin.register(Reminder)
class ReminderAdmin(ReadOnlyAdmin):
    list_display = ["owner", "target_kind", "target_id", "state", "fire_at", "sent_at", "reason", "failures"]
    list_filter = ["state", "target_kind", "is_derived"]
    search_fields = ["owner__email", "=target_id"]
    list_select_related = ["owner"]


@admin.register(ReminderRule)
class ReminderRuleAdmin(ReadOnlyAdmin):
    list_display = ["owner", "kind", "course", "lead_minutes", "channels", "changed_at"]
    list_filter = ["kind"]
    search_fields = ["owner__email"]
    list_select_related = ["owner", "course"]


@admin.register(ReminderSettings)
class ReminderSettingsAdmin(ReadOnlyAdmin):
    list_display = ["owner", "soon_hours", "next_daily_at", "next_weekly_at", "is_stale", "derived_at"]
    search_fields = ["owner__email"]
    list_select_related = ["owner"]


@admin.register(DigestSlot)
class DigestSlotAdmin(ReadOnlyAdmin):
    list_display = ["owner", "kind", "day", "state", "due_at", "made_at"]
    list_filter = ["kind", "state"]
    search_fields = ["owner__email"]
    list_select_related = ["owner"]


@admin.register(DueSignal)
class DueSignalAdmin(ReadOnlyAdmin):
    list_display = ["owner", "assignment", "type", "due_at", "lead_hours", "fire_at", "fired_at"]
    list_filter = ["type"]
    search_fields = ["owner__email", "assignment__name"]
    list_select_related = ["owner", "assignment"]
