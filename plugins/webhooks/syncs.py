"""Syncs that deliveries ask for: a burst of them becomes one."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from coreengine.kernel.errors import DomainError
from plugins import services
from plugins.models import Connection
from plugins.webhooks.models import ConnectionWebhook

PAUSE = timedelta(seconds=30)
"""How far apart the syncs of one connection are that deliveries ask for."""


def want_sync(webhook: ConnectionWebhook) -> None:
    """Note that something changed on the other side, and hint at it; a wish that is noted already stays one."""
    from plugins.tasks import sync_where_wanted  # the task calls this module

    noted = ConnectionWebhook.objects.filter(pk=webhook.pk, sync_wanted_at=None).update(sync_wanted_at=timezone.now())
    if noted:
        sync_where_wanted.delay_on_commit(webhook.connection_id)


@transaction.atomic
def ask_for_sync(connection_id: int) -> bool:
    """Request the sync that is wanted, unless one was requested a moment ago; then `ask_for_syncs` comes back to it.

    A sync that was under way before may have passed by what changed: it does not fulfil the wish.
    """
    connection = Connection.objects.select_for_update(no_key=True).filter(pk=connection_id).first()
    if connection is None:
        return False
    webhooks = list(connection.webhooks.all())
    wanting = [webhook for webhook in webhooks if webhook.sync_wanted_at]
    now = timezone.now()
    if not wanting or any(each.sync_asked_at and each.sync_asked_at > now - PAUSE for each in webhooks):
        return False
    known = {webhook.sync_url for webhook in webhooks}
    changes: dict[str, object] = {"sync_asked_at": now, "sync_wanted_at": None}
    try:
        changes["sync_url"] = services.request_sync(connection, by=connection.owner)[:200]
    except (DomainError, ValidationError) as error:
        words = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        changes |= {"last_problem": f"A delivery asked for a sync. {words}", "last_problem_at": now}
    if changes.get("sync_url") in known:
        del changes["sync_wanted_at"]
    ConnectionWebhook.objects.filter(pk__in=[webhook.pk for webhook in wanting]).update(**changes)
    return True


def ask_for_syncs() -> int:
    """Request every sync that is wanted and not requested yet; return how many."""
    wanting = ConnectionWebhook.objects.filter(sync_wanted_at__isnull=False)
    numbers = list(wanting.order_by().values_list("connection_id", flat=True).distinct()[:500])
    return sum(ask_for_sync(number) for number in numbers)
