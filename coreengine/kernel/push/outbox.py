"""Pushes that are decided in a transaction and sent after it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from coreengine.kernel.models import Notification, OutgoingPush, PushSubscription

logger = logging.getLogger(__name__)

ATTEMPTS = 6
KEPT_FOR = timedelta(hours=12)
"""A push that could not be handed over by then is news no more; the bell has it."""
CONTENT_CHARACTERS = 300


def queue_push(user: Any, notification: Notification, *, now: datetime, not_before: datetime | None = None) -> int:
    """Put a push into the outbox for each browser of a student; return how many."""
    payload = {
        "title": notification.title,
        "body": " ".join(notification.content.split())[:CONTENT_CHARACTERS],
        "url": notification.url or "/notifications/",
        "tag": f"notification-{notification.pk}",
    }
    start = not_before or now
    rows = [
        OutgoingPush(
            subscription=browser, payload=payload, created_at=now, next_attempt_at=start, expires_at=start + KEPT_FOR
        )
        for browser in PushSubscription.objects.filter(owner=user).only("pk")
    ]
    OutgoingPush.objects.bulk_create(rows)
    if rows:
        from coreengine.kernel.tasks import send_pushes

        send_pushes.delay_on_commit()
    return len(rows)


def send_due_pushes(*, limit: int = 50, now: datetime | None = None) -> int:
    """Send the pushes that are due, oldest first; return how many the push services took.

    One push a transaction: a crash after the service took it repeats at most that one, and its tag lets the browser
    show it once. A browser that is gone for good is forgotten.
    """
    from coreengine.kernel.push.sending import BrowserGone, PushFailed, send

    now, sent = now or timezone.now(), 0
    OutgoingPush.objects.filter(sent_at=None, expires_at__lt=now).delete()
    for _ in range(limit):
        with transaction.atomic():
            push = (
                OutgoingPush.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(sent_at=None, attempts__lt=ATTEMPTS, next_attempt_at__lte=now)
                .select_related("subscription")
                .order_by("next_attempt_at", "pk")
                .first()
            )
            if push is None:
                break
            try:
                send(push.subscription, push.payload, ttl_s=max(60, int((push.expires_at - now).total_seconds())))
            except BrowserGone:
                push.subscription.delete()
            except PushFailed as error:
                logger.warning("push %s was not taken: %s", push.pk, error)
                OutgoingPush.objects.filter(pk=push.pk).update(
                    attempts=F("attempts") + 1 if error.retryable else ATTEMPTS,
                    next_attempt_at=now + (error.wait or timedelta(seconds=30 * 2**push.attempts)),
                    last_error=str(error)[:2000],
                )
            else:
                OutgoingPush.objects.filter(pk=push.pk).update(sent_at=now, last_error="", payload={})
                PushSubscription.objects.filter(pk=push.subscription_id).update(last_sent_at=now)
                sent += 1
    return sent
