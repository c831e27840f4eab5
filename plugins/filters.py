"""Filters of lists, shared by pages and API."""

from __future__ import annotations

import django_filters

from plugins.models import Connection, ConnectionDelivery


class ConnectionFilter(django_filters.FilterSet):
    """By plugin and health."""

    class Meta:
        model = Connection
        fields = ["plugin", "health"]


class DeliveryFilter(django_filters.FilterSet):
    """By how far it came, and by the webhook's name."""

    webhook = django_filters.CharFilter(field_name="webhook__name", help_text="name of the webhook")

    class Meta:
        model = ConnectionDelivery
        fields = ["status", "webhook", "event"]
