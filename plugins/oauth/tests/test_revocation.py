"""Tokens are given back when a connection goes, by a worker, and its failure keeps nobody."""

from __future__ import annotations

import base64
import json
import shutil
import time
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from coreengine.kernel.models import Event, Notification
from plugins import services
from plugins.models import Connection, TokenToRevoke
from plugins.oauth import revocation
from plugins.oauth.testing import HOST, Provider
from plugins.oauth.tests.conftest import write_plugin

pytestmark = pytest.mark.django_db


def types(connection_id: int) -> list[str]:
    found = Event.objects.filter(subject_type="plugins.connection", subject_id=str(connection_id))
    return list(found.order_by("id").values_list("type", flat=True))


@pytest.mark.usefixtures("commits_at_once")
@pytest.mark.parametrize(
    ("revocation_of", "path", "method"),
    [
        ({"url": f"https://{HOST}/revoke", "proof": "token_form"}, "/revoke", "POST"),
        ({"url": f"https://{HOST}/token", "method": "DELETE", "proof": "bearer"}, "/token", "DELETE"),
        (
            {
                "url": f"https://{HOST}/applications/{{client_id}}/token",
                "method": "DELETE",
                "proof": "client_basic_json",
            },
            "/applications/core-engine-client/token",
            "DELETE",
        ),
    ],
)
def test_each_kind_of_proof_ends_the_grant(
    connected: Connection, provider: Provider, owner: Any, catalog: Any, revocation_of: Any, path: str, method: str
) -> None:
    write_plugin(catalog, revocation=revocation_of)
    token = connected.credential["access_token"]
    number = connected.pk

    services.disconnect(connected, by=owner)

    asked = [(how, where) for how, where, _, _ in provider.asked]
    assert asked == [(method, path)]
    assert provider.holder(token) == ""
    assert not TokenToRevoke.objects.exists() and not Notification.objects.exists()
    assert types(number) == ["connection.removed", "connection.token_revoked"]


@pytest.mark.usefixtures("commits_at_once")
def test_the_proofs_are_what_the_services_document(
    connected: Connection, provider: Provider, owner: Any, catalog: Any
) -> None:
    access, refresh = connected.credential["access_token"], connected.credential["refresh_token"]
    services.disconnect(connected, by=owner)

    _, _, headers, body = provider.asked[0]
    assert f"token={refresh}".encode() in body and b"token_type_hint=refresh_token" in body

    address = f"https://{HOST}/applications/{{client_id}}/token"
    write_plugin(catalog, revocation={"url": address, "method": "DELETE", "proof": "client_basic_json"})
    connected.pk = None
    connected.save(force_insert=True)
    services.disconnect(connected, by=owner)
    _, _, headers, body = provider.asked[1]
    pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == f"{provider.client_id}:{provider.client_secret}" and json.loads(body) == {"access_token": access}


@pytest.mark.usefixtures("commits_at_once")
def test_a_token_that_is_its_own_proof_is_renewed_first(
    connected: Connection, provider: Provider, owner: Any, catalog: Any
) -> None:
    write_plugin(catalog, revocation={"url": f"https://{HOST}/token", "method": "DELETE", "proof": "bearer"})
    provider.expire()
    connected.credential = {**connected.credential, "expires_at": int(time.time()) - 5}
    connected.save()

    services.disconnect(connected, by=owner)

    assert [method for method, path, _, _ in provider.asked if path == "/token"] == ["POST", "DELETE"]


