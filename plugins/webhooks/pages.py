"""What pages and API show of a connection's webhooks and deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from coreengine.kernel.site import SiteAddressMissing, site_url
from plugins.filters import DeliveryFilter
from plugins.manifest import Webhook
from plugins.models import ActionCall, Connection, ConnectionDelivery, ConnectionWebhook
from plugins.webhooks.addresses import address_of, kind_of

PAGE = 30
HIDDEN = "…"


@dataclass(frozen=True)
class WebhookCard:
    """One webhook of a connection. `new_secret` was made just now and is shown this once."""

    connection: Connection
    webhook: Webhook
    row: ConnectionWebhook | None
    new_secret: str = ""

    @property
    def name(self) -> str:
        """The manifest's name of it."""
        return self.webhook.name

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.name.replace("_", " ").capitalize()

    @property
    def description(self) -> str:
        """What the manifest says of it."""
        return self.webhook.description

    @property
    def kind(self) -> str:
        """How deliveries prove who sent them, "" where the manifest does not say."""
        return kind_of(self.webhook)

    @property
    def header(self) -> str:
        """The header that the proof stands in, "" where there is none."""
        return self.webhook.signature.header if self.webhook.signature else ""

    @property
    def address(self) -> str:
        """Where to deliver; where it holds the secret, only when that was made just now."""
        try:
            if self.kind == "url_secret" and not self.new_secret:
                return site_url(f"/hooks/connections/{self.connection.pk}/{self.name}/{HIDDEN}/")
            return address_of(self.connection, self.name)
        except SiteAddressMissing:
            return ""

    @property
    def is_address_hidden(self) -> bool:
        """Say whether a part of the address is left out because it is the secret."""
        return self.kind == "url_secret" and not self.new_secret

    @property
    def has_secret(self) -> bool:
        """Say whether there is a secret; without one every delivery is refused."""
        return self.row is not None

    @property
    def secret_made_at(self) -> datetime | None:
        """When the present secret was made."""
        return self.row.secret_made_at if self.row else None

    @property
    def previous_until(self) -> datetime | None:
        """Until when the secret before the present one is good, None where it is not."""
        until = self.row.previous_until if self.row else None
        return until if until and until > timezone.now() else None

    @property
    def last_problem(self) -> str:
        """What went wrong last, in words."""
        return self.row.last_problem if self.row else ""

    @property
    def last_problem_at(self) -> datetime | None:
        """When it did."""
        return self.row.last_problem_at if self.row else None

    @property
    def is_out_of_reach(self) -> bool:
        """Say whether other services can hardly reach the address: no TLS, or this machine's own name."""
        parts = urlsplit(self.address)
        return parts.scheme != "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


def webhook_cards(connection: Connection, *, new: str = "", new_secret: str = "") -> list[WebhookCard]:
    """Return the webhooks that the manifest declares, in its order; `new` is the one whose secret was just made."""
    manifest = connection.manifest
    rows = {row.name: row for row in connection.webhooks.all()}
    return [
        WebhookCard(connection, webhook, rows.get(webhook.name), new_secret if webhook.name == new else "")
        for webhook in (manifest.webhooks if manifest else ())
    ]


class WebhooksPage:
    """A connection's webhooks, and what came in: newest first, filtered, a page at a time."""

    statuses = ConnectionDelivery.Status.choices

    def __init__(
        self, connection: Connection, query: Mapping[str, str], *, new: str = "", new_secret: str = ""
    ) -> None:
        self.connection = connection
        self.cards = webhook_cards(connection, new=new, new_secret=new_secret)
        rows = ConnectionDelivery.objects.filter(connection=connection).defer("body").select_related("webhook")
        self.filter = DeliveryFilter(query, rows)
        found = self.filter.qs.order_by("-pk")
        self.before = int(query["before"]) if query.get("before", "").isdecimal() else None
        found = found.filter(pk__lt=min(self.before, 2**63 - 1)) if self.before else found
        self._found = list(found[: PAGE + 1])
        self.status = query.get("status", "")
        self.webhook = query.get("webhook", "")

    @property
    def rows(self) -> list[ConnectionDelivery]:
        """A page of deliveries."""
        return self._found[:PAGE]

    @property
    def next_before(self) -> int | None:
        """Where the next page begins."""
        return self._found[PAGE - 1].pk if len(self._found) > PAGE else None

    @property
    def is_filtered(self) -> bool:
        """Say whether a choice was made."""
        return bool(self.status or self.webhook or self.before)


class DeliveryPage:
    """One delivery with what it held."""

    def __init__(self, delivery: ConnectionDelivery) -> None:
        self.delivery = delivery
        self.connection = delivery.connection

    @property
    def title(self) -> str:
        """What the sender calls what happened, or the number of the delivery."""
        return self.delivery.event.replace("_", " ").capitalize() or f"Delivery {self.delivery.pk}"

    @property
    def payload(self) -> str:
        """What it held, laid out for reading."""
        try:
            payload = self.delivery.payload()
        except ValueError:
            return bytes(self.delivery.body).decode(errors="replace")
        if payload is None:
            return ""
        return payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers that are kept, by name."""
        return sorted(self.delivery.headers.items())

    @property
    def call(self) -> ActionCall | None:
        """The last call of the plugin about it."""
        return self.delivery.call

    @property
    def problem_title(self) -> str:
        """What went wrong, in few words."""
        match self.delivery.status:
            case ConnectionDelivery.Status.REJECTED:
                return "It was not taken in"
            case ConnectionDelivery.Status.WAITING:
                return "It did not work yet"
        return "It could not be handled"

    @property
    def replays(self) -> list[ConnectionDelivery]:
        """The times it was done once more, the newest first."""
        return list(self.delivery.replays.defer("body").order_by("-pk")[:10])


def webhooks_card(request: Any, connection: Connection) -> dict[str, Any] | None:
    """What the connection's page shows of its webhooks; None where the plugin has none."""
    manifest = connection.manifest
    if manifest is None or not manifest.webhooks:
        return None
    lately = ConnectionDelivery.objects.filter(connection=connection).defer("body").order_by("-pk")
    waiting = ConnectionDelivery.objects.filter(connection=connection, handled_at=None).count()
    return {"connection": connection, "deliveries": list(lately[:3]), "waiting": waiting}
