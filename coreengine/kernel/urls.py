"""Addresses of the kernel's pages."""

from django.conf import settings
from django.urls import path

from coreengine.kernel import (
    mailbox_views,
    notification_settings_views,
    notification_views,
    styleguide,
    views,
)

app_name = "kernel"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("dashboard/cards/<slug:key>/", views.dashboard_card, name="dashboard-card"),
    path("places/", views.all_places, name="places"),
    path("notifications/", notification_views.notifications, name="notifications"),
    path("notifications/recent/", notification_views.recent, name="notifications-recent"),
    path("notifications/count/", notification_views.count, name="notifications-count"),
    path("notifications/read/", notification_views.read_all, name="read-all-notifications"),
    path("notifications/<int:pk>/read/", notification_views.read, name="read-notification"),
    path("notifications/<int:pk>/unread/", notification_views.unread, name="unread-notification"),
    path("settings/notifications/", notification_settings_views.notification_settings, name="notification-settings"),
    path("settings/notifications/browsers/", notification_settings_views.browser_add, name="add-browser"),
    path(
        "settings/notifications/browsers/<int:pk>/remove/",
        notification_settings_views.browser_remove,
        name="remove-browser",
    ),
    path("settings/notifications/try/", notification_settings_views.push_try, name="try-push"),
    path("push-worker.js", notification_settings_views.push_worker, name="push-worker"),
    path("health", views.health, name="health"),
    path("health/ready", views.ready, name="ready"),
]

if settings.DEMO_ACCOUNTS:
    urlpatterns += [
        path("mailbox/", mailbox_views.mailbox, name="mailbox"),
        path("mailbox/<int:pk>/", mailbox_views.mailbox_message, name="mailbox-message"),
        path("mailbox/<int:pk>/html/", mailbox_views.mailbox_html, name="mailbox-html"),
    ]

if settings.DEBUG:
    urlpatterns.append(path("styleguide/", styleguide.styleguide, name="styleguide"))
