"""Rows of the kernel as JSON."""

from rest_framework import serializers

from coreengine.kernel.models import Event, Notification


class NotificationSerializer(serializers.ModelSerializer):
    """A line of the bell."""

    is_read = serializers.BooleanField(read_only=True)

    class Meta:
        model = Notification
        fields = ["id", "title", "content", "priority", "kind", "url", "created_at", "read_at", "is_read"]
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
