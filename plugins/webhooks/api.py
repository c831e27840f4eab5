"""The API's doors to the webhooks of connections and what came in."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.viewsets import Conventions
from plugins.api.connections import OfConnection
from plugins.filters import DeliveryFilter
from plugins.models import Connection, ConnectionDelivery
from plugins.webhooks import keeping
from plugins.webhooks.addresses import address_of, rotate_secret
from plugins.webhooks.pages import DeliveryPage, webhook_cards

CONNECTION = OpenApiParameter("connection_pk", int, OpenApiParameter.PATH, description="Id of the connection.")


class ConnectionWebhookSerializer(serializers.Serializer):
    """A webhook that the plugin declares. Its secret is never here."""

    name = serializers.CharField()
    description = serializers.CharField()
    address = serializers.CharField(help_text="Where to deliver, by POST; “…” stands for a secret that is part of it.")
    signature = serializers.CharField(source="kind", help_text="How deliveries prove who sent them.")
    signature_header = serializers.CharField(source="header")
    has_secret = serializers.BooleanField(help_text="Until there is one, every delivery is refused.")
    secret_made_at = serializers.DateTimeField(allow_null=True)
    previous_until = serializers.DateTimeField(allow_null=True, help_text="How long the secret before it is good.")
    last_problem = serializers.CharField()
    last_problem_at = serializers.DateTimeField(allow_null=True)


class NewSecretSerializer(serializers.Serializer):
    """A secret that was made just now, shown this once."""

    secret = serializers.CharField()
    address = serializers.CharField()


class ConnectionDeliverySerializer(serializers.ModelSerializer):
    """A request to a webhook of a connection."""

    webhook = serializers.CharField(source="webhook.name")

    class Meta:
        model = ConnectionDelivery
        fields = [
            "id",
            "webhook",
            "delivery_id",
            "event",
            "status",
            "reason",
            "reason_code",
            "content_type",
            "size_bytes",
            "repeats",
            "attempts",
            "due_at",
            "events",
            "asked_sync",
            "call",
            "replay_of",
            "received_at",
            "handled_at",
        ]
        read_only_fields = fields


class ConnectionDeliveryDetailSerializer(ConnectionDeliverySerializer):
    """A request to a webhook of a connection with what it held."""

    payload = serializers.SerializerMethodField(help_text="As text.")

    class Meta(ConnectionDeliverySerializer.Meta):
        fields = [*ConnectionDeliverySerializer.Meta.fields, "headers", "payload"]
        read_only_fields = fields

    def get_payload(self, delivery: ConnectionDelivery) -> str:
        """Give what it held; empty for a rejected one."""
        return DeliveryPage(delivery).payload


@extend_schema(parameters=[CONNECTION])
class ConnectionWebhookViewSet(Conventions, viewsets.GenericViewSet):
    """The webhooks that a connection's plugin declares."""

    queryset = Connection.objects.all()
    serializer_class = ConnectionWebhookSerializer
    lookup_field = "name"
    lookup_value_regex = "[a-z0-9_-]+"
    pagination_class = None
    filter_backends: list[Any] = []

    def _connection(self) -> Connection:
        mine = Connection.objects.editable_by(self.request.user)
        return get_object_or_404(mine, pk=self.kwargs["connection_pk"])

    @extend_schema(responses=ConnectionWebhookSerializer(many=True))
    def list(self, request: Request, **kwargs: Any) -> Response:
        """List them with their addresses, in the manifest's order."""
        return Response(ConnectionWebhookSerializer(webhook_cards(self._connection()), many=True).data)

    @extend_schema(request=None, responses={201: NewSecretSerializer})
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, name: str = "", **kwargs: Any) -> Response:
        """Make a new secret, the first or another. It is in this answer only; the one before stays good for a day."""
        connection = self._connection()
        secret = rotate_secret(connection, name, by=request.user)  # type: ignore[arg-type]
        told = {"secret": secret, "address": address_of(connection, name)}
        return Response(told, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


@extend_schema(parameters=[CONNECTION])
class ConnectionDeliveryViewSet(OfConnection):
    """The requests that came to a connection's webhooks, newest first."""

    queryset = ConnectionDelivery.objects.select_related("webhook")
    serializer_class = ConnectionDeliverySerializer
    filterset_class = DeliveryFilter

    def get_serializer_class(self) -> Any:
        return ConnectionDeliveryDetailSerializer if self.action == "retrieve" else ConnectionDeliverySerializer

    def get_queryset(self) -> QuerySet[ConnectionDelivery]:
        found = super().get_queryset()
        return found.defer("body") if self.action == "list" else found

    @extend_schema(request=None, responses={202: ConnectionDeliverySerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Do a delivery once more."""
        again = keeping.replay(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(ConnectionDeliverySerializer(again).data, status=status.HTTP_202_ACCEPTED)
