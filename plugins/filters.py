"""Filters of lists, shared by pages and API."""

from __future__ import annotations

import django_filters

from plugins.models import Connection


class ConnectionFilter(django_filters.FilterSet):
    """By plugin and health."""

    class Meta:
        model = Connection
        fields = ["plugin", "health"]
