"""Addresses of the workflows pages."""

from typing import Any

app_name = "workflows"

urlpatterns: list[Any] = []
