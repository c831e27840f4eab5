"""The API's doors to entries, events, calendars and feeds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.viewsets import ApiView, OwnedModelViewSet
from courses.calendar import services
from courses.calendar.api.serializers import (
    AcceptCalendarSerializer,
    CalendarEventSerializer,
    CalendarFeedSerializer,
    CalendarSourceSerializer,
    EntrySerializer,
)
from courses.calendar.entries import entries_between, layers
from courses.calendar.feeds import services as feed_services
from courses.calendar.feeds.views import address_of
from courses.calendar.sources import services as source_services
from courses.filters import InCourse
from courses.models import CalendarEvent, CalendarFeed, CalendarSource, Course

LONGEST_SPAN = timedelta(days=400)


class SpanSerializer(serializers.Serializer):
    """The span of a question."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    layer = serializers.ListField(child=serializers.CharField(), required=False)
    course = serializers.IntegerField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not timedelta(0) < attrs["end"] - attrs["start"] <= LONGEST_SPAN:
            raise serializers.ValidationError({"to": ["It comes after `from`, by 400 days at most."]})
        known = {layer.key for layer in layers()}
        if unknown := sorted(set(attrs.get("layer", [])) - known):
            told = f"There is no “{unknown[0]}”. There are: {', '.join(sorted(known))}."
            raise serializers.ValidationError({"layer": [told]})
        return attrs


