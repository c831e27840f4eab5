"""Telling a student something by the channels they chose, and what they have read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from coreengine.kernel.events import record
from coreengine.kernel.mail import queue_email
from coreengine.kernel.models import Notification, NotificationPreference, QuietHours
from coreengine.kernel.push.outbox import queue_push
from coreengine.kernel.quiet import quiet_until
from coreengine.kernel.site import SiteAddressMissing, site_url

CHANNELS = ("bell", "mail", "push")


@dataclass(frozen=True)
class NotificationKind:
    """One kind of things that students are told, and the channels it takes where they chose none."""

    key: str
    label: str
    icon: str
    description: str
    order: int
    channels: tuple[str, ...] = ("bell",)


OTHER = NotificationKind("other", "Anything else", "bell", "What fits nowhere else.", 1000)
_kinds: dict[str, NotificationKind] = {OTHER.key: OTHER}


def register_kind(kind: NotificationKind) -> None:
    """Add a kind of notifications, of which every student chooses the channels."""
    _kinds[kind.key] = kind


def kinds() -> list[NotificationKind]:
    """List the kinds in order."""
    return sorted(_kinds.values(), key=lambda kind: kind.order)


def kind_of(name: str) -> NotificationKind:
    """Find the kind that a notification belongs to: "connection.webhook.failed" is of "connection"."""
    return _kinds.get(name) or _kinds.get(name.partition(".")[0]) or OTHER


def channels_for(user: Any, kind: str) -> tuple[str, ...]:
    """Say by which channels a kind of notifications reaches a student; one query."""
    found = kind_of(kind)
    chosen = NotificationPreference.objects.filter(owner=user, kind=found.key).first()
    if chosen is None:
        return found.channels
    return tuple(channel for channel in CHANNELS if getattr(chosen, channel))


def quiet_end(user: Any, now: datetime) -> datetime | None:
    """Say until when a student's quiet hours last, None where they are off or it is not quiet; one query."""
    hours = QuietHours.objects.filter(owner=user, is_on=True).first()
    return quiet_until(hours.starts_at, hours.ends_at, now, user.zone) if hours else None


@transaction.atomic
def notify(
    user: Any,
    *,
    title: str,
    content: str = "",
    priority: str = "medium",
    url: str = "",
    kind: str = "",
    group: str = "",
    channels: Collection[str] | None = None,
    actions: Sequence[dict[str, str]] = (),
    now: datetime | None = None,
) -> Notification:
    """Tell a student something; `url` is where it leads, inside this site.

    It goes by `channels`, or by those that the student chose for its kind. The line in the list is always made;
    without the bell it is read from the start, so that it does not count. Mail and push wait until the quiet hours
    end, unless it is urgent. `group` says in words what it is one of ("Grades in CS 101"): the bell bundles those that
    come after each other.
    """
    now = now or timezone.now()
    wanted = channels_for(user, kind) if channels is None else tuple(channels)
    notification = Notification.objects.create(
        owner=user,
        title=title[:200],
        content=content,
        priority=priority,
        url=url,
        kind=kind,
        group=group[:120],
        actions=list(actions),
        created_at=now,
        read_at=None if "bell" in wanted else now,
    )
    record("notification.created", actor=user, subject=notification, data={"title": notification.title, "kind": kind})
    if "mail" in wanted or "push" in wanted:
        held = None if priority == Notification.Priority.URGENT else quiet_end(user, now)
        if "mail" in wanted:
            _mail(user, notification, held)
        if "push" in wanted:
            queue_push(user, notification, now=now, not_before=held)
    return notification


BUNDLED_FROM = 3
"""So many of one group, or of one kind, after each other stand in one line."""


@dataclass(frozen=True)
class NoticeBundle:
    """One line of the bell: a notification, or several that belong together, the newest first."""

    notices: Sequence[Notification]

    @property
    def first(self) -> Notification:
        return self.notices[0]

    @property
    def is_one(self) -> bool:
        return len(self.notices) == 1

    @property
    def title(self) -> str:
        return self.first.group or kind_of(self.first.kind).label

    @property
    def unread(self) -> int:
        return sum(not notice.is_read for notice in self.notices)


def bundled(notices: Iterable[Notification]) -> list[NoticeBundle]:
    """Bundle notifications that follow each other: of one group, else of one kind, read or unread alike.

    What is urgent stands alone, and so does what no kind is known of.
    """
    found: list[NoticeBundle] = []
    for _, run in groupby(notices, key=_bundle_key):
        same = list(run)
        found += [NoticeBundle(same)] if len(same) >= BUNDLED_FROM else [NoticeBundle([notice]) for notice in same]
    return found


def _bundle_key(notice: Notification) -> tuple[object, ...]:
    is_alone = notice.priority == Notification.Priority.URGENT or (
        not notice.group and (kind_of(notice.kind) is OTHER or notice.kind == "workflow")
    )
    return (notice.pk,) if is_alone else (notice.kind, notice.group, notice.is_read)


def address_of(path: str) -> str:
    """Give the whole address of a path of this site, or nothing where the site does not know its own."""
    try:
        return site_url(path)
    except SiteAddressMissing:
        return ""


def _mail(user: Any, notification: Notification, held: datetime | None) -> None:
    context = {
        "notification": notification,
        "url": address_of(notification.url) if notification.url else "",
        "settings_url": address_of("/settings/notifications/"),
    }
    queue_email(
        to=user.email,
        subject=notification.title,
        body=render_to_string("emails/kernel/notification.txt", context),
        html=render_to_string("emails/kernel/notification.html", context),
        owner=user,
        idempotency_key=f"notification:{notification.pk}",
        not_before=held,
    )


def mark_read(notifications: QuerySet[Notification]) -> int:
    """Mark these as read; return how many were unread. Doing it twice is harmless."""
    return notifications.filter(read_at=None).update(read_at=timezone.now())


def mark_unread(notifications: QuerySet[Notification]) -> int:
    """Undo `mark_read`."""
    return notifications.exclude(read_at=None).update(read_at=None)
