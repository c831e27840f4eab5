"""Filters of lists, shared by pages and API."""

from __future__ import annotations

from datetime import date

import django_filters

from plugins.models import Connection, ConnectionDelivery, GatewayCall
from plugins.querysets import GatewayCallQuerySet


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


class GatewayCallFilter(django_filters.FilterSet):
    """By day, and whether the host let them leave."""

    day = django_filters.DateFilter(method="filter_day", help_text="a day in your time zone, such as 2026-11-23")
    refused = django_filters.BooleanFilter(field_name="is_refused", help_text="true: only what did not leave")

    class Meta:
        model = GatewayCall
        fields = ["day", "refused"]

    def filter_day(self, queryset: GatewayCallQuerySet, name: str, value: date) -> GatewayCallQuerySet:
        return queryset.on_day(value)
