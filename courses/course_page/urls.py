"""Addresses of a course's page; part of the app's own (`courses:`)."""

from django.urls import path

from courses.course_page import views

urlpatterns = [
    path("courses/<int:pk>/", views.course_detail, name="detail"),
    path("courses/<int:pk>/notes/", views.course_notes, name="notes"),
    path("courses/<int:pk>/notes/new/", views.course_note_create, name="create-note"),
    path("courses/<int:pk>/attach/", views.course_attach, name="attach-here"),
    path("courses/<int:pk>/ai-policy/", views.ai_policy, name="ai-policy"),
    path("courses/<int:pk>/people/new/", views.person_create, name="create-person"),
    path("courses/<int:pk>/people/restore/", views.person_restore, name="restore-person"),
    path("courses/people/<int:pk>/edit/", views.person_edit, name="edit-person"),
    path("courses/people/<int:pk>/remove/", views.person_remove, name="remove-person"),
]
