"""Events, calendars and feeds as JSON. Serializers parse and present; services write."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from rest_framework import serializers

from courses.api.serializers import OwnCourses
from courses.calendar.rules import REPEATS, repeats_of
from courses.models import CalendarEvent, CalendarFeed, CalendarSource
from courses.models.courses import HUES
from courses.rules import LONGEST_NOTES


class EntrySerializer(serializers.Serializer):
    """One thing at a time: a deadline, a course's event, the student's own."""

    key = serializers.CharField(help_text="assignment:12, event:7@20261130T090000Z")
    kind = serializers.CharField()
    title = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="null for a moment, such as a deadline; excluded")
    is_all_day = serializers.BooleanField()
    is_busy = serializers.BooleanField(help_text="whether the time is taken for anything else")
    is_done = serializers.BooleanField()
    url = serializers.CharField()
    location = serializers.CharField()
    course_id = serializers.IntegerField(allow_null=True)
    course = serializers.CharField()
    hue = serializers.IntegerField(allow_null=True)


class CalendarEventSerializer(serializers.ModelSerializer):
    """An event. All of one by hand can be written; of one from a calendar, the notes.

    Whole days are written as `starts_on` and `ends_on` (the last day) with `is_all_day`, times as `starts_at` and
    `ends_at`; without an end an event lasts an hour, or a day.
    """

    course = OwnCourses(required=False, allow_null=True)
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    starts_on = serializers.DateField(required=False, allow_null=True, write_only=True)
    ends_on = serializers.DateField(required=False, allow_null=True, write_only=True)
    repeats = serializers.ChoiceField(choices=REPEATS, required=False, allow_blank=True, write_only=True)
    repeats_until = serializers.DateField(required=False, allow_null=True, write_only=True)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_NOTES)

    class Meta:
        model = CalendarEvent
        fields = [
            "id", "title", "starts_at", "ends_at", "is_all_day", "starts_on", "ends_on", "time_zone", "repeats",
            "repeats_until", "rrule", "location", "course", "is_busy", "notes", "description", "url", "source", "uid",
            "missing_since", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = [
            "time_zone", "rrule", "description", "url", "source", "uid", "missing_since", "created_at", "updated_at",
        ]  # fmt: skip

    def to_representation(self, instance: CalendarEvent) -> dict[str, Any]:
        shown = super().to_representation(instance)
        repeats, until = repeats_of(instance.rrule)
        first: date | None = instance.starts_at.date() if instance.is_all_day else None
        last = (instance.ends_at - timedelta(days=1)).date() if instance.is_all_day else None
        return {
            **shown,
            "starts_on": first.isoformat() if first else None,
            "ends_on": last.isoformat() if last else None,
            "repeats": repeats,
            "repeats_until": until.isoformat() if until else None,
        }


class CalendarSourceSerializer(serializers.ModelSerializer):
    """A calendar that is followed. Its address is written and never shown; `address_shown` tells it apart."""

    course = OwnCourses(required=False, allow_null=True)
    name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    address = serializers.CharField(write_only=True, required=False, max_length=2000)
    file = serializers.FileField(write_only=True, required=False, help_text="a calendar file, as multipart/form-data")
    hue = serializers.IntegerField(min_value=0, max_value=HUES - 1, required=False, help_text="the colour, 0 to 11")
    is_busy = serializers.BooleanField(required=False, default=True)
    report = serializers.JSONField(read_only=True, help_text="what the last reading found, and what was not right")

    class Meta:
        model = CalendarSource
        fields = [
            "id", "kind", "name", "hue", "course", "is_busy", "address", "address_shown", "file", "replaces", "state",
            "error", "report", "fetched_at", "next_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = [
            "kind", "address_shown", "replaces", "state", "error", "fetched_at", "next_at", "created_at", "updated_at",
        ]  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None and ("address" in attrs) == ("file" in attrs):
            raise serializers.ValidationError({"address": ["Give the address of a calendar, or a file."]})
        return attrs


class AcceptCalendarSerializer(serializers.Serializer):
    """What to take a file that was looked at as."""

    name = serializers.CharField(required=False, max_length=120)
    hue = serializers.IntegerField(min_value=0, max_value=HUES - 1, required=False)
    course = OwnCourses(required=False, allow_null=True)
    is_busy = serializers.BooleanField(required=False, default=True)


class CalendarFeedSerializer(serializers.ModelSerializer):
    """A secret address. `address` is in the answer that makes it, and never again."""

    course = OwnCourses(required=False, allow_null=True)
    layers = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, help_text="kinds of entries; empty means all"
    )
    alarms = serializers.DictField(
        child=serializers.IntegerField(), required=False, help_text='minutes before, by kind: {"assignments": 1440}'
    )
    address = serializers.SerializerMethodField(help_text="the secret address, shown once")

    class Meta:
        model = CalendarFeed
        fields = [
            "id", "name", "course", "layers", "alarms", "address", "hint", "last_used_at", "last_used_by", "created_at",
        ]  # fmt: skip
        read_only_fields = ["hint", "last_used_at", "last_used_by", "created_at"]

    def get_address(self, feed: CalendarFeed) -> str | None:
        return getattr(feed, "new_address", None)
