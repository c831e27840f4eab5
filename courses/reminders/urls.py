"""Addresses of reminders and digests, in the namespace of courses."""

from django.urls import path

from courses.reminders import views

urlpatterns = [
    path("reminders/", views.reminders, name="reminders"),
    path("reminders/<int:pk>/remove/", views.remove, name="remove-reminder"),
    path("reminders/<int:pk>/restore/", views.restore, name="restore-reminder"),
    path("reminders/<int:pk>/snooze/", views.snooze, name="snooze-reminder"),
    path("reminders/<int:pk>/dismiss/", views.dismiss, name="dismiss-reminder"),
    path("settings/reminders/", views.settings, name="reminder-settings"),
    path("settings/reminders/rules/", views.rule_add, name="add-reminder-rule"),
    path("settings/reminders/rules/<int:pk>/", views.rule_update, name="update-reminder-rule"),
    path("settings/reminders/rules/<int:pk>/delete/", views.rule_delete, name="delete-reminder-rule"),
    path("settings/reminders/digests/<slug:kind>/", views.digest, name="digest"),
    path("settings/reminders/digests/<slug:kind>/mail/", views.digest_mail, name="digest-mail"),
    path("hooks/digests/<str:token>/", views.digest_unsubscribe, name="unsubscribe"),
]
