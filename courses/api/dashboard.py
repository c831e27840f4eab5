"""The API's doors to the dashboard: the agenda, what is new, and that it was seen."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import ApiView
from courses.agenda import build_agenda
from courses.news import StreamLine, build_stream
from courses.pages import clock_of
from courses.visits import note_visit


class AgendaLineSerializer(serializers.Serializer):
    """One line of work."""

    id = serializers.IntegerField(source="pk")
    kind = serializers.CharField(help_text="empty for assignments")
    name = serializers.CharField()
    course = serializers.CharField()
    state = serializers.CharField()
    due_at = serializers.SerializerMethodField()
    is_done = serializers.BooleanField(source="done")

    def get_due_at(self, row: Any) -> str | None:
        return row.when.iso if row.when else None


class AgendaSectionSerializer(serializers.Serializer):
    """A part of the agenda with its first lines; `total` counts all."""

    key = serializers.ChoiceField(choices=["overdue", "missing", "today", "week", "next", "later", "waiting", "gone"])
    title = serializers.CharField()
    total = serializers.IntegerField()
    rows = AgendaLineSerializer(many=True)


class AgendaSerializer(serializers.Serializer):
    """What the student has to do, in the order of need."""

    sentence = serializers.CharField()
    sections = AgendaSectionSerializer(many=True)


class NewsLineSerializer(serializers.Serializer):
    """One thing that changed, or an announcement."""

    name = serializers.CharField(source="change.name")
    verb = serializers.CharField(source="change.verb")
    new = serializers.CharField(source="change.new")
    old = serializers.CharField(source="change.old")
    url = serializers.CharField(source="change.url")
    time = serializers.DateTimeField()
    is_new = serializers.BooleanField()


class NewsSerializer(serializers.Serializer):
    """What is new since the last visit, and some of what was before."""

    since = serializers.DateTimeField(allow_null=True)
    lines = NewsLineSerializer(many=True)


class SeenSerializer(serializers.Serializer):
    """`all`: everything counts as seen from now on."""

    all = serializers.BooleanField(default=False)


class AgendaView(ApiView):
    """The dashboard's agenda."""

    @extend_schema(responses=AgendaSerializer)
    def get(self, request: Request) -> Response:
        """Read what is overdue, missing, due today, this week, next week and later, and what waits for a grade."""
        return Response(AgendaSerializer(build_agenda(request.user, clock_of(request.user))).data)


class NewsView(ApiView):
    """The dashboard's stream of news."""

    @extend_schema(responses=NewsSerializer)
    def get(self, request: Request) -> Response:
        """Read announcements and changes, what came since the last visit first."""
        stream = build_stream(request.user, clock_of(request.user))
        lines: list[StreamLine] = [*stream.new, *stream.earlier]
        return Response(NewsSerializer({"since": stream.since, "lines": lines}).data)


class NewsSeenView(ApiView):
    """That the dashboard was seen."""

    @extend_schema(request=SeenSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Note a visit to the dashboard."""
        body = SeenSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        note_visit(request.user, now=timezone.now(), is_all_seen=body.validated_data["all"])
        return Response(status=204)
