"""API addresses of the kernel."""

from coreengine.kernel.api.routers import ApiRouter
from coreengine.kernel.api.views import EventViewSet, NotificationViewSet

router = ApiRouter()
router.register("notifications", NotificationViewSet, basename="notification")
router.register("events", EventViewSet, basename="event")
