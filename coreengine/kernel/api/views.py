"""The API's doors to notifications and the event log."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from coreengine.kernel.api.serializers import CountSerializer, EventSerializer, NotificationSerializer
from coreengine.kernel.api.viewsets import OwnedReadViewSet
from coreengine.kernel.filters import NotificationFilter
from coreengine.kernel.models import Event, Notification
from coreengine.kernel.notifications import mark_read, mark_unread


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
