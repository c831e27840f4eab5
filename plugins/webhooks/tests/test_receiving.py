"""Taking in deliveries: who may, what is kept, what is counted, and what is refused without a trace of its content."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from coreengine.kernel.logs import WithoutSecrets
from plugins import webhooks
from plugins.models import Connection
from plugins.webhooks import receiving
from plugins.webhooks.addresses import rotate_secret
from plugins.webhooks.models import ConnectionDelivery, ConnectionWebhook
from plugins.webhooks.receiving import MAX_BODY_BYTES, MAX_REJECTED_A_MINUTE, NOT_PROVEN
from plugins.webhooks.tests.sending import PUSH, push, raw, sign

pytestmark = pytest.mark.django_db


class TestTakingIn:
    def test_it_is_kept_as_it_came_and_answered_at_once(self, connection: Connection) -> None:
        body = b'{ "ref":"refs/heads/main" , "text": "Gr\\u00fc\xc3\x9fe" }'
        answer = push(connection, body, delivery="d-1", X_GitHub_Hook_ID="7", Authorization="Bearer x", Cookie="a=b")

        assert answer.status_code == 202
        row = ConnectionDelivery.objects.get()
        assert answer.json() == {"delivery": row.pk, "status": "pending", "is_duplicate": False}
        assert bytes(row.body) == body and row.size_bytes == len(body)
        assert (row.owner, row.connection, row.event, row.delivery_id) == (connection.owner, connection, "push", "d-1")
        assert row.headers == {
            "content-type": "application/json",
            "x-github-delivery": "d-1",
            "x-github-event": "push",
            "x-github-hook-id": "7",
        }

    @pytest.mark.alone
    def test_taking_in_is_quick(self, connection: Connection) -> None:
        push(connection)
        body = json.dumps({"ref": "x", "filler": "y" * 200_000}).encode()
        best = min(_seconds(lambda: push(connection, body)) for _ in range(5))

        assert best < 0.05

    def test_only_post_is_an_answer(self, connection: Connection) -> None:
        address = f"/hooks/connections/{connection.pk}/repository/"
        client = Client()

        assert [getattr(client, verb)(address).status_code for verb in ("get", "put", "delete", "patch")] == [405] * 4
        assert ConnectionDelivery.objects.count() == 0

    def test_no_session_and_no_csrf_token_is_needed(self, connection: Connection) -> None:
        body = b"{}"
        headers = {"X-Hub-Signature-256": sign(webhooks.secret_of(connection, "repository"), body)}
        address = f"/hooks/connections/{connection.pk}/repository/"
        answer = Client(enforce_csrf_checks=True).post(address, body, content_type="application/json", headers=headers)

        assert answer.status_code == 202


class TestOnce:
    def test_a_delivery_that_comes_again_is_counted_and_not_kept_again(self, connection: Connection) -> None:
        first, second, third = (push(connection, delivery="d-1") for _ in range(3))

        assert first.json()["delivery"] == second.json()["delivery"] == third.json()["delivery"]
        assert second.status_code == 202 and second.json()["is_duplicate"] and not first.json()["is_duplicate"]
        assert ConnectionDelivery.objects.get().repeats == 2

    def test_all_headers_of_the_manifest_together_are_the_name(self, connection: Connection) -> None:
        token = webhooks.secret_of(connection, "channel")
        for channel, number in [("a", "1"), ("a", "2"), ("b", "1"), ("a", "1")]:
            named = {"X_Goog_Channel_ID": channel, "X_Goog_Message_Number": number}
            raw(connection, "channel", b"", X_Goog_Channel_Token=token, **named)

        assert sorted(ConnectionDelivery.objects.values_list("delivery_id", flat=True)) == ["a:1", "a:2", "b:1"]

    def test_without_a_name_each_is_its_own(self, connection: Connection) -> None:
        for _ in range(2):
            push(connection)

        assert ConnectionDelivery.objects.count() == 2

    def test_a_rejected_delivery_does_not_take_the_name_of_a_good_one(self, connection: Connection) -> None:
        push(connection, delivery="d-1", X_Hub_Signature_256="sha256=00")

        assert not push(connection, delivery="d-1").json()["is_duplicate"]

    def test_other_connections_have_names_of_their_own(self, connection: Connection) -> None:
        other = Connection.objects.get()
        other.pk = None
        other.save()
        answers = [push(each, delivery="d-1").json() for each in (connection, other)]

        assert [answer["is_duplicate"] for answer in answers] == [False, False]


class TestProof:
    """Who is refused gets the same words, whatever was wrong, and whether there is such a webhook or not."""

    def refused(self, answer: Any) -> bool:
        return answer.status_code == 401 and answer.json() == {"detail": NOT_PROVEN}

    def test_a_signature_over_other_bytes_with_another_secret_or_none_is_refused(self, connection: Connection) -> None:
        secret = webhooks.secret_of(connection, "repository")
        body = json.dumps(PUSH).encode()
        sha1 = hmac.new(secret.encode(), body, "sha1").hexdigest()
        other = webhooks.secret_of(connection, "channel")
        for given in (sign(secret, body + b" "), sign(other, body), sign("", body), sign(secret, body)[7:], "", sha1):
            assert self.refused(push(connection, body, X_Hub_Signature_256=given)), given

    def test_sha1_alone_is_refused(self, connection: Connection) -> None:
        body = json.dumps(PUSH).encode()
        secret = webhooks.secret_of(connection, "repository")
        sha1 = "sha1=" + hmac.new(secret.encode(), body, "sha1").hexdigest()

        assert self.refused(raw(connection, "repository", body, X_Hub_Signature=sha1))
        assert self.refused(raw(connection, "repository", body, X_Hub_Signature_256=sha1))
        assert "x-hub-signature" not in str(ConnectionDelivery.objects.values_list("headers", flat=True))

    def test_the_same_meaning_in_other_bytes_is_refused(self, connection: Connection) -> None:
        given = sign(webhooks.secret_of(connection, "repository"), b'{"a": 1, "b": "\\u00fc"}')

        assert self.refused(push(connection, '{"a":1,"b":"ü"}'.encode(), X_Hub_Signature_256=given))

    def test_a_token_has_to_equal_the_secret(self, connection: Connection) -> None:
        token = webhooks.secret_of(connection, "channel")

        assert raw(connection, "channel", b"", X_Goog_Channel_Token=token).status_code == 202
        for given in (token[:-1], token.swapcase(), f"{token} {token}", "", webhooks.secret_of(connection, "standard")):
            assert self.refused(raw(connection, "channel", b"", X_Goog_Channel_Token=given))

    def test_standard_webhooks_are_understood(self, connection: Connection) -> None:
        secret, body, now = webhooks.secret_of(connection, "standard"), b'{"a": 1}', int(time.time())
        for moment, status in ((now, 202), (now - 400, 401), (now + 400, 401)):
            key = base64.b64decode(secret.removeprefix("whsec_"))
            digest = hmac.new(key, f"msg_{moment}.{moment}.".encode() + body, hashlib.sha256).digest()
            named = {"webhook_id": f"msg_{moment}", "webhook_timestamp": str(moment)}
            given = f"v1,{base64.b64encode(digest).decode()}"
            assert raw(connection, "standard", body, webhook_signature=given, **named).status_code == status

        assert ConnectionDelivery.objects.exclude(status="rejected").get().delivery_id == f"msg_{now}"

    def test_a_secret_address_is_proof_where_the_manifest_says_so_and_nowhere_else(
        self, connection: Connection
    ) -> None:
        secret = webhooks.secret_of(connection, "secret_address")

        assert raw(connection, "secret_address", b"{}", tail=f"{secret}/").status_code == 202
        assert self.refused(raw(connection, "secret_address", b"{}", tail=f"{secret}x/"))
        assert self.refused(raw(connection, "secret_address", b"{}"))
        own = webhooks.secret_of(connection, "repository")
        assert self.refused(raw(connection, "repository", b"{}", tail=f"{own}/"))

    def test_a_manifest_that_says_nothing_of_a_signature_accepts_nothing(self, connection: Connection) -> None:
        secret = webhooks.secret_of(connection, "unproven")

        assert self.refused(raw(connection, "unproven", b"{}"))
        assert self.refused(raw(connection, "unproven", b"{}", tail=f"{secret}/"))
        assert "Nothing says how deliveries are signed" in ConnectionDelivery.objects.first().reason

    def test_before_there_is_a_secret_nothing_is_accepted_and_nothing_is_made(self, connection: Connection) -> None:
        for secret in ("", "secret"):
            given = sign(secret, b"{}")
            assert self.refused(raw(connection, "repository", b"{}", X_Hub_Signature_256=given))

        assert ConnectionWebhook.objects.count() == ConnectionDelivery.objects.count() == 0

    def test_an_emptied_secret_is_none(self, connection: Connection) -> None:
        webhooks.secret_of(connection, "repository")
        ConnectionWebhook.objects.update(secret="")

        assert self.refused(push(connection, b"{}", X_Hub_Signature_256=sign("", b"{}")))

    def test_what_is_not_there_is_answered_like_a_wrong_signature(self, connection: Connection) -> None:
        webhooks.secret_of(connection, "repository")
        wrong = raw(connection, "repository", b"{}", X_Hub_Signature_256=sign("wrong", b"{}"))
        missing = Connection(pk=connection.pk + 1_000)
        for answer in (raw(missing, "repository", b"{}"), raw(connection, "nothing", b"{}")):
            assert (answer.status_code, answer.content) == (wrong.status_code, wrong.content)

    def test_after_a_change_both_secrets_are_good_until_the_older_ends(self, connection: Connection) -> None:
        old = webhooks.secret_of(connection, "repository")
        new = rotate_secret(connection, "repository", by=connection.owner)
        body = b"{}"
        assert [push(connection, body, X_Hub_Signature_256=sign(each, body)).status_code for each in (old, new)] == [
            202,
            202,
        ]
        ConnectionWebhook.objects.update(previous_until=timezone.now() - timedelta(seconds=1))

        assert self.refused(push(connection, body, X_Hub_Signature_256=sign(old, body)))
        assert push(connection, body).status_code == 202

    def test_a_delivery_to_somebody_who_left_is_refused(self, connection: Connection) -> None:
        webhooks.secret_of(connection, "repository")
        connection.owner.is_active = False
        connection.owner.save()

        assert self.refused(push(connection))

    def test_without_the_plugin_nothing_is_taken(self, connection: Connection) -> None:
        body = b"{}"
        given = sign(webhooks.secret_of(connection, "repository"), body)
        Connection.objects.update(plugin="gone")

        assert self.refused(raw(connection, "repository", body, X_Hub_Signature_256=given))


class TestLimits:
    def test_a_body_that_is_too_large_is_refused_unread_and_noted_without_it(self, connection: Connection) -> None:
        answer = push(connection, b"x" * (MAX_BODY_BYTES + 1))

        assert answer.status_code == 413
        row = ConnectionDelivery.objects.get()
        assert row.status == "rejected" and row.size_bytes == MAX_BODY_BYTES + 1 and bytes(row.body) == b""

    def test_a_rejected_one_is_noted_without_its_body(self, connection: Connection) -> None:
        push(connection, delivery="d-1", X_Hub_Signature_256="sha256=00")

        row = ConnectionDelivery.objects.get()
        assert (row.status, bytes(row.body), row.delivery_id) == ("rejected", b"", "d-1")
        assert "X-Hub-Signature-256 does not fit" in row.reason and "x-hub-signature-256" not in row.headers
        assert "does not fit" in ConnectionWebhook.objects.get().last_problem

    def test_notes_of_rejections_end_but_good_ones_still_come_in(self, connection: Connection) -> None:
        for _ in range(MAX_REJECTED_A_MINUTE + 5):
            assert push(connection, X_Hub_Signature_256="sha256=00").status_code == 401

        assert ConnectionDelivery.objects.count() == MAX_REJECTED_A_MINUTE
        assert push(connection).status_code == 202

    @pytest.mark.parametrize(("name", "most"), [("MAX_A_MINUTE", 2), ("MAX_BYTES_A_MINUTE", 200), ("MAX_OPEN", 2)])
    def test_a_flood_is_slowed_down_and_told_when_to_come_again(
        self, connection: Connection, monkeypatch: Any, name: str, most: int
    ) -> None:
        monkeypatch.setattr(receiving, name, most)
        answers = [push(connection) for _ in range(4)]

        assert answers[0].status_code == 202 and answers[-1].status_code == 429
        assert answers[-1]["Retry-After"] == "60"

    def test_headers_that_cannot_be_kept_do_no_harm(self, connection: Connection) -> None:
        assert push(connection, X_GitHub_Event="p\x00sh" + "x" * 5_000, X_GitHub_Hook_ID="\udcff").status_code == 202

        row = ConnectionDelivery.objects.get()
        assert row.event.startswith("psh") and len(row.event) == 100


class TestSecrets:
    def test_logs_carry_a_secret_address_without_its_secret(self, connection: Connection, caplog: Any) -> None:
        secret = webhooks.secret_of(connection, "secret_address")
        with caplog.at_level(logging.DEBUG):
            raw(connection, "secret_address", b"{}", tail=f"{secret}/")
            Client().get(f"/hooks/connections/{connection.pk}/secret_address/{secret}/")

        assert caplog.records
        lines = []
        for entry in caplog.records:
            WithoutSecrets().filter(entry)
            lines.append(entry.getMessage())
        assert any(f"/hooks/connections/{connection.pk}/secret_address/…" in line for line in lines)
        assert secret not in " ".join(lines)

    def test_an_error_page_shows_neither_secret_nor_body(self, connection: Connection, monkeypatch: Any) -> None:
        def break_down(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("no")

        secret = webhooks.secret_of(connection, "secret_address")
        monkeypatch.setattr(receiving, "receive", break_down)
        client = Client(raise_request_exception=False)
        address = f"/hooks/connections/{connection.pk}/secret_address/{secret}/"
        answer = client.post(address, b'{"a": "canary-7"}', content_type="application/json")

        assert answer.status_code == 500
        assert secret not in answer.content.decode() and "canary-7" not in answer.content.decode()


def _seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
