"""Sending to webhooks of connections as outside services do."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from django.test import Client

from plugins import webhooks
from plugins.models import Connection
from plugins.webhooks.handling import handle_next
from plugins.webhooks.models import ConnectionDelivery

PUSH = {"ref": "refs/heads/main", "commits": [{"id": "5af4…", "message": "Grüße"}]}


def sign(secret: str, body: bytes) -> str:
    """Return what GitHub writes into X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def raw(connection: Connection, name: str, body: bytes, *, tail: str = "", **headers: str) -> Any:
    """POST bytes to a webhook as they are."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    kind = named.pop("Content-Type", "application/json")
    address = f"/hooks/connections/{connection.pk}/{name}/{tail}"
    return Client().post(address, body, content_type=kind, headers=named)


def push(connection: Connection, payload: Any = None, *, delivery: str = "", **headers: str) -> Any:
    """Deliver to the webhook `repository`, signed as GitHub signs."""
    body = payload if isinstance(payload, bytes) else json.dumps(PUSH if payload is None else payload).encode()
    headers.setdefault("X_Hub_Signature_256", sign(webhooks.secret_of(connection, "repository"), body))
    headers.setdefault("X_GitHub_Event", "push")
    if delivery:
        headers["X_GitHub_Delivery"] = delivery
    return raw(connection, "repository", body, **headers)


def handled(answer: Any) -> ConnectionDelivery:
    """Let the worker handle what was taken in, and return its row."""
    assert answer.status_code == 202, answer.content
    row = ConnectionDelivery.objects.get(pk=answer.json()["delivery"])
    handle_next(row.connection_id)
    row.refresh_from_db()
    return row
