"""The kernel's rows in the admin."""

from typing import Any

from django.contrib import admin

from coreengine.kernel.models import (
    Blob,
    BlobGrant,
    Event,
    EventCursor,
    IdempotentRequest,
    MailboxMessage,
    Notification,
    NotificationPreference,
    OutgoingEmail,
    OutgoingPush,
    PushKey,
    PushSubscription,
    QuietHours,
)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are looked at and never edited by hand."""

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The log."""

    list_display = ["id", "time", "type", "subject_type", "subject_id", "sequence", "owner"]
    list_filter = ["subject_type"]
    search_fields = ["type", "subject_id", "owner__email"]
    list_select_related = ["owner"]
    show_full_result_count = False


@admin.register(EventCursor)
class EventCursorAdmin(ReadOnlyAdmin):
    """How far each subscriber has read."""

    list_display = ["subscriber", "event", "failures", "last_error", "updated_at"]


@admin.register(Notification)
class NotificationAdmin(admin.ModelAdmin):
    """What students were told."""

    list_display = ["title", "owner", "priority", "kind", "created_at", "read_at"]
    list_filter = ["priority", "kind", "created_at"]
    search_fields = ["title", "owner__email"]
    list_select_related = ["owner"]
    raw_id_fields = ["owner"]


@admin.register(Blob)
class BlobAdmin(ReadOnlyAdmin):
    """Stored bytes."""

    list_display = ["sha256", "size_bytes", "content_type", "holds", "created_at"]
    search_fields = ["sha256"]


@admin.register(OutgoingEmail)
class OutgoingEmailAdmin(ReadOnlyAdmin):
    """The outbox."""

    list_display = ["subject", "to", "created_at", "sent_at", "attempts", "last_error"]
    list_filter = ["sent_at"]
    search_fields = ["to", "subject"]


@admin.register(MailboxMessage)
class MailboxMessageAdmin(ReadOnlyAdmin):
    """Mails that development kept."""

    list_display = ["subject", "to", "created_at"]
    search_fields = ["to", "subject"]


@admin.register(BlobGrant)
class BlobGrantAdmin(ReadOnlyAdmin):
    """Who fetched which bytes."""

    list_display = ["blob", "owner", "created_at"]
    search_fields = ["blob__sha256", "owner__email"]
    list_select_related = ["blob", "owner"]


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin):
    """Requests that were sent with an Idempotency-Key in the last day; their answers belong to the student."""

    list_display = ["key", "owner", "status", "location", "created_at"]
    search_fields = ["key", "owner__email"]
    list_select_related = ["owner"]
    exclude = ["body", "fingerprint"]


@admin.register(NotificationPreference)
class NotificationPreferenceAdmin(admin.ModelAdmin):
    """By which channels students are told."""

    list_display = ["owner", "kind", "bell", "mail", "push"]
    list_filter = ["kind"]
    search_fields = ["owner__email", "kind"]
    list_select_related = ["owner"]
    raw_id_fields = ["owner"]


@admin.register(QuietHours)
class QuietHoursAdmin(admin.ModelAdmin):
    """When students are left alone."""

    list_display = ["owner", "is_on", "starts_at", "ends_at"]
    search_fields = ["owner__email"]
    list_select_related = ["owner"]
    raw_id_fields = ["owner"]


@admin.register(PushKey)
class PushKeyAdmin(ReadOnlyAdmin):
    """The key by which push services know this installation."""

    list_display = ["application_key", "created_at", "is_current"]
    search_fields = ["application_key"]


@admin.register(PushSubscription)
class PushSubscriptionAdmin(ReadOnlyAdmin):
    """The browsers that are pushed to; their addresses are not shown."""

    list_display = ["label", "owner", "host", "created_at", "last_sent_at"]
    search_fields = ["label", "host", "owner__email"]
    list_select_related = ["owner"]


@admin.register(OutgoingPush)
class OutgoingPushAdmin(ReadOnlyAdmin):
    """Pushes, sent and to be sent."""

    list_display = ["subscription", "created_at", "sent_at", "attempts", "last_error"]
    search_fields = ["subscription__label", "last_error"]
    list_select_related = ["subscription"]
