"""Addresses of archives; part of the app's own (`courses:`)."""

from django.urls import path

from courses.archive import views

urlpatterns = [
    path("courses/archive/", views.archives, name="archives"),
    path("courses/archive/<int:pk>/", views.archive, name="archive"),
    path("courses/archive/<int:pk>/download/", views.download, name="download-archive"),
    path("courses/archive/<int:pk>/cancel/", views.cancel, name="cancel-archive"),
    path("courses/archive/<int:pk>/delete/", views.delete, name="delete-archive"),
]
