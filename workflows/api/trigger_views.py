"""The API's doors to triggers: what they are, what they did, new addresses, replays."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.pagination import CursorPages
from coreengine.kernel.api.viewsets import Conventions
from workflows.api.trigger_serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    SigningSecretSerializer,
    SigningSerializer,
    SlotSerializer,
    TriggerSerializer,
)
from workflows.models import WebhookDelivery, Workflow, WorkflowTrigger
from workflows.triggers import webhooks

WORKFLOW = OpenApiParameter("workflow_pk", int, OpenApiParameter.PATH, description="Id of the workflow.")
TRIGGER = OpenApiParameter("trigger_pk", int, OpenApiParameter.PATH, description="Id of the trigger.")


class ByPosition(CursorPages):
    """Triggers in the order they are written."""

    ordering = ("position", "id")  # type: ignore[assignment]


class Newest(CursorPages):
    """What happened last comes first."""

    ordering = "-id"


@extend_schema(parameters=[WORKFLOW])
class TriggerViewSet(Conventions, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """What starts a workflow by itself. Triggers are changed through its definition."""

    queryset = WorkflowTrigger.objects.select_related("workflow")
    serializer_class = TriggerSerializer
    pagination_class = ByPosition
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        mine = Workflow.objects.visible_to(self.request.user)
        workflow = get_object_or_404(mine, pk=self.kwargs["workflow_pk"])
        return self.queryset.visible_to(self.request.user).filter(workflow=workflow)  # type: ignore[attr-defined]

    @extend_schema(responses=SlotSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=Newest)
    def slots(self, request: Request, **kwargs: Any) -> Response:
        """List what was decided on the slots of a schedule, newest first, for a month."""
        page = self.paginate_queryset(self.get_object().slots.all())
        return self.get_paginated_response(SlotSerializer(page, many=True).data)

    @extend_schema(request=None, responses=TriggerSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-address")
    def rotate_address(self, request: Request, **kwargs: Any) -> Response:
        """Give a webhook a new address; the old one is unknown from then on."""
        trigger = webhooks.rotate_address(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(self.get_serializer(trigger).data)

    @extend_schema(request=SigningSerializer, responses=SigningSecretSerializer)
    @action(detail=True, methods=["post"], url_path="signing-secret")
    def signing_secret(self, request: Request, **kwargs: Any) -> Response:
        """Set the secret that deliveries must be signed with; without one given a new one is made.

        It is in this answer only and cannot be read again.
        """
        given = SigningSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        secret = given.validated_data.get("secret", "")
        trigger = webhooks.set_signing_secret(self.get_object(), secret, by=request.user)  # type: ignore[arg-type]
        return Response({"signing_secret": trigger.signing_secret}, headers={"Cache-Control": "no-store"})


@extend_schema(parameters=[WORKFLOW, TRIGGER])
class DeliveryViewSet(Conventions, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """The requests that came to a webhook, newest first; kept for a month."""

    queryset = WebhookDelivery.objects.select_related("trigger__workflow")
    serializer_class = DeliverySerializer
    pagination_class = Newest
    lookup_value_regex = r"\d+"

    def get_serializer_class(self) -> Any:
        return DeliverySerializer if self.action == "list" else DeliveryDetailSerializer

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        triggers = WorkflowTrigger.objects.visible_to(self.request.user)
        trigger = get_object_or_404(triggers, pk=self.kwargs["trigger_pk"], workflow_id=self.kwargs["workflow_pk"])
        found = self.queryset.filter(trigger=trigger)
        return found.defer("body") if self.action == "list" else found

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Do a delivery once more."""
        again = webhooks.replay(self.get_object(), by=request.user)  # type: ignore[arg-type]
        return Response(DeliverySerializer(again).data, status=status.HTTP_202_ACCEPTED)
