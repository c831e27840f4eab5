"""Addresses of what is kept by hand; part of the app's own (`courses:`)."""

from django.urls import path

from courses.handmade import views

urlpatterns = [
    path("courses/order/", views.order, name="order"),
    path("courses/<int:pk>/duplicate/", views.duplicate, name="duplicate"),
    path("courses/<int:course_pk>/groups/new/", views.group_create, name="create-group"),
    path("courses/<int:pk>/groups/restore/", views.group_restore, name="restore-group"),
    path("courses/groups/<int:pk>/edit/", views.group_edit, name="edit-group"),
    path("courses/groups/<int:pk>/delete/", views.group_delete, name="delete-group"),
    path("assignments/<int:pk>/result/", views.result, name="result"),
]
