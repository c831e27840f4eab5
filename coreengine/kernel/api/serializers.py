"""Rows of the kernel as JSON."""

from rest_framework import serializers

from coreengine.kernel.models import Event, Notification, PushSubscription


class NotificationSerializer(serializers.ModelSerializer):
    """A line of the bell."""

    is_read = serializers.BooleanField(read_only=True)

    class Meta:
        model = Notification
        fields = ["id", "title", "content", "priority", "kind", "group", "url", "actions"]
        fields += ["created_at", "read_at", "is_read"]
        read_only_fields = fields


class EventSerializer(serializers.ModelSerializer):
    """An entry of the log."""

    class Meta:
        model = Event
        fields = ["id", "time", "type", "actor", "subject_type", "subject_id", "sequence", "data"]
        read_only_fields = fields


class CountSerializer(serializers.Serializer):
    """How many were changed."""

    count = serializers.IntegerField()


class ChannelsSerializer(serializers.Serializer):
    """Which channels are on."""

    bell = serializers.BooleanField(required=False)
    mail = serializers.BooleanField(required=False)
    push = serializers.BooleanField(required=False)


class QuietHoursSerializer(serializers.Serializer):
    """The hours, in the student's zone, in which nothing is mailed or pushed."""

    is_on = serializers.BooleanField()
    starts_at = serializers.TimeField()
    ends_at = serializers.TimeField()


class NotificationSettingsSerializer(serializers.Serializer):
    """How the student is told: channels by kind, quiet hours, and the key that a browser subscribes with."""

    channels = serializers.DictField(child=ChannelsSerializer(), required=False)
    quiet_hours = QuietHoursSerializer(required=False)
    push_key = serializers.CharField(read_only=True)


class PushSubscriptionSerializer(serializers.ModelSerializer):
    """A browser that is pushed to; its address and keys are taken and never shown."""

    endpoint = serializers.CharField(write_only=True, max_length=2000)
    p256dh = serializers.CharField(write_only=True, max_length=200)
    auth = serializers.CharField(write_only=True, max_length=200)

    class Meta:
        model = PushSubscription
        fields = ["id", "label", "host", "created_at", "last_sent_at", "endpoint", "p256dh", "auth"]
        read_only_fields = ["id", "host", "created_at", "last_sent_at"]


class EventTypeSerializer(serializers.Serializer):
    """A type of events that triggers of workflows can wait for."""

    type = serializers.CharField()
    also = serializers.ListField(child=serializers.CharField())
    label = serializers.CharField()  # type: ignore[assignment]
    description = serializers.CharField()
    example = serializers.JSONField()
    filter = serializers.CharField()
