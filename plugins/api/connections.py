"""The API's doors to connections."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import OwnedModelViewSet, OwnedReadViewSet
from plugins import services
from plugins.api.conduct import CALL_FILTERS, filtered_calls
from plugins.api.serializers import (
    ActionCallSerializer,
    ConnectionChangeSerializer,
    ConnectionSerializer,
    GatewayCallSerializer,
    SignInSerializer,
    SyncStartedSerializer,
)
from plugins.filters import ConnectionFilter
from plugins.manifest import Authentication, Manifest
from plugins.models import ActionCall, Connection, SignIn
from plugins.oauth import sign_in

STARTED = PolymorphicProxySerializer(
    component_name="ConnectionStarted",
    serializers=[ConnectionSerializer, SignInSerializer],
    resource_type_field_name=None,
)


class ConnectionViewSet(OwnedModelViewSet):
    """The student's accounts on other services."""

    queryset = Connection.objects.all()
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilter

    def get_serializer_class(self) -> type[ConnectionSerializer]:
        return ConnectionChangeSerializer if self.action == "partial_update" else ConnectionSerializer

    @extend_schema(responses={201: ConnectionSerializer, 202: STARTED})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Connect a plugin and try it out: 201 once the other side accepted it, 202 while it is still being asked.

        A way that signs in (oauth2) answers 202 with a sign-in: open its `authorization_url` in a browser.
        """
        return self.idempotently(request, lambda: self._create(request))

    def _create(self, request: Request) -> Response:
        serializer: ConnectionSerializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        manifest = services.installed_manifest(data["plugin"])
        way = services.chosen_way(manifest, data.get("way", ""), serializer.credential())
        configuration, label = data.get("configuration", {}), data.get("label", "")
        if way is not None and way.needs_sign_in:
            return departure_response(
                sign_in.start(request.user, manifest, way, configuration=configuration, label=label, binding="")
            )
        connection = services.connect(
            request.user,
            manifest.name,
            configuration=configuration,
            credential=serializer.credential(),
            label=label,
            way=way.name if way else "",
            by=request.user,
        )
        return Response(
            ConnectionSerializer(connection).data,
            status=status.HTTP_201_CREATED if connection.confirmed_at else status.HTTP_202_ACCEPTED,
            headers={"Location": f"/api/v1/connections/{connection.pk}/"},
        )

    @extend_schema(responses={200: ConnectionSerializer, 202: SignInSerializer})
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change settings, label, token or way; what is left out stays. 202 where the student has to sign in for it."""
        connection: Connection = self.get_object()
        serializer: ConnectionSerializer = self.get_serializer(connection, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        configuration = {**connection.configuration, **data["configuration"]} if "configuration" in data else None
        manifest = services.installed_manifest(connection.plugin)
        way = services.chosen_way(manifest, data.get("way", connection.way))
        if way is not None and services.needs_sign_in(connection, manifest, way, configuration):
            return self._sign_in(connection, manifest, way, configuration, label=data.get("label", ""))
        changed = services.update_connection(
            connection,
            by=request.user,
            configuration=configuration,
            credential=serializer.credential() or None,
            label=data.get("label"),
            way=way.name if way else None,
        )
        return Response(ConnectionSerializer(changed).data)

    def perform_destroy(self, instance: Connection) -> None:
        services.disconnect(instance, by=self.request.user)

    @extend_schema(request=None, responses={202: SignInSerializer})
    @action(detail=True, methods=["post"])
    def reconnect(self, request: Request, pk: str | None = None) -> Response:
        """Let the student sign in again at the service; everything else of the connection stays."""
        connection: Connection = self.get_object()
        manifest = services.installed_manifest(connection.plugin)
        way = manifest.way(connection.way)
        if way is None or not way.needs_sign_in:
            raise ValidationError({"token": "This connection is not signed in to: change its token instead."})
        return self._sign_in(connection, manifest, way, None)

    def _sign_in(
        self,
        connection: Connection,
        manifest: Manifest,
        way: Authentication,
        configuration: dict[str, Any] | None,
        *,
        label: str = "",
    ) -> Response:
        departure = sign_in.start(
            self.request.user,
            manifest,
            way,
            configuration=connection.configuration if configuration is None else configuration,
            label=label,
            connection=connection,
            binding="",
        )
        return departure_response(departure)

    @extend_schema(request=None, responses={200: ActionCallSerializer, 202: ActionCallSerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str | None = None) -> Response:
        """Ask the other side who the student is."""
        call = services.test_connection(self.get_object(), by=request.user)
        return call_response(call)

    @extend_schema(request=None, responses={202: SyncStartedSerializer})
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str | None = None) -> Response:
        """Start the sync; the answer says where to watch it."""
        url = services.request_sync(self.get_object(), by=request.user)
        return Response({"url": url}, status=status.HTTP_202_ACCEPTED, headers={"Location": url})

    @extend_schema(responses=GatewayCallSerializer(many=True), filters=False, parameters=CALL_FILTERS)
    @action(detail=True, methods=["get"], filterset_class=None)
    def calls(self, request: Request, pk: str | None = None) -> Response:
        """List the requests that the plugin made for this connection, newest first."""
        calls = filtered_calls(request, self.get_object().gateway_calls.order_by("-pk"))
        page = self.paginate_queryset(calls)
        return self.get_paginated_response(GatewayCallSerializer(page, many=True).data)


class SignInViewSet(OwnedReadViewSet):
    """Sign-ins at other services of the last day: whether the student came back, and which connection came of it."""

    queryset = SignIn.objects.all()
    serializer_class = SignInSerializer
    filter_backends: list[Any] = []


class OfConnection(OwnedReadViewSet):
    """What belongs to one connection of the student's; below any other there is nothing, not even an empty list."""

    def get_queryset(self) -> QuerySet[Any]:
        found = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return found
        mine = Connection.objects.visible_to(self.request.user)  # type: ignore[arg-type]
        return found.filter(connection=get_object_or_404(mine, pk=self.kwargs["connection_pk"]))


@extend_schema(parameters=[OpenApiParameter("connection_pk", int, OpenApiParameter.PATH)])
class ActionCallViewSet(OfConnection):
    """What a connection's plugin was asked to do, newest first."""

    queryset = ActionCall.objects.all()
    serializer_class = ActionCallSerializer
    filter_backends: list[Any] = []


def departure_response(departure: sign_in.Departure) -> Response:
    """Answer 202 with a sign-in that began, and where to send the student."""
    data = {**SignInSerializer(departure.sign_in).data, "authorization_url": departure.address}
    return Response(data, status=status.HTTP_202_ACCEPTED, headers={"Location": data["url"]})


def call_response(call: ActionCall) -> Response:
    """Answer 200 with how a call ended, or 202 with the address of its status."""
    data = ActionCallSerializer(call).data
    if call.is_finished:
        return Response(data)
    url = f"/api/v1/connections/{call.connection_id}/actions/{call.pk}/"
    return Response({**data, "url": url}, status=status.HTTP_202_ACCEPTED, headers={"Location": url})
