"""Webhooks: a request is kept as it came, answered at once, and handled by a worker.

1. `receive` finds the webhook by the digest of its secret, checks the signature, and keeps a delivery row. The id that
   the sender gave the delivery is unique for the webhook: a second request with it is counted, not done.
2. After the commit a worker is hinted at. A lost hint is found by `take_up`, which beat ticks.
3. `handle` starts the execution under the delivery's own key, once, and notes it on the delivery.
What came in is data: expressions may read it as `trigger.payload` and `trigger.headers`, nothing follows it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel import webhooks as rules
from coreengine.kernel.events import record
from coreengine.kernel.webhooks import Answer, Body
from workflows.errors import NotAWebhook, WebhookResting
from workflows.models import WorkflowTrigger
from workflows.trigger_models import WebhookDelivery
from workflows.triggers.firing import fail_for, note_problem, start_for
from workflows.triggers.rows import digest_of, give_secret

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 512_000
MAX_A_MINUTE = 600
MAX_REJECTED_A_MINUTE = 30
MAX_ATTEMPTS = 5
HINT_AGAIN_AFTER_S = 10
Status = WebhookDelivery.Status


def receive(secret: str, *, body: Body, headers: Mapping[str, str]) -> Answer:
    """Take in one request. `headers` are looked up without regard to case."""
    trigger = WorkflowTrigger.with_retired.select_related("workflow").filter(secret_hash=digest_of(secret)).first()
    if trigger is None or trigger.workflow.removed_at is not None:
        return Answer(404, {"detail": "There is no such webhook."})
    if body.refusal:
        return _reject(trigger, body.status, body.refusal, headers, body.size)
    if trigger.retired_at is not None:
        return _reject(trigger, 410, "The workflow no longer has this webhook.", headers, body.size)
    if fault := _signature_fault(trigger, body.data, headers):
        return _reject(trigger, 401, fault, headers, body.size)
    if not trigger.workflow.is_active:
        return _reject(trigger, 409, "The workflow is switched off.", headers, body.size)
    if _too_many(trigger, MAX_A_MINUTE, rejected=False):
        return Answer(429, {"detail": f"More than {MAX_A_MINUTE} deliveries in a minute."}, retry_after_s=60)
    return _keep(trigger, body.data, headers)


def _keep(trigger: WorkflowTrigger, body: bytes, headers: Mapping[str, str]) -> Answer:
    from workflows.tasks import handle_delivery  # the task calls this module

    delivery_id = _delivery_id(trigger, headers)
    try:
        with transaction.atomic():
            delivery = WebhookDelivery.objects.create(
                trigger=trigger,
                delivery_id=delivery_id,
                content_type=headers.get("content-type", "")[:200],
                headers=_kept(trigger, headers),
                body=body,
                size_bytes=len(body),
            )
            handle_delivery.delay_on_commit(delivery.pk)
    except IntegrityError:
        taken = WebhookDelivery.objects.filter(trigger=trigger, delivery_id=delivery_id, is_replay=False)
        first = taken.exclude(status=Status.REJECTED).get()
        WebhookDelivery.objects.filter(pk=first.pk).update(repeats=F("repeats") + 1)
        return Answer(202, {"delivery": first.pk, "status": first.status, "is_duplicate": True})
    return Answer(202, {"delivery": delivery.pk, "status": delivery.status, "is_duplicate": False})


def _reject(trigger: WorkflowTrigger, status: int, reason: str, headers: Mapping[str, str], size: int) -> Answer:
    """Note a request that is not taken in: what it was about, never what it held."""
    if _too_many(trigger, MAX_REJECTED_A_MINUTE, rejected=True):
        return Answer(429, {"detail": "Too many requests were rejected."}, retry_after_s=60)
    now = timezone.now()
    WebhookDelivery.objects.create(
        trigger=trigger,
        delivery_id=_delivery_id(trigger, headers),
        status=Status.REJECTED,
        reason=reason,
        content_type=headers.get("content-type", "")[:200],
        headers=_kept(trigger, headers),
        size_bytes=min(size, 2**31 - 1),
        handled_at=now,
    )
    if trigger.retired_at is None:
        note_problem(trigger, f"A delivery was rejected. {reason}")
    return Answer(status, {"detail": reason})


def _too_many(trigger: WorkflowTrigger, most: int, *, rejected: bool) -> bool:
    rows = WebhookDelivery.objects.filter(trigger=trigger)
    rows = rows.filter(status=Status.REJECTED) if rejected else rows.exclude(status=Status.REJECTED)
    return rules.too_many(rows, most)


def delivery_id_headers(trigger: WorkflowTrigger) -> tuple[str, ...]:
    """The headers that name a delivery, any one of them."""
    own = trigger.config.get("delivery_id_header")
    return (own,) if own else rules.DELIVERY_ID_HEADERS


def _delivery_id(trigger: WorkflowTrigger, headers: Mapping[str, str]) -> str:
    own = trigger.config.get("delivery_id_header")
    return rules.delivery_id_of(headers, (own,) if own else ())


def _kept(trigger: WorkflowTrigger, headers: Mapping[str, str]) -> dict[str, str]:
    own = trigger.config.get("delivery_id_header")
    return rules.kept_headers(headers, wanted=(own,) if own else (), secret=(trigger.signature_header,))


def _signature_fault(trigger: WorkflowTrigger, body: bytes, headers: Mapping[str, str]) -> str:
    """Say what is wrong with the signature; the address alone is the proof where none is asked for."""
    if not trigger.signature_header:
        return ""
    return rules.signature_fault(
        "hmac_sha256",
        secrets=[trigger.signing_secret or ""],
        body=body,
        headers=headers,
        header=trigger.signature_header,
    )


# --- the worker's part -------------------------------------------------------------------------------------


@transaction.atomic
def handle(delivery_id: int) -> WebhookDelivery | None:
    """Start the execution of a delivery. Safe to call twice: a delivery that was handled stays as it is."""
    delivery = (
        WebhookDelivery.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(pk=delivery_id, status=Status.RECEIVED)
        .first()
    )
    if delivery is None:
        return None
    trigger = WorkflowTrigger.with_retired.select_related("workflow__owner").get(pk=delivery.trigger_id)
    facts: dict[str, Any] = {"delivery": delivery.delivery_id or str(delivery.pk), "headers": delivery.headers}
    if trigger.retired_at is not None or not trigger.workflow.is_active or trigger.workflow.removed_at is not None:
        delivery.status, delivery.reason = Status.REJECTED, "The workflow was switched off before it was handled."
    else:
        try:
            facts["payload"] = payload_of(delivery)
        except ValueError as error:
            execution = fail_for(trigger, f"The payload cannot be used: {error}", facts)
        else:
            execution = start_for(trigger, facts, key=f"delivery:{delivery.pk}")
        delivery.execution = execution
        is_failed = execution.status == "failed"
        delivery.status = Status.FAILED if is_failed else Status.STARTED
        delivery.reason = execution.error_message[:500] if is_failed else ""
    delivery.handled_at = timezone.now()
    delivery.save(update_fields=["status", "reason", "execution", "handled_at"])
    return delivery


def payload_of(delivery: WebhookDelivery) -> Any:
    """What a delivery holds: JSON, the fields of a form, or text.

    Raises:
        ValueError: it is not what it says it is, or cannot be kept.
    """
    return rules.payload_of(delivery.content_type, bytes(delivery.body))


def take_up() -> int:
    """Handle again what was received and not handled: its hint was lost, or its worker. Returns how many.

    A delivery that cannot be handled however often it is tried becomes a failed execution that says so.
    """
    from workflows.tasks import handle_delivery  # the task calls this module

    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE workflows_webhookdelivery SET hinted_at = clock_timestamp(), attempts = attempts + 1
               WHERE id IN (SELECT id FROM workflows_webhookdelivery
                            WHERE status = 'received' AND hinted_at <= clock_timestamp() - make_interval(secs => %s)
                            ORDER BY hinted_at LIMIT 200 FOR UPDATE SKIP LOCKED)
               RETURNING id, attempts""",
            [HINT_AGAIN_AFTER_S],
        )
        found = cursor.fetchall()
    for number, attempts in found:
        if attempts > MAX_ATTEMPTS:
            _give_up(number)
        else:
            handle_delivery.delay_on_commit(number)
    return len(found)


