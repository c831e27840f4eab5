"""Addresses of the courses pages."""

from typing import Any

app_name = "courses"

urlpatterns: list[Any] = []
