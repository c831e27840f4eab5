"""Addresses of a person's own settings."""

from django.urls import path

from coreengine.accounts import views

app_name = "accounts"

urlpatterns = [
    path("settings/", views.profile, name="profile"),
    path("settings/theme/", views.theme, name="theme"),
    path("settings/security/", views.security, name="security"),
    path("settings/tokens/", views.tokens, name="tokens"),
    path("settings/tokens/<int:pk>/revoke/", views.revoke_token, name="revoke-token"),
]
