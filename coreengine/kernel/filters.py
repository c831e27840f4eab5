"""Filters that a page and the API's list share."""

import django_filters

from coreengine.kernel.models import Notification


class NotificationFilter(django_filters.FilterSet):
    """Unread ones, or those of a priority."""

    unread = django_filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")

    class Meta:
        model = Notification
        fields = ["priority", "kind"]
