"""Taking in what the other side sends: kept as it came, answered at once, handled by a worker later.

Nothing here runs a plugin or reads a payload. Who sent it is checked over the raw bytes; whoever cannot prove it gets
one and the same answer, whether the webhook exists or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Sum
from django.utils import timezone

from coreengine.kernel import webhooks as rules
from coreengine.kernel.webhooks import Answer, Body
from plugins.manifest import Signature, Webhook
from plugins.models import Connection
from plugins.webhooks.models import ConnectionDelivery, ConnectionWebhook

MAX_BODY_BYTES = 2 * 2**20
MAX_A_MINUTE = 600
MAX_BYTES_A_MINUTE = 40 * 2**20
MAX_OPEN = 5_000
MAX_REJECTED_A_MINUTE = 30
NOT_PROVEN = "There is no such webhook, or the delivery does not prove who sent it."
Status = ConnectionDelivery.Status


def receive(number: int, name: str, *, body: Body, headers: Mapping[str, str], address_secret: str = "") -> Answer:
    """Take in one request to the webhook `name` of the connection `number`.

    `headers` are looked up without regard to case; `address_secret` is the last part of a secret address.
    """
    found = _found(number, name)
    if found is None:
        return Answer(body.status, {"detail": body.refusal}) if body.refusal else Answer(401, {"detail": NOT_PROVEN})
    row, webhook = found
    if body.refusal:
        _note_rejected(row, webhook, body.refusal, headers, body.size)
        return Answer(body.status, {"detail": body.refusal})
    signature = webhook.signature or Signature("")
    fault = rules.signature_fault(
        signature.type,
        secrets=row.secrets(timezone.now()),
        body=body.data,
        headers=headers,
        header=signature.header,
        prefix=signature.prefix,
        address_secret=address_secret,
    )
    if fault:
        _note_rejected(row, webhook, fault, headers, body.size)
        return Answer(401, {"detail": NOT_PROVEN})
    if words := _too_much(row, body.size):
        return Answer(429, {"detail": words}, retry_after_s=60)
    return _keep(row, webhook, body.data, headers)


def _found(number: int, name: str) -> tuple[ConnectionWebhook, Webhook] | None:
    """Return the webhook's row and what the manifest says of it.

    Without a row there was never a secret, so nobody can have signed; a request makes none.
    """
    rows = ConnectionWebhook.objects.select_related("connection")
    row = rows.filter(connection_id=number, name=name, connection__owner__is_active=True).first()
    manifest = row.connection.manifest if row else None
    webhook = manifest.webhook_by_name.get(name) if manifest else None
    return (row, webhook) if row and webhook else None


def _keep(row: ConnectionWebhook, webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> Answer:
    from plugins.tasks import handle_webhooks  # the task calls this package

    delivery_id = rules.delivery_id_of(headers, webhook.delivery_id_headers)
    try:
        with transaction.atomic():
            delivery = ConnectionDelivery.objects.create(
                **_told(row, webhook, headers), delivery_id=delivery_id, body=body, size_bytes=len(body)
            )
            handle_webhooks.delay_on_commit(row.connection_id)
    except IntegrityError:
        taken = ConnectionDelivery.objects.filter(webhook=row, delivery_id=delivery_id, is_replay=False)
        first = taken.exclude(status=Status.REJECTED).defer("body").first()
        if first is None:  # the connection went while this came in
            return Answer(401, {"detail": NOT_PROVEN})
        ConnectionDelivery.objects.filter(pk=first.pk).update(repeats=F("repeats") + 1)
        return Answer(202, {"delivery": first.pk, "status": first.status, "is_duplicate": True})
    return Answer(202, {"delivery": delivery.pk, "status": delivery.status, "is_duplicate": False})


def _note_rejected(
    row: ConnectionWebhook, webhook: Webhook, reason: str, headers: Mapping[str, str], size: int
) -> None:
    """Note a request that is not taken in: what it was about, never what it held."""
    rejected = ConnectionDelivery.objects.filter(webhook=row, status=Status.REJECTED)
    if rules.too_many(rejected, MAX_REJECTED_A_MINUTE):
        return
    now = timezone.now()
    ConnectionDelivery.objects.create(
        **_told(row, webhook, headers),
        delivery_id=rules.delivery_id_of(headers, webhook.delivery_id_headers),
        status=Status.REJECTED,
        reason=reason,
        reason_code="rejected",
        size_bytes=min(size, 2**31 - 1),
        handled_at=now,
    )
    ConnectionWebhook.objects.filter(pk=row.pk).update(
        last_problem=f"A delivery was rejected. {reason}", last_problem_at=now
    )


def _told(row: ConnectionWebhook, webhook: Webhook, headers: Mapping[str, str]) -> dict[str, object]:
    """Return what is kept of a request beside its body."""
    names = (*webhook.delivery_id_headers, *webhook.kept_headers, *filter(None, [webhook.event_header]))
    secret = (webhook.signature.header,) if webhook.signature and webhook.signature.header else ()
    event = headers.get(webhook.event_header, "") if webhook.event_header else ""
    connection: Connection = row.connection
    return {
        "owner_id": connection.owner_id,
        "connection_id": connection.pk,
        "webhook": row,
        "event": _plain(event)[:100],
        "content_type": _plain(headers.get("content-type", ""))[:200],
        "headers": {
            name: _plain(value) for name, value in rules.kept_headers(headers, wanted=names, secret=secret).items()
        },
    }


def _plain(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _too_much(row: ConnectionWebhook, size: int) -> str:
    """Say why no more is taken at the moment, "" if there is room."""
    minute = ConnectionDelivery.objects.filter(
        webhook=row, received_at__gt=timezone.now() - timedelta(minutes=1)
    ).exclude(status=Status.REJECTED)
    lately = minute.aggregate(count=Count("pk"), size=Sum("size_bytes"))
    if lately["count"] >= MAX_A_MINUTE:
        return f"More than {MAX_A_MINUTE} deliveries in a minute."
    if (lately["size"] or 0) + size > MAX_BYTES_A_MINUTE:
        return f"More than {MAX_BYTES_A_MINUTE // 2**20} MiB in a minute."
    waiting = ConnectionDelivery.objects.filter(connection_id=row.connection_id, handled_at=None)
    if lately["count"] and waiting.count() >= MAX_OPEN:
        return f"{MAX_OPEN} deliveries wait to be handled."
    return ""
