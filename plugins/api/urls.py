"""Addresses of the plugins API."""

from django.urls import path

from coreengine.kernel.api.routers import ApiRouter
from plugins.api.conduct import CallShapesView, StorageView, StudentCallCountsView
from plugins.api.connections import ActionCallViewSet, ConnectionViewSet, SignInViewSet
from plugins.api.installing import InstalledPluginView, PluginVersionViewSet
from plugins.api.plugins import EndpointView, PluginListView, PluginView, published_schema
from plugins.webhooks.api import ConnectionDeliveryViewSet, ConnectionWebhookViewSet

router = ApiRouter()
router.register("connections", ConnectionViewSet, basename="connection")
router.register("sign-ins", SignInViewSet, basename="sign-in")
router.register(r"connections/(?P<connection_pk>\d+)/actions", ActionCallViewSet, basename="connection-action")
router.register(r"connections/(?P<connection_pk>\d+)/webhooks", ConnectionWebhookViewSet, basename="connection-webhook")
router.register(
    r"connections/(?P<connection_pk>\d+)/deliveries", ConnectionDeliveryViewSet, basename="connection-delivery"
)
router.register("plugin-versions", PluginVersionViewSet, basename="plugin-version")

urlpatterns = [
    path("installed-plugins/<slug:name>/", InstalledPluginView.as_view(), name="installed-plugin"),
    path("connections/<int:pk>/calls/summary/", CallShapesView.as_view(), name="connection-calls-summary"),
    path("connections/<int:pk>/storage/", StorageView.as_view(), name="connection-storage"),
    path("gateway-calls/summary/", StudentCallCountsView.as_view(), name="gateway-calls-summary"),
    path("plugins/", PluginListView.as_view(), name="plugin-list"),
    path("plugins/manifest-schema/", published_schema, name="plugin-manifest-schema"),
    path("plugins/<slug:name>/", PluginView.as_view(), name="plugin-detail"),
    path("plugins/<slug:name>/<path:rest>", EndpointView.as_view(), name="plugin-endpoint"),
]
