"""API addresses of the kernel."""

from django.urls import path

from coreengine.kernel.api.routers import ApiRouter
from coreengine.kernel.api.views import (
    EventTypesView,
    EventViewSet,
    MyNotificationsView,
    NotificationViewSet,
    PushSubscriptionViewSet,
)

router = ApiRouter()
router.register("notifications", NotificationViewSet, basename="notification")
router.register("events", EventViewSet, basename="event")
router.register("push-subscriptions", PushSubscriptionViewSet, basename="push-subscription")

urlpatterns = [
    path("event-types/", EventTypesView.as_view(), name="event-types"),
    path("me/notifications/", MyNotificationsView.as_view(), name="my-notifications"),
]