class EntriesView(ApiView):
    """All that lies in a span of the student's time, earliest first."""

    @extend_schema(
        operation_id="calendar_entries",
        parameters=[
            OpenApiParameter("from", str, required=True, description="a moment, such as 2026-11-30T00:00:00Z"),
            OpenApiParameter("to", str, required=True, description="excluded; at most 400 days later"),
            OpenApiParameter("layer", str, many=True, description="kinds of entries; all by default"),
            OpenApiParameter("course", int, description="only of this course"),
        ],
        responses=EntrySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """List entries: deadlines, events of courses, own events, and whatever else lies in the calendar."""
        query = request.query_params
        asked = {name: query[name] for name in ("course",) if query.get(name)}
        if "layer" in query:
            asked["layer"] = query.getlist("layer")
        span = SpanSerializer(data={"start": query.get("from"), "end": query.get("to"), **asked})
        if not span.is_valid():
            names = {"start": "from", "end": "to"}
            raise serializers.ValidationError({names.get(name, name): told for name, told in span.errors.items()})
        found = span.validated_data
        entries = entries_between(request.user, found["start"], found["end"], only=found.get("layer"))  # type: ignore
        if "course" in found:
            same = set(Course.objects.visible_to(request.user).same_ids(found["course"]))
            entries = [entry for entry in entries if entry.course_id in same]
        return Response(EntrySerializer(entries, many=True).data)


class CalendarEventFilter(django_filters.FilterSet):
    course = InCourse()
    by_hand = django_filters.BooleanFilter(field_name="source", lookup_expr="isnull")
    starts_after = django_filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="gte")
    starts_before = django_filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")
    q = django_filters.CharFilter(method="filter_words", help_text="words to look for")

    class Meta:
        model = CalendarEvent
        fields = ["course", "source", "by_hand", "starts_after", "starts_before", "q"]

    def filter_words(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(pk__in=queryset.matching(value).order_by().values("pk"))


class CalendarEventViewSet(OwnedModelViewSet):
    """Events: by hand, and those that calendars brought. When each takes place is at `calendar/entries/`."""

    queryset = CalendarEvent.objects.defer("search_vector")
    serializer_class = CalendarEventSerializer
    filterset_class = CalendarEventFilter

    def perform_create(self, serializer: BaseSerializer) -> None:
        user = self.request.user
        serializer.instance = services.create_event(user, by=user, **serializer.validated_data)  # type: ignore

    def perform_update(self, serializer: BaseSerializer) -> None:
        serializer.instance = services.update_event(
            serializer.instance, by=self.request.user, changes=serializer.validated_data
        )

    def perform_destroy(self, instance: CalendarEvent) -> None:
        services.delete_event(instance, by=self.request.user)  # type: ignore[arg-type]

    @extend_schema(request=None, responses=CalendarEventSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back the deletion of an event by hand."""
        event = get_object_or_404(CalendarEvent.objects.restorable_by(request.user), pk=pk)  # type: ignore
        return Response(self.get_serializer(services.restore_event(event, by=request.user)).data)  # type: ignore


class CalendarSourceViewSet(OwnedModelViewSet):
    """Calendars that are followed: by address, or from a file that is looked at (`state` draft) before it is taken."""

    queryset = CalendarSource.objects.defer("address")
    serializer_class = CalendarSourceSerializer

    def perform_create(self, serializer: BaseSerializer) -> None:
        user, values = self.request.user, dict(serializer.validated_data)
        if "file" in values:
            serializer.instance = source_services.upload_source(user, values["file"], by=user)  # type: ignore
        else:
            serializer.instance = source_services.add_source(user, by=user, **values)  # type: ignore

    def perform_update(self, serializer: BaseSerializer) -> None:
        changes = {name: value for name, value in serializer.validated_data.items() if name in self.request.data}
        serializer.instance = source_services.update_source(serializer.instance, by=self.request.user, changes=changes)

    def perform_destroy(self, instance: CalendarSource) -> None:
        source_services.remove_source(instance, by=self.request.user)  # type: ignore[arg-type]

    @extend_schema(request=None, responses=CalendarSourceSerializer)
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, pk: str | None = None) -> Response:
        """Read the calendar again now, in a worker."""
        source = source_services.refresh_source(self.get_object(), by=request.user)  # type: ignore
        return Response(self.get_serializer(source).data, status=202)

    @extend_schema(request=AcceptCalendarSerializer, responses=CalendarSourceSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str | None = None) -> Response:
        """Take the good part of a file that was looked at."""
        draft = self.get_object()
        body = AcceptCalendarSerializer(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        values = {"name": draft.name, **body.validated_data}
        source = source_services.accept_source(draft, by=request.user, **values)  # type: ignore[arg-type]
        return Response(self.get_serializer(source).data, status=202)

    @extend_schema(request=None, responses=CalendarSourceSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back that the calendar was removed."""
        source = get_object_or_404(CalendarSource.objects.restorable_by(request.user), pk=pk)  # type: ignore
        return Response(self.get_serializer(source_services.restore_source(source, by=request.user)).data)  # type: ignore

    @extend_schema(request={"multipart/form-data": CalendarSourceSerializer}, responses=CalendarSourceSerializer)
    @action(detail=True, methods=["post"])
    def renew(self, request: Request, pk: str | None = None) -> Response:
        """Look at a newer copy of the file (`file`); accepting it renews this calendar."""
        source = get_object_or_404(CalendarSource.objects.editable_by(request.user).accepted(), pk=pk)
        file = request.FILES.get("file")
        if file is None:
            raise serializers.ValidationError({"file": ["Send the newer copy as `file`."]})
        draft = source_services.upload_source(request.user, file, by=request.user, replaces=source)  # type: ignore
        return Response(self.get_serializer(draft).data, status=201)


class CalendarFeedViewSet(OwnedModelViewSet):
    """Secret addresses under which other programs read the student's calendar. Deleting one takes it back for good."""

    queryset = CalendarFeed.objects.usable()
    serializer_class = CalendarFeedSerializer
    shown_once = ("address",)

    def perform_create(self, serializer: BaseSerializer) -> None:
        user = self.request.user
        feed, secret = feed_services.create_feed(user, by=user, **serializer.validated_data)  # type: ignore
        feed.new_address = address_of(secret)  # type: ignore[attr-defined]
        serializer.instance = feed

    def perform_update(self, serializer: BaseSerializer) -> None:
        serializer.instance = feed_services.update_feed(
            serializer.instance, by=self.request.user, changes=serializer.validated_data
        )

    def perform_destroy(self, instance: CalendarFeed) -> None:
        feed_services.revoke_feed(instance, by=self.request.user)  # type: ignore[arg-type]

    @extend_schema(request=None, responses=CalendarFeedSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str | None = None) -> Response:
        """Give the feed a new address, shown once; the old one opens nothing from then on."""
        feed, secret = feed_services.rotate_feed(self.get_object(), by=request.user)  # type: ignore[arg-type]
        feed.new_address = address_of(secret)  # type: ignore[attr-defined]
        return Response(self.get_serializer(feed).data)
