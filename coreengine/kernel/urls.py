"""Addresses of the kernel's pages."""

from django.conf import settings
from django.urls import path

from coreengine.kernel import views

app_name = "kernel"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/read/", views.read_all_notifications, name="read-all-notifications"),
    path("notifications/<int:pk>/read/", views.read_notification, name="read-notification"),
    path("health", views.health, name="health"),
    path("health/ready", views.ready, name="ready"),
]

if settings.DEMO_ACCOUNTS:
    urlpatterns += [
        path("mailbox/", views.mailbox, name="mailbox"),
        path("mailbox/<int:pk>/", views.mailbox_message, name="mailbox-message"),
    ]
