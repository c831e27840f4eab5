"""Telling a student something, and what they have read."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from coreengine.kernel.events import record
from coreengine.kernel.models import Notification


@transaction.atomic
def notify(
    user: Any, *, title: str, content: str = "", priority: str = "medium", url: str = "", kind: str = ""
) -> Notification:
    """Put a line into a student's bell; `url` is where it leads, inside this site."""
    notification = Notification.objects.create(
        owner=user, title=title[:200], content=content, priority=priority, url=url, kind=kind
    )
    record("notification.created", actor=user, subject=notification, data={"title": notification.title, "kind": kind})
    return notification


def mark_read(notifications: QuerySet[Notification]) -> int:
    """Mark these as read; return how many were unread. Doing it twice is harmless."""
    return notifications.filter(read_at=None).update(read_at=timezone.now())


def mark_unread(notifications: QuerySet[Notification]) -> int:
    """Undo `mark_read`."""
    return notifications.exclude(read_at=None).update(read_at=None)
