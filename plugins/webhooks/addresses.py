"""What the other side has to be told: where to send, and with which secret to sign."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from coreengine.kernel.site import site_url
from plugins.errors import WebhookUnknown
from plugins.manifest import Webhook
from plugins.models import Connection
from plugins.webhooks.models import ConnectionWebhook

OVERLAP = timedelta(days=1)
"""How long the secret before the present one stays good, so that what is on its way is not lost."""


def kind_of(webhook: Webhook) -> str:
    """Return how a webhook's deliveries prove who sent them, "" where the manifest does not say it."""
    return webhook.signature.type if webhook.signature else ""


def declared(connection: Connection, name: str) -> Webhook:
    """Return what the manifest says of a webhook.

    Raises:
        WebhookUnknown: the plugin has none of this name, or is not installed.
    """
    manifest = connection.manifest
    found = manifest.webhook_by_name.get(name) if manifest else None
    if found is None:
        raise WebhookUnknown(f"{connection.plugin_title} has no webhook “{name}”.")
    return found


def address_of(connection: Connection, name: str) -> str:
    """Return where the other side sends a webhook's deliveries.

    Where the address is all that proves the sender (`url_secret`), it holds the secret.

    Raises:
        WebhookUnknown: the plugin has no such webhook.
        SiteAddressMissing: the operator did not say what this site is called.
    """
    if kind_of(declared(connection, name)) != "url_secret":
        return site_url(reverse("plugins:hook", args=[connection.pk, name]))
    return site_url(reverse("plugins:hook-by-address", args=[connection.pk, name, secret_of(connection, name)]))


def secret_of(connection: Connection, name: str) -> str:
    """Return the secret that a webhook's deliveries are signed with; it is made on first use.

    Raises:
        WebhookUnknown: the plugin has no such webhook.
    """
    return webhook_of(connection, name).secret


def webhook_of(connection: Connection, name: str) -> ConnectionWebhook:
    """Return a webhook's row, made with a secret on first use.

    Raises:
        WebhookUnknown: the plugin has no such webhook.
    """
    kind = kind_of(declared(connection, name))
    row, _ = ConnectionWebhook.objects.get_or_create(
        connection=connection, name=name, defaults={"secret": _new_secret(kind)}
    )
    return row


@transaction.atomic
def rotate_secret(connection: Connection, name: str, *, by: User) -> str:
    """Make a new secret and return it, this once; the one before it stays good for `OVERLAP`.

    The first one that is made has none before it.

    Raises:
        WebhookUnknown: the plugin has no such webhook.
    """
    kind = kind_of(declared(connection, name))
    secret, now = _new_secret(kind), timezone.now()
    row, is_new = ConnectionWebhook.objects.select_for_update().get_or_create(
        connection=connection, name=name, defaults={"secret": secret}
    )
    if not is_new:
        row.previous_secret, row.previous_until = row.secret, now + OVERLAP
        row.secret, row.secret_made_at = secret, now
        row.save(update_fields=["secret", "previous_secret", "previous_until", "secret_made_at"])
    record(
        "connection.webhook.secret_changed",
        actor=by,
        subject=connection,
        data={"plugin": connection.plugin, "name": name, "is_first": is_new},
    )
    return secret


def _new_secret(kind: str) -> str:
    """Make a secret of the form that the way of signing asks for."""
    if kind == "standard_webhooks":
        return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return secrets.token_urlsafe(32)
