"""Reminders, rules and settings as JSON. Serializers parse and present; services check and write."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from courses.api.serializers import OwnCourses
from courses.models import Course, Reminder, ReminderRule, ReminderSettings
from courses.models.reminders import Channel, DigestSlot
from courses.reminders.times import SNOOZES


class ChannelsField(serializers.ListField):
    """Channels; none stands for the student's choice for reminders."""

    child = serializers.ChoiceField(choices=Channel.choices)


class ReminderSerializer(serializers.ModelSerializer):
    """A reminder of one thing: `lead_minutes` before it (negative: after), or at `remind_at`; `fire_at` follows."""

    channels = ChannelsField(required=False)
    target_kind = serializers.CharField(max_length=20)
    target_id = serializers.IntegerField(min_value=1, max_value=2**62)

    class Meta:
        model = Reminder
        fields = [
            *("id", "target_kind", "target_id", "lead_minutes", "remind_at", "channels", "state", "reason", "fire_at"),
            *("target_at", "is_derived", "rule", "snoozed_until", "sent_at", "created_at"),
        ]
        read_only_fields = [
            *("id", "state", "reason", "fire_at", "target_at", "is_derived", "rule", "snoozed_until", "sent_at"),
            "created_at",
        ]
        validators: list[Any] = []


class ReminderUpdateSerializer(ReminderSerializer):
    """A reminder stays with its thing."""

    target_kind = serializers.CharField(read_only=True)
    target_id = serializers.IntegerField(read_only=True)


class DismissSerializer(serializers.Serializer):
    """Whether one wants it at no time at all, of a thing that repeats."""

    every_time = serializers.BooleanField(default=False)


class SnoozeSerializer(serializers.Serializer):
    """How long to put it off."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {"for": serializers.ChoiceField(choices=list(SNOOZES.items()))}


class ReminderRuleSerializer(serializers.ModelSerializer):
    """A default: of which kind, how long before, for all courses or for one. `lead_minutes` null: never, for one."""

    course = OwnCourses(queryset=Course.objects.none(), required=False, allow_null=True)
    channels = ChannelsField(required=False)

    class Meta:
        model = ReminderRule
        fields = ["id", "kind", "course", "lead_minutes", "channels", "changed_at"]
        read_only_fields = ["id", "changed_at"]
        extra_kwargs = {"lead_minutes": {"required": True}}
        validators: list[Any] = []


class ReminderRuleUpdateSerializer(ReminderRuleSerializer):
    """A rule stays with its kind and course."""

    kind = serializers.CharField(read_only=True)
    course = serializers.PrimaryKeyRelatedField(read_only=True)


class ReminderSettingsSerializer(serializers.ModelSerializer):
    """Digests, and how early workflows are told `assignment.due_soon`. Times are in the student's zone; 0 is Monday."""

    class Meta:
        model = ReminderSettings
        fields = [
            *("soon_hours", "has_daily_digest", "daily_at", "daily_days", "has_weekly_digest", "weekly_day"),
            *("weekly_at", "next_daily_at", "next_weekly_at"),
        ]
        read_only_fields = ["next_daily_at", "next_weekly_at"]


class DigestKindSerializer(serializers.Serializer):
    """Which digest."""

    kind = serializers.ChoiceField(choices=DigestSlot.Kind.choices)


class DigestLineSerializer(serializers.Serializer):
    """One line of a digest."""

    title = serializers.CharField()
    url = serializers.CharField()
    side = serializers.CharField()
    note = serializers.CharField()


class DigestSectionSerializer(serializers.Serializer):
    """One part of a digest; `more` lines are left out."""

    key = serializers.CharField()
    title = serializers.CharField()
    lines = DigestLineSerializer(many=True)
    more = serializers.IntegerField()


class DigestSerializer(serializers.Serializer):
    """A digest as it would come now; without sections it is not sent."""

    kind = serializers.CharField()
    subject = serializers.CharField()
    is_empty = serializers.BooleanField()
    sections = DigestSectionSerializer(many=True)
    is_sent = serializers.SerializerMethodField()

    @extend_schema_field(serializers.BooleanField())
    def get_is_sent(self, digest: Any) -> bool:
        return bool(self.context.get("is_sent"))