def test_the_connection_is_gone_before_anybody_is_asked(
    connected: Connection, provider: Provider, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinted: list[int] = []
    monkeypatch.setattr("plugins.tasks.revoke_token.delay_on_commit", hinted.append)

    services.disconnect(connected, by=owner)

    assert not Connection.objects.exists() and provider.asked == []
    row = TokenToRevoke.objects.get()
    assert hinted == [row.pk]
    assert connected.credential["refresh_token"] not in f"{row} {row!r} {hinted}"


@pytest.mark.usefixtures("commits_at_once")
def test_a_service_that_is_away_is_tried_again_and_in_the_end_the_student_is_told(
    connected: Connection, provider: Provider, owner: Any
) -> None:
    provider.fault(revoke_status=503)
    number = connected.pk
    services.disconnect(connected, by=owner)
    row = TokenToRevoke.objects.get()
    assert row.tries == 1 and row.next_try_at > timezone.now()
    assert revocation.revoke(row.pk) is False and provider.count("/revoke") == 1  # not before its time

    for _ in range(revocation.MAX_TRIES - 1):
        TokenToRevoke.objects.update(next_try_at=timezone.now() - timezone.timedelta(seconds=1))
        assert revocation.take_up() == 1

    assert provider.count("/revoke") == revocation.MAX_TRIES
    assert not TokenToRevoke.objects.exists()
    assert "Remove Core Engine" in Notification.objects.get().content
    assert types(number)[-1] == "connection.token_left"


@pytest.mark.usefixtures("commits_at_once")
def test_a_refusal_is_told_at_once(connected: Connection, provider: Provider, owner: Any) -> None:
    provider.fault(revoke_status=403)

    services.disconnect(connected, by=owner)

    assert provider.count("/revoke") == 1 and Notification.objects.count() == 1


@pytest.mark.usefixtures("commits_at_once")
def test_the_second_connection_to_the_same_account_goes_on_working(
    connected: Connection, provider: Provider, owner: Any
) -> None:
    second = Connection.objects.get(pk=connected.pk)
    second.pk = None
    second.save(force_insert=True)

    services.disconnect(connected, by=owner)

    assert provider.count("/revoke") == 0
    assert services.call_action(second, "get_way", {}, by=owner).success


@pytest.mark.usefixtures("commits_at_once")
def test_a_way_without_revocation_asks_nobody(
    connected: Connection, provider: Provider, owner: Any, catalog: Any
) -> None:
    connected.way, connected.credential = "token", {"token": "pasted-token"}
    connected.save()

    services.disconnect(connected, by=owner)

    assert provider.asked == [] and not TokenToRevoke.objects.exists()


@pytest.mark.usefixtures("commits_at_once")
def test_a_token_is_given_back_though_its_plugin_is_uninstalled_by_then(
    connected: Connection, provider: Provider, owner: Any, catalog: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plugins.tasks.revoke_token.delay_on_commit", lambda pk: None)
    services.disconnect(connected, by=owner)
    [row] = TokenToRevoke.objects.all()
    shutil.rmtree(catalog)

    assert revocation.revoke(row.pk)
    assert [(how, where) for how, where, _, _ in provider.asked] == [("POST", "/revoke")]
    assert not Notification.objects.exists()


@pytest.mark.usefixtures("commits_at_once")
def test_a_deleted_student_keeps_no_token_alive(connected: Connection, provider: Provider, owner: Any) -> None:
    token = connected.credential["access_token"]
    number = connected.pk

    with transaction.atomic():
        owner.delete()

    assert provider.holder(token) == ""
    assert not TokenToRevoke.objects.exists() and not Connection.objects.exists()
    assert types(number)[-1] == "connection.token_revoked"


@pytest.mark.usefixtures("commits_at_once")
def test_a_service_that_is_away_when_a_student_is_deleted_is_told_later(
    connected: Connection, provider: Provider, owner: Any
) -> None:
    token = connected.credential["access_token"]
    provider.fault(revoke_status=503)
    with transaction.atomic():
        owner.delete()
    [row] = TokenToRevoke.objects.all()
    assert row.owner is None and provider.holder(token)

    provider.fault(revoke_status=0)
    TokenToRevoke.objects.update(next_try_at=timezone.now() - timezone.timedelta(seconds=1))
    assert revocation.revoke(row.pk)
    assert provider.holder(token) == "" and not TokenToRevoke.objects.exists()
