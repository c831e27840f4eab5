"""Addresses of the maps, included by the app's own."""

from django.urls import path

from courses.maps import views

urlpatterns = [
    path("courses/map/", views.across, name="map"),
    path("courses/map/connect/", views.connect, name="connect"),
    path("courses/map/<int:pk>/disconnect/", views.disconnect, name="disconnect"),
    path("courses/<int:pk>/map/", views.modules, name="module-map"),
]