@transaction.atomic
def _give_up(delivery_id: int) -> None:
    delivery = WebhookDelivery.objects.select_for_update(of=("self",)).get(pk=delivery_id)
    if delivery.status != Status.RECEIVED:
        return
    trigger = WorkflowTrigger.with_retired.select_related("workflow__owner").get(pk=delivery.trigger_id)
    words = f"The delivery could not be handled in {MAX_ATTEMPTS} attempts; the log of the server says why."
    delivery.execution = fail_for(trigger, words, {"delivery": delivery.delivery_id or str(delivery.pk)})
    delivery.status, delivery.reason, delivery.handled_at = Status.FAILED, words, timezone.now()
    delivery.save(update_fields=["execution", "status", "reason", "handled_at"])


# --- the owner's part --------------------------------------------------------------------------------------


@transaction.atomic
def replay(delivery: WebhookDelivery, *, by: User) -> WebhookDelivery:
    """Do a delivery once more, as if it had come again under a new name.

    Raises:
        WebhookResting: the workflow is switched off, or what came was not kept.
    """
    from workflows.tasks import handle_delivery  # the task calls this module

    trigger = delivery.trigger
    if trigger.retired_at is not None or not trigger.workflow.is_active:
        raise WebhookResting(f"“{trigger.workflow.name}” is switched off or lost this webhook. Switch it on first.")
    if delivery.status == Status.REJECTED:
        raise WebhookResting("What a rejected delivery held was not kept, so it cannot be replayed.")
    again = WebhookDelivery.objects.create(
        trigger=trigger,
        delivery_id=delivery.delivery_id,
        content_type=delivery.content_type,
        headers=delivery.headers,
        body=delivery.body,
        size_bytes=delivery.size_bytes,
        replay_of=delivery,
        is_replay=True,
    )
    record("workflow.webhook.replayed", actor=by, subject=trigger.workflow, data={"delivery": delivery.pk})
    handle_delivery.delay_on_commit(again.pk)
    return again


