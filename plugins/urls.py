"""Addresses of the plugins pages."""

from django.urls import path

from plugins import conduct_views, views
from plugins.api.plugins import published_schema
from plugins.installing import views as installing
from plugins.oauth import views as oauth_views
from plugins.saving import views as saving_views
from plugins.webhooks import views as hook_views

app_name = "plugins"

urlpatterns = [
    path("connections/", views.connection_list, name="list"),
    path("connections/new/", views.choose_plugin, name="choose"),
    path("connections/new/<slug:plugin>/", views.connect, name="connect"),
    path("connections/<int:pk>/", views.detail, name="detail"),
    path("connections/<int:pk>/edit/", views.edit, name="edit"),
    path("connections/oauth/callback/", oauth_views.callback, name="oauth-callback"),
    path("connections/sign-in/<int:pk>/", oauth_views.outcome, name="sign-in"),
    path("connections/<int:pk>/reconnect/", views.reconnect, name="reconnect"),
    path("connections/<int:pk>/test/", views.test, name="test"),
    path("connections/<int:pk>/sync/", views.sync, name="sync"),
    path("connections/<int:pk>/calls/", conduct_views.connection_calls, name="calls"),
    path("connections/<int:pk>/forget-stored/", conduct_views.forget_stored_values, name="forget-stored"),
    path("connections/<int:pk>/disconnect/", views.disconnect, name="disconnect"),
    path("connections/<int:pk>/save/<int:number>/", saving_views.save, name="save-copy"),
    path("connections/copies/<int:number>/", saving_views.state, name="copies"),
    path("settings/plugins/", installing.plugin_list, name="settings"),
    path("settings/plugins/install/", installing.bring, name="install"),
    path("settings/plugins/versions/<int:pk>/", installing.version, name="version"),
    path("settings/plugins/versions/<int:pk>/discard/", installing.discard, name="discard"),
    path("settings/plugins/versions/<int:pk>/build/", installing.build_again, name="build"),
    path("settings/plugins/<slug:name>/", installing.plugin, name="plugin"),
    path("settings/plugins/<slug:name>/switch/", installing.switch, name="switch"),
    path("settings/plugins/<slug:name>/uninstall/", installing.uninstall, name="uninstall"),
    path("connections/<int:pk>/webhooks/", hook_views.webhooks, name="webhooks"),
    path("connections/<int:pk>/webhooks/<slug:name>/secret/", hook_views.secret, name="webhook-secret"),
    path("connections/<int:pk>/deliveries/<int:delivery_pk>/", hook_views.delivery, name="webhook-delivery"),
    path("connections/<int:pk>/deliveries/<int:delivery_pk>/replay/", hook_views.replay, name="delivery-replay"),
    path("hooks/connections/<int:pk>/<slug:name>/", hook_views.hook, name="hook"),
    path("hooks/connections/<int:pk>/<slug:name>/<str:secret>/", hook_views.hook, name="hook-by-address"),
    path("settings/plugins/<slug:name>/calls/", conduct_views.plugin_calls, name="plugin-calls"),
    path("schemas/plugin-manifest-v1.json", published_schema, name="manifest-schema"),
]
