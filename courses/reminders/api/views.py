"""The API's doors to reminders, their rules and digests."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from coreengine.kernel.api.pagination import CursorPages
from coreengine.kernel.api.viewsets import ApiView, OwnedModelViewSet
from courses.models import Reminder, ReminderRule
from courses.models.reminders import DigestSlot
from courses.reminders import digests, services
from courses.reminders.api.serializers import (
    DigestKindSerializer,
    DigestSerializer,
    DismissSerializer,
    ReminderRuleSerializer,
    ReminderRuleUpdateSerializer,
    ReminderSerializer,
    ReminderSettingsSerializer,
    ReminderUpdateSerializer,
    SnoozeSerializer,
)


class ReminderFilter(django_filters.FilterSet):
    class Meta:
        model = Reminder
        fields = ["state", "target_kind", "target_id", "is_derived"]


class SoonestFirst(CursorPages):
    """Reminders as they come."""

    ordering = ("fire_at", "id")


class ReminderViewSet(OwnedModelViewSet):
    """Reminders, from rules and of one's own. Deleting one dismisses it: it comes no more, and can be restored."""

    queryset = Reminder.objects.select_related("owner")
    serializer_class = ReminderSerializer
    filterset_class = ReminderFilter
    pagination_class = SoonestFirst

    def get_serializer_class(self) -> type[BaseSerializer]:
        return ReminderUpdateSerializer if self.action == "partial_update" else ReminderSerializer

    def perform_create(self, serializer: BaseSerializer) -> None:
        user = self.request.user
        serializer.instance = services.create_reminder(user, by=user, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer) -> None:
        serializer.instance = services.update_reminder(
            serializer.instance, by=self.request.user, changes=serializer.validated_data
        )

    def perform_destroy(self, instance: Reminder) -> None:
        services.dismiss_reminder(instance, by=self.request.user)

    @extend_schema(request=None, responses=ReminderSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Take back that it was removed."""
        return Response(ReminderSerializer(services.restore_reminder(self.get_object(), by=request.user)).data)

    @extend_schema(request=DismissSerializer, responses=ReminderSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str | None = None) -> Response:
        """Be done with it: it comes no more. Of a thing that repeats this time only, or with `every_time` each."""
        body = DismissSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        dismiss = services.dismiss_every_time if body.validated_data["every_time"] else services.dismiss_reminder
        return Response(ReminderSerializer(dismiss(self.get_object(), by=request.user)).data)

    @extend_schema(request=SnoozeSerializer, responses=ReminderSerializer)
    @action(detail=True, methods=["post"])
    def snooze(self, request: Request, pk: str | None = None) -> Response:
        """Let it come again later."""
        body = SnoozeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        choice = body.validated_data["for"]
        reminder = services.snooze_reminder(self.get_object(), choice=choice, by=request.user)
        return Response(ReminderSerializer(reminder).data)


class ReminderRuleFilter(django_filters.FilterSet):
    class Meta:
        model = ReminderRule
        fields = ["kind"]


class ReminderRuleViewSet(OwnedModelViewSet):
    """The defaults from which reminders follow."""

    queryset = ReminderRule.objects.select_related("owner")
    serializer_class = ReminderRuleSerializer
    filterset_class = ReminderRuleFilter

    def get_serializer_class(self) -> type[BaseSerializer]:
        return ReminderRuleUpdateSerializer if self.action == "partial_update" else ReminderRuleSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the defaults; a new student has the usual ones."""
        services.settings_of(request.user)
        return super().list(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer) -> None:
        user = self.request.user
        serializer.instance = services.create_rule(user, by=user, **serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer) -> None:
        serializer.instance = services.update_rule(
            serializer.instance, by=self.request.user, changes=serializer.validated_data
        )

    def perform_destroy(self, instance: ReminderRule) -> None:
        services.delete_rule(instance, by=self.request.user)


class MyRemindersView(ApiView):
    """How the student is reminded at all."""

    @extend_schema(responses=ReminderSettingsSerializer, operation_id="me_reminders_retrieve")
    def get(self, request: Request) -> Response:
        """Return the digests and what workflows are told."""
        return Response(ReminderSettingsSerializer(services.settings_of(request.user)).data)

    @extend_schema(
        request=ReminderSettingsSerializer, responses=ReminderSettingsSerializer, operation_id="me_reminders_update"
    )
    def patch(self, request: Request) -> Response:
        """Change digests, and how early workflows are told that something is due."""
        body = ReminderSettingsSerializer(services.settings_of(request.user), data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        row = services.update_settings(request.user, by=request.user, changes=body.validated_data)
        return Response(ReminderSettingsSerializer(row).data)


class MyDigestView(ApiView):
    """A digest as it would come now."""

    @extend_schema(
        parameters=[OpenApiParameter("kind", str, enum=DigestSlot.Kind.values, description="daily unless said")],
        responses=DigestSerializer,
        operation_id="me_digest_retrieve",
    )
    def get(self, request: Request) -> Response:
        """Show it; nothing is sent."""
        body = DigestKindSerializer(data={"kind": request.query_params.get("kind", "daily")})
        body.is_valid(raise_exception=True)
        return Response(DigestSerializer(digests.preview_digest(request.user, **body.validated_data)).data)

    @extend_schema(request=DigestKindSerializer, responses=DigestSerializer, operation_id="me_digest_send")
    def post(self, request: Request) -> Response:
        """Mail it now; one with nothing to say is not mailed."""
        body = DigestKindSerializer(data=request.data)
        body.is_valid(raise_exception=True)

        def answer() -> Response:
            digest = digests.send_digest_now(request.user, by=request.user, **body.validated_data)
            return Response(DigestSerializer(digest, context={"is_sent": not digest.is_empty}).data)

        return self.idempotently(request, answer, in_one_transaction=True)