@transaction.atomic
def rotate_address(trigger: WorkflowTrigger, *, by: User) -> WorkflowTrigger:
    """Give a webhook a new address; the old one is unknown from now on."""
    trigger = _locked_webhook(trigger)
    give_secret(trigger)
    trigger.save(update_fields=["secret", "secret_hash"])
    record("workflow.webhook.address_changed", actor=by, subject=trigger.workflow, data={"trigger": trigger.pk})
    return trigger


@transaction.atomic
def set_signing_secret(trigger: WorkflowTrigger, secret: str = "", *, by: User) -> WorkflowTrigger:
    """Set the secret that deliveries are signed with: the sender's, or a new one when none is given.

    Doors show the new one in their answer to this, and never again. Until a first one is set, every delivery to a
    webhook that asks for a signature is refused.

    Raises:
        WebhookResting: the webhook asks for no signature.
    """
    trigger = _locked_webhook(trigger)
    if not trigger.signature_header:
        raise WebhookResting("This webhook asks for no signature. Add `signature` to it in the definition first.")
    trigger.signing_secret = secret.strip() or secrets.token_urlsafe(32)
    trigger.save(update_fields=["signing_secret"])
    record("workflow.webhook.signing_changed", actor=by, subject=trigger.workflow, data={"trigger": trigger.pk})
    return trigger


def _locked_webhook(trigger: WorkflowTrigger) -> WorkflowTrigger:
    rows = WorkflowTrigger.objects.select_for_update(of=("self",)).select_related("workflow")
    found = rows.get(pk=trigger.pk)
    if found.kind != WorkflowTrigger.Kind.WEBHOOK:
        raise NotAWebhook(f"Trigger {trigger.pk} is a {found.kind}; only a webhook has an address.")
    return found
