"""Addresses of the calendar."""

from django.urls import path

from courses.calendar import views
from courses.calendar.feeds import views as feeds
from courses.calendar.sources import views as sources

urlpatterns = [
    path("", views.calendar, name="calendar"),
    path("events/new/", views.event_create, name="create-calendar-event"),
    path("events/<int:pk>/", views.event_detail, name="calendar-event"),
    path("events/<int:pk>/edit/", views.event_edit, name="edit-calendar-event"),
    path("events/<int:pk>/move/", views.event_move, name="move-calendar-event"),
    path("events/<int:pk>/delete/", views.event_delete, name="delete-calendar-event"),
    path("events/<int:pk>/restore/", views.event_restore, name="restore-calendar-event"),
    path("sources/", sources.source_list, name="calendar-sources"),
    path("sources/new/", sources.source_add, name="add-calendar-source"),
    path("sources/upload/", sources.source_upload, name="upload-calendar-source"),
    path("sources/<int:pk>/", sources.source_detail, name="calendar-source"),
    path("sources/<int:pk>/upload/", sources.source_upload, name="renew-calendar-source"),
    path("sources/<int:pk>/accept/", sources.source_accept, name="accept-calendar-source"),
    path("sources/<int:pk>/edit/", sources.source_edit, name="edit-calendar-source"),
    path("sources/<int:pk>/refresh/", sources.source_refresh, name="refresh-calendar-source"),
    path("sources/<int:pk>/delete/", sources.source_delete, name="delete-calendar-source"),
    path("sources/<int:pk>/restore/", sources.source_restore, name="restore-calendar-source"),
    path("feeds/", feeds.feed_list, name="calendar-feeds"),
    path("feeds/new/", feeds.feed_create, name="create-calendar-feed"),
    path("feeds/<int:pk>/edit/", feeds.feed_edit, name="edit-calendar-feed"),
    path("feeds/<int:pk>/rotate/", feeds.feed_rotate, name="rotate-calendar-feed"),
    path("feeds/<int:pk>/revoke/", feeds.feed_revoke, name="revoke-calendar-feed"),
    path("feeds/<str:secret>.ics", feeds.read, name="calendar-feed"),
]
