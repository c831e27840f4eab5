"""Filters that a page and the API's list share."""

import django_filters
from django.db.models import Q, QuerySet

from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import OTHER, kinds


class NotificationFilter(django_filters.FilterSet):
    """Unread ones, those of a priority, or of a kind with all below it ("connection", "connection.webhook.failed")."""

    unread = django_filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")

    kind = django_filters.CharFilter(method="of_kind")

    class Meta:
        model = Notification
        fields = ["priority", "kind"]

    def of_kind(self, notifications: QuerySet[Notification], name: str, value: str) -> QuerySet[Notification]:
        """Keep those of a kind; "other" has what belongs to none of the known."""
        if value != OTHER.key:
            return notifications.filter(Q(kind=value) | Q(kind__startswith=f"{value}."))
        for known in kinds():
            if known is not OTHER:
                notifications = notifications.exclude(Q(kind=known.key) | Q(kind__startswith=f"{known.key}."))
        return notifications
