"""Addresses of what is the same from several sources, and of what vanished."""

from django.urls import path

from courses.sameness import views

urlpatterns = [
    path("assignments/<int:pk>/same/", views.join_work, name="join-work"),
    path("assignments/<int:pk>/same/<int:other>/part/", views.part_work, name="part-work"),
    path("courses/<int:pk>/same/", views.join_courses, name="join-courses"),
    path("courses/<int:pk>/same/<int:other>/part/", views.part_courses, name="part-courses"),
    path("assignments/<int:pk>/keep/", views.keep, name="keep-vanished"),
    path("assignments/<int:pk>/put-away/", views.put_away, name="put-away"),
    path("assignments/<int:pk>/take-back/", views.take_back, name="take-back"),
]
