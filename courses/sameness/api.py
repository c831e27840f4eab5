"""The API's doors to what is the same from several sources, and to what vanished: actions of two collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from courses.sameness import services, vanished

if TYPE_CHECKING:
    from rest_framework.viewsets import GenericViewSet as Base
else:
    Base = object

_OTHER = OpenApiParameter("other", int, OpenApiParameter.PATH, description="the other thing's id")


class JoinSerializer(serializers.Serializer):
    """Which other thing of the student's is the same."""

    other = serializers.IntegerField(min_value=1)


class SameSerializer(serializers.Serializer):
    """One row of what is the same; the first of a list is the one that is shown."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    source = serializers.CharField(help_text="connection:12; empty when made by hand")
    external_id = serializers.CharField()
    is_shown = serializers.SerializerMethodField(help_text="lists have this one")

    def get_is_shown(self, thing: Any) -> bool:
        return thing.same_as_id is None


class SameThings(Base):
    """Joining and parting; a mixin for the viewset of assignments or of courses."""

    @extend_schema(methods=["GET"], responses=SameSerializer(many=True), filters=False)
    @extend_schema(methods=["POST"], request=JoinSerializer, responses=SameSerializer(many=True))
    @action(detail=True, methods=["get", "post"], pagination_class=None, filterset_class=None)
    def same(self, request: Request, pk: str | None = None) -> Response:
        """List the rows of several sources that are this one thing, or say that another one is the same."""
        thing = self.get_object()
        if request.method == "POST":
            body = JoinSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            other = get_object_or_404(self.get_queryset(), pk=body.validated_data["other"])
            thing = services.join(thing, other, by=request.user)
        return Response(SameSerializer(services.group_of(thing), many=True).data)

    @extend_schema(request=None, responses=SameSerializer(many=True), parameters=[_OTHER])
    @action(detail=True, methods=["post"], url_path=r"same/(?P<other>\d+)/part")
    def part(self, request: Request, pk: str | None = None, other: str = "") -> Response:
        """Say that another one is not the same; lists what still is."""
        thing = self.get_object()
        services.part(thing, get_object_or_404(self.get_queryset(), pk=other), by=request.user)
        thing.refresh_from_db(fields=["same_as"])
        return Response(SameSerializer(services.group_of(thing), many=True).data)


class VanishedWork(Base):
    """What becomes of vanished work; a mixin for the viewset of assignments."""

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, pk: str | None = None) -> Response:
        """Make work that vanished at its source the student's own; answers what is shown from now on."""
        own = vanished.keep_as_own(self.get_object(), by=request.user)
        return Response(self.get_serializer(self.get_queryset().get(pk=own.pk)).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="put-away")
    def put_away(self, request: Request, pk: str | None = None) -> Response:
        """Take work that vanished at its source out of the lists, until the source has it again."""
        return Response(self.get_serializer(vanished.put_away(self.get_object(), by=request.user)).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, pk: str | None = None) -> Response:
        """Show work again that was put away."""
        return Response(self.get_serializer(vanished.take_back(self.get_object(), by=request.user)).data)
