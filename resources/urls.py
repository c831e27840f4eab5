"""Addresses of the resources pages."""

from typing import Any

app_name = "resources"

urlpatterns: list[Any] = []
