"""The API's doors to notifications and the event log."""

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.serializers import (
    CountSerializer,
    EventSerializer,
    EventTypeSerializer,
    NotificationSerializer,
    NotificationSettingsSerializer,
    PushSubscriptionSerializer,
)
from coreengine.kernel.api.viewsets import ApiView, CreateOnce, OwnedReadViewSet
from coreengine.kernel.event_types import event_types
from coreengine.kernel.filters import NotificationFilter
from coreengine.kernel.models import Event, Notification, PushSubscription
from coreengine.kernel.notification_settings import choose_channels, preferences_of, quiet_hours_of, set_quiet_hours
from coreengine.kernel.notifications import mark_read, mark_unread
from coreengine.kernel.push.browsers import add_browser, remove_browser
from coreengine.kernel.push.keys import current_key


class NotificationViewSet(OwnedReadViewSet):
    """What the student was told."""

    queryset = Notification.objects.all()
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter

    def _one(self) -> QuerySet[Notification]:
        return self.get_queryset().filter(pk=self.get_object().pk)

    @extend_schema(request=None, responses=NotificationSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str | None = None) -> Response:
        """Mark one as read."""
        mark_read(self._one())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=NotificationSerializer)
    @action(detail=True, methods=["post"])
    def unread(self, request: Request, pk: str | None = None) -> Response:
        """Mark one as unread again."""
        mark_unread(self._one())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=CountSerializer, operation_id="notifications_read_all")
    @action(detail=False, methods=["post"], url_path="read")
    def read_all(self, request: Request) -> Response:
        """Mark all as read."""
        return Response({"count": mark_read(self.get_queryset())})


class EventFilter(django_filters.FilterSet):
    """By type (`course.*` for all below), subject and time."""

    type = django_filters.CharFilter(method="of_type")
    subject_type = django_filters.CharFilter()
    subject_id = django_filters.CharFilter()
    since = django_filters.IsoDateTimeFilter(field_name="time", lookup_expr="gte")

    class Meta:
        model = Event
        fields = ["type", "subject_type", "subject_id", "since"]

    def of_type(self, events: QuerySet[Event], name: str, value: str) -> QuerySet[Event]:
        """Keep the types that match."""
        return events.typed(value)  # type: ignore[attr-defined]


class EventViewSet(OwnedReadViewSet):
    """The student's log: everything that changed their data or spent money."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter


class MyNotificationsView(ApiView):
    """How the student is told of things."""

    def _answer(self, user: Any) -> Response:
        lines = {
            line.kind.key: {"bell": line.bell, "mail": line.mail, "push": line.push} for line in preferences_of(user)
        }
        facts = {"channels": lines, "quiet_hours": quiet_hours_of(user), "push_key": current_key().application_key}
        return Response(NotificationSettingsSerializer(facts).data)

    @extend_schema(responses=NotificationSettingsSerializer, operation_id="me_notifications_retrieve")
    def get(self, request: Request) -> Response:
        """Return channels by kind and quiet hours."""
        return self._answer(request.user)

    @extend_schema(
        request=NotificationSettingsSerializer,
        responses=NotificationSettingsSerializer,
        operation_id="me_notifications_update",
    )
    @transaction.atomic
    def patch(self, request: Request) -> Response:
        """Change channels of some kinds (`{"channels": {"reminder": {"mail": true}}}`), or the quiet hours."""
        body = NotificationSettingsSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        choose_channels(request.user, body.validated_data.get("channels", {}), by=request.user)
        if quiet := body.validated_data.get("quiet_hours"):
            now = quiet_hours_of(request.user)
            values = {name: quiet.get(name, getattr(now, name)) for name in ("is_on", "starts_at", "ends_at")}
            set_quiet_hours(request.user, by=request.user, **values)
        return self._answer(request.user)


class PushSubscriptionViewSet(CreateOnce, mixins.DestroyModelMixin, OwnedReadViewSet):
    """The browsers that are pushed to."""

    queryset = PushSubscription.objects.all()
    serializer_class = PushSubscriptionSerializer

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = add_browser(self.request.user, by=self.request.user, **serializer.validated_data)

    def perform_destroy(self, instance: PushSubscription) -> None:
        remove_browser(instance, by=self.request.user)


class EventTypesView(ApiView):
    """The types of events that are meant to start workflows."""

    @extend_schema(responses=EventTypeSerializer(many=True), operation_id="event_types_list")
    def get(self, request: Request) -> Response:
        """List them with an example of their data; triggers may wait for any other type of the log too."""
        return Response(EventTypeSerializer(event_types(), many=True).data)
