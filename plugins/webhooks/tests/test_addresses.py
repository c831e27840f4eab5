"""What the other side is told: addresses and secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from coreengine.kernel.models import Event
from coreengine.kernel.site import SiteAddressMissing
from plugins import webhooks
from plugins.errors import WebhookUnknown
from plugins.models import Connection
from plugins.tests.factories import ConnectionFactory
from plugins.webhooks.addresses import OVERLAP, rotate_secret, webhook_of
from plugins.webhooks.models import ConnectionWebhook

pytestmark = pytest.mark.django_db


def test_the_address_is_that_of_the_site(connection: Connection) -> None:
    address = webhooks.address_of(connection, "repository")

    assert address == f"https://core.example.edu/hooks/connections/{connection.pk}/repository/"
    assert ConnectionWebhook.objects.count() == 0


def test_where_the_address_is_the_proof_it_holds_the_secret(connection: Connection) -> None:
    secret = webhooks.secret_of(connection, "secret_address")

    assert webhooks.address_of(connection, "secret_address").endswith(f"/secret_address/{secret}/")


def test_a_site_that_does_not_know_its_name_says_so(connection: Connection, settings: Any) -> None:
    settings.SITE_URL = ""
    with pytest.raises(SiteAddressMissing, match="SITE_URL"):
        webhooks.address_of(connection, "repository")


def test_each_webhook_of_each_connection_has_a_secret_of_its_own_that_stays(
    connection: Connection, stranger: Any
) -> None:
    other = ConnectionFactory(owner=stranger, plugin=connection.plugin)
    secrets = [
        webhooks.secret_of(each, name) for each in (connection, other) for name in ("repository", "channel", "standard")
    ]

    assert len(set(secrets)) == 6 and all(len(secret) >= 43 for secret in secrets)
    assert webhooks.secret_of(connection, "repository") == secrets[0]
    assert secrets[2].startswith("whsec_")


def test_a_name_that_the_manifest_does_not_have_is_unknown(connection: Connection) -> None:
    for ask in (webhooks.address_of, webhooks.secret_of):
        with pytest.raises(WebhookUnknown, match="“pushes”"):
            ask(connection, "pushes")
    connection.plugin = "not-installed"
    with pytest.raises(WebhookUnknown):
        webhooks.secret_of(connection, "repository")


def test_the_secret_is_encrypted_and_in_no_event(connection: Connection, owner: Any) -> None:
    first = webhooks.secret_of(connection, "repository")
    second = rotate_secret(connection, "repository", by=owner)
    with database.cursor() as cursor:
        cursor.execute("SELECT w::text FROM plugins_connectionwebhook w")
        row = cursor.fetchone()[0]

    for secret in (first, second):
        assert secret not in row and secret.encode().hex() not in row
        assert not Event.objects.filter(data__icontains=secret).exists()
    assert Event.objects.get(type="connection.webhook.secret_changed").data["name"] == "repository"


def test_after_a_change_the_old_secret_is_good_for_a_day(connection: Connection, owner: Any) -> None:
    first = webhooks.secret_of(connection, "repository")
    second = rotate_secret(connection, "repository", by=owner)
    row, now = webhook_of(connection, "repository"), timezone.now()

    assert row.secrets(now) == [second, first]
    assert row.secrets(now + OVERLAP + timedelta(seconds=1)) == [second]


def test_a_first_secret_made_by_hand_has_none_before_it(connection: Connection, owner: Any) -> None:
    secret = rotate_secret(connection, "repository", by=owner)

    assert webhook_of(connection, "repository").secrets(timezone.now()) == [secret]
