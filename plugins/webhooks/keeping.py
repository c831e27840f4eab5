"""How long deliveries are kept, and doing one once more."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from plugins.conf import plugin_settings
from plugins.errors import DeliveryNotKept
from plugins.webhooks.models import ConnectionDelivery

BATCH = 1_000


def drop_old() -> int:
    """Forget what was handled longer ago than the settings keep it; what still waits stays. Returns how many."""
    before = timezone.now() - timedelta(days=plugin_settings().DELIVERIES_KEPT_DAYS)
    old = ConnectionDelivery.objects.filter(received_at__lt=before, handled_at__isnull=False).order_by()
    count = 0
    while numbers := list(old.values_list("pk", flat=True)[:BATCH]):
        count += ConnectionDelivery.objects.filter(pk__in=numbers).delete()[0]
    return count


@transaction.atomic
def replay(delivery: ConnectionDelivery, *, by: User) -> ConnectionDelivery:
    """Do a delivery once more, as if it had come again under a new name.

    Raises:
        DeliveryNotKept: it was rejected, and what it held was never kept.
    """
    from plugins.tasks import handle_webhooks  # the task calls this package

    if not delivery.can_replay:
        raise DeliveryNotKept("What a rejected delivery held was not kept, so it cannot be replayed.")
    again = ConnectionDelivery.objects.create(
        owner_id=delivery.owner_id,
        connection_id=delivery.connection_id,
        webhook_id=delivery.webhook_id,
        delivery_id=delivery.delivery_id,
        event=delivery.event,
        content_type=delivery.content_type,
        headers=delivery.headers,
        body=delivery.body,
        size_bytes=delivery.size_bytes,
        replay_of=delivery,
        is_replay=True,
    )
    record("connection.webhook.replayed", actor=by, subject=delivery.connection, data={"delivery": delivery.pk})
    handle_webhooks.delay_on_commit(again.connection_id)
    return again
