"""Addresses of imports by hand; part of the app's own (`courses:`)."""

from django.urls import path

from courses.syllabus import views

urlpatterns = [
    path("courses/import/", views.start, name="import"),
    path("courses/import/<int:pk>/", views.draft, name="import-draft"),
    path("courses/import/<int:pk>/read/", views.read, name="read-import"),
    path("courses/import/<int:pk>/undo/", views.undo, name="undo-import"),
    path("courses/import/<int:pk>/forget/", views.drop, name="drop-import"),
]
