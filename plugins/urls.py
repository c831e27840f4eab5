"""Addresses of the plugins pages."""

from typing import Any

app_name = "plugins"

urlpatterns: list[Any] = []
