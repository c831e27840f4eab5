"""Addresses of the vault and of the search."""

from django.urls import path

from resources import search_page, views
from resources.repositories import views as repository_views

app_name = "resources"

urlpatterns = [
    path("vault/", views.vault, name="list"),
    path("vault/upload/", views.upload, name="upload"),
    path("vault/notes/new/", views.new_note, name="new_note"),
    path("vault/notes/preview/", views.preview_note, name="preview_note"),
    path("vault/links/new/", views.new_link, name="new_link"),
    path("vault/trash/", views.trash_list, name="trash_list"),
    path("vault/trash/empty/", views.empty_trash, name="empty_trash"),
    path("vault/repositories/", repository_views.repositories, name="repositories"),
    path("vault/repositories/<int:pk>/", repository_views.repository, name="repository"),
    path("vault/<int:pk>/", views.detail, name="detail"),
    path("vault/<int:pk>/edit/", views.edit, name="edit"),
    path("vault/<int:pk>/trash/", views.trash, name="trash"),
    path("vault/<int:pk>/restore/", views.restore, name="restore"),
    path("vault/<int:pk>/delete/", views.delete, name="delete"),
    path("vault/<int:pk>/read/", views.read_again, name="read_again"),
    path("vault/<int:pk>/file/", views.download, name="download"),
    path("vault/<int:pk>/image/", views.image, name="image"),
    path("search/", search_page.search, name="search"),
]
