"""The worker's part: each delivery that was taken in is handled once, as far as our own records go.

1. `handle_next` claims the oldest one that is due, for as long as a call of a plugin may last. A connection has at most
   AT_ONCE under way, so that a burst of one student leaves the workers to others.
2. The plugin handles it. How that ended, the events that it became and the wish for a sync are recorded in the one
   transaction that ends the plugin's call; a worker that lost its claim meanwhile records nothing.
3. A failure that may pass is tried again after a while, as most senders would not. `take_up`, which beat ticks, finds
   what a lost hint or a killed worker left.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.kernel.clock_of_database import database_now
from coreengine.kernel.events import EventDraft, record, record_many
from coreengine.kernel.notifications import notify
from plugins import calls
from plugins.conf import plugin_settings
from plugins.contract import ActionResult
from plugins.errors import DeliveryTaken
from plugins.models import ActionCall, Connection
from plugins.rules import payload_faults
from plugins.webhooks import syncs
from plugins.webhooks.models import ConnectionDelivery, ConnectionWebhook

logger = logging.getLogger(__name__)
AT_ONCE = 2
RETRY_AFTER_S = (5, 30, 120, 600, 1_800)
MAX_ATTEMPTS = len(RETRY_AFTER_S) + 1
LONGEST_PAUSE_S = 3_600
CLAIM_MARGIN_S = 30
TOLD_AGAIN_AFTER = timedelta(hours=1)
Status = ConnectionDelivery.Status


def handle_next(connection_id: int) -> ConnectionDelivery | None:
    """Handle the oldest delivery of a connection that is due; None if there is none, or enough are under way.

    Safe to call any number of times, at once and again.
    """
    delivery = _claim(connection_id)
    if delivery is None:
        return None
    try:
        if fault := _given_up(delivery) or _unusable(delivery):
            _settle(delivery, None, fault)
        else:
            calls.run_webhook(
                delivery.connection,
                delivery.webhook.name,
                delivery=_asked(delivery),
                number=delivery.pk,
                settle=lambda _, call, result: _settle(delivery, call, result),
            )
    except DeliveryTaken:
        logger.warning("attempt %s of delivery %s took too long and does not count", delivery.attempts, delivery.pk)
    return delivery


def go_on(connection_id: int) -> bool:
    """Hint at the next delivery that is due, if there is one."""
    from plugins.tasks import handle_webhooks  # the task calls this module

    is_more = ConnectionDelivery.objects.filter(connection_id=connection_id).due(timezone.now()).exists()
    if is_more:
        handle_webhooks.delay_on_commit(connection_id)
    return is_more


def take_up() -> int:
    """Hint at what nobody handles: the hint was lost, the worker, or its next attempt is due. Returns how many
    connections there are."""
    from plugins.tasks import handle_webhooks  # the task calls this module

    due = ConnectionDelivery.objects.due(timezone.now()).order_by()
    waiting = list(due.values_list("connection_id", flat=True).distinct()[:500])
    for number in waiting:
        handle_webhooks.delay_on_commit(number)
    return len(waiting)


@transaction.atomic
def _claim(connection_id: int) -> ConnectionDelivery | None:
    connection = Connection.objects.select_for_update(no_key=True).filter(pk=connection_id).first()
    if connection is None:
        return None
    now = database_now()
    rows = ConnectionDelivery.objects.filter(connection=connection)
    if rows.filter(status=Status.RUNNING, due_at__gt=now).count() >= AT_ONCE:
        return None
    delivery = rows.due(now).select_related("webhook", "connection__owner").first()
    if delivery is None:
        return None
    delivery.status, delivery.attempts = Status.RUNNING, delivery.attempts + 1
    delivery.due_at = now + timedelta(seconds=plugin_settings().ACTION_TIMEOUT_S + CLAIM_MARGIN_S)
    delivery.save(update_fields=["status", "attempts", "due_at"])
    return delivery


def _given_up(delivery: ConnectionDelivery) -> ActionResult | None:
    """Say that enough workers were lost over it; each of them may have been killed by it."""
    if delivery.attempts <= MAX_ATTEMPTS:
        return None
    words = f"It could not be handled in {MAX_ATTEMPTS} attempts."
    return ActionResult(False, error=words, error_code="attempts_used_up")


def _unusable(delivery: ConnectionDelivery) -> ActionResult | None:
    """Say why the plugin cannot be given a delivery, None if it can."""
    manifest = delivery.connection.manifest
    if manifest is None or delivery.webhook.name not in manifest.webhook_by_name:
        words = f"{delivery.connection.plugin_title} is not installed, or has this webhook no longer."
        return ActionResult(False, error=words, error_code="plugin_not_installed")
    try:
        payload = delivery.payload()
    except ValueError as error:
        return ActionResult(False, error=f"The payload cannot be used: {error}", error_code="payload_not_readable")
    faults = payload_faults(manifest, delivery.webhook.name, payload)
    if not faults:
        return None
    more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
    words = f"The payload does not fit what the plugin expects: {faults[0]}{more}."
    return ActionResult(False, error=words, error_code="payload_does_not_fit")


def _asked(delivery: ConnectionDelivery) -> dict[str, Any]:
    """Return what the plugin is given beside the webhook's name and the connection's settings."""
    return {
        "payload": delivery.payload(),
        "headers": delivery.headers,
        "context": {
            "delivery_id": delivery.delivery_id,
            "event": delivery.event,
            "received_at": delivery.received_at.isoformat(),
            "is_replay": delivery.is_replay,
            "attempt": delivery.attempts,
        },
    }


@transaction.atomic
def _settle(delivery: ConnectionDelivery, call: ActionCall | None, result: ActionResult) -> None:
    """Write how an attempt ended, and what came of it.

    Raises:
        DeliveryTaken: the claim was lost; whatever else is in this transaction must not be kept.
    """
    connection, now = delivery.connection, timezone.now()
    claimed = ConnectionDelivery.objects.filter(pk=delivery.pk, status=Status.RUNNING, attempts=delivery.attempts)
    changes: dict[str, Any] = {
        "call": call,
        "reason": "" if result.success else result.error[:1_000],
        "reason_code": "" if result.success else result.error_code[:60],
    }
    answer = result.data if result.success else {"events": [], "sync": False}
    may_pass = not result.success and result.retryable and delivery.attempts < MAX_ATTEMPTS
    if may_pass:
        pause_s = max(RETRY_AFTER_S[delivery.attempts - 1], min(result.retry_after_s or 0, LONGEST_PAUSE_S))
        changes |= {"status": Status.WAITING, "due_at": now + timedelta(seconds=pause_s)}
    else:
        changes |= {"status": Status.COMPLETED if result.success else Status.FAILED, "handled_at": now}
        changes |= {"events": [event["type"] for event in answer["events"]], "asked_sync": answer["sync"]}
    if not claimed.update(**changes):
        raise DeliveryTaken("It took too long, and another worker has taken the delivery up.")
    record_many(
        [
            EventDraft(
                "connection.webhook",
                connection,
                {
                    "plugin": connection.plugin,
                    "name": delivery.webhook.name,
                    "event": event["type"],
                    "data": event["data"],
                    "delivery": delivery.pk,
                },
            )
            for event in answer["events"]
        ],
        actor=None,
        owner=connection.owner,
    )
    if answer["sync"]:
        syncs.want_sync(delivery.webhook)
    if changes["status"] == Status.FAILED:
        _tell_failure(delivery, result)


def _tell_failure(delivery: ConnectionDelivery, result: ActionResult) -> None:
    """Let the student see that something was not handled; of a series the bell tells once an hour."""
    connection, webhook, now = delivery.connection, delivery.webhook, timezone.now()
    record(
        "connection.webhook.failed",
        actor=None,
        subject=connection,
        owner=connection.owner,
        data={"plugin": connection.plugin, "name": webhook.name, "delivery": delivery.pk, "error": result.error},
    )
    lately = ConnectionDelivery.objects.filter(webhook=webhook, status=Status.FAILED).exclude(pk=delivery.pk)
    if not lately.filter(handled_at__gt=now - TOLD_AGAIN_AFTER).exists():
        notify(
            connection.owner,
            title=f"What {connection.label} sent could not be handled",
            content=result.error,
            url=delivery.get_absolute_url(),
            kind="connection.webhook.failed",
        )
    ConnectionWebhook.objects.filter(pk=webhook.pk).update(last_problem=result.error, last_problem_at=now)
