"""Webhooks: kept as they come, answered at once, done once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from coreengine.kernel.logs import WithoutSecrets
from coreengine.kernel.models import Event, Notification
from workflows.errors import NotAWebhook, WebhookResting
from workflows.models import Execution, WebhookDelivery, WorkflowTrigger
from workflows.services import delete_workflow, set_active
from workflows.tests.factories import make_workflow
from workflows.triggers import ticking, webhooks
from workflows.triggers.webhooks import MAX_ATTEMPTS, MAX_BODY_BYTES, MAX_REJECTED_A_MINUTE, handle, take_up
from workflows.versions import save_version

pytestmark = pytest.mark.django_db

SOURCE = """\
name: Take it in
inputs:
  properties:
    text: {type: string, default: nothing}
triggers:
  - type: webhook
    name: push
    inputs: {text: "{{ trigger.payload.hello }}"}
steps:
  - name: tell
    type: system_action
    config: {action: create_notification, params: {title: "{{ inputs.text }}"}}
"""
SIGNED = SOURCE.replace("name: push", "name: push\n    signature: {header: X-Hub-Signature-256, algorithm: sha256}")
PAYLOAD = {"hello": "world"}


def hooked(owner: Any, source: str = SOURCE) -> WorkflowTrigger:
    """The webhook of a new workflow; where it asks for a signature, with a secret."""
    trigger = make_workflow(owner, source).triggers.get()
    return webhooks.set_signing_secret(trigger, by=owner) if trigger.signature_header else trigger


def send(trigger: WorkflowTrigger, data: Any = None, *, kind: str = "application/json", **headers: str) -> Any:
    """POST to a webhook as an outside service does."""
    body = data if isinstance(data, str | bytes) else json.dumps(PAYLOAD if data is None else data)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().post(f"/hooks/workflows/{trigger.secret}/", body, content_type=kind, headers=named)


def do(answer: Any) -> WebhookDelivery:
    """Let the worker handle what was taken in."""
    handle(answer.json()["delivery"])
    return WebhookDelivery.objects.get(pk=answer.json()["delivery"])


def signature(trigger: WorkflowTrigger, body: bytes) -> bytes:
    return hmac.new(trigger.signing_secret.encode(), body, hashlib.sha256).digest()


class TestTakingIn:
    def test_it_is_kept_first_and_answered_at_once(self, owner: Any) -> None:
        answer = send(hooked(owner))

        assert answer.status_code == 202 and answer.json()["status"] == "received"
        assert Execution.objects.count() == 0
        assert json.loads(bytes(WebhookDelivery.objects.get().body)) == PAYLOAD

    def test_the_payload_reaches_the_workflow_as_data(self, owner: Any) -> None:
        delivery = do(send(hooked(owner), X_GitHub_Event="push", Authorization="Bearer s3cret", Cookie="a=b"))

        execution = Execution.objects.get()
        assert delivery.status == "started" and delivery.execution == execution
        assert execution.inputs == {"text": "world"} and execution.trigger["payload"] == PAYLOAD
        assert execution.trigger["headers"] == {"content-type": "application/json", "x-github-event": "push"}
        assert execution.actor == owner and execution.trigger["type"] == "webhook"

    def test_templates_in_a_payload_are_not_followed(self, owner: Any) -> None:
        do(send(hooked(owner), {"hello": "{{ 1 + 1 }} {{ user_id }}"}))

        assert Execution.objects.get().inputs["text"] == "{{ 1 + 1 }} {{ user_id }}"

    @pytest.mark.parametrize(
        ("kind", "body", "payload"),
        [
            ("application/json", '{"n": 9007199254740993}', {"n": 9007199254740993}),
            ("application/vnd.github+json; charset=utf-8", "[1]", [1]),
            ("application/json", " ", None),
            ("application/x-www-form-urlencoded", "a=1&b=2&b=3&c=", {"a": "1", "b": ["2", "3"], "c": ""}),
            ("text/plain", "Grüße", "Grüße"),
        ],
    )
    def test_json_forms_and_text_are_understood(self, owner: Any, kind: str, body: str, payload: Any) -> None:
        trigger = hooked(owner, SOURCE.replace('    inputs: {text: "{{ trigger.payload.hello }}"}\n', ""))
        do(send(trigger, body.encode(), kind=kind))

        assert Execution.objects.get().trigger["payload"] == payload

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b'{"hello": ', "not JSON"),
            (b'{"hello": NaN}', "NaN"),
            (b'{"hello": "a\\u0000b"}', "NUL"),
            (b'{"hello": "\\ud800"}', "surrogate"),
            (b"\xff\xfe", "UTF-8"),
            (b"[" * 100_000, "nested"),
            (b'{"hello": 5}', "inputs.text"),
            (b"{}", "hello"),
        ],
    )
    def test_what_cannot_be_used_is_a_failed_execution_in_words(self, owner: Any, body: bytes, words: str) -> None:
        delivery = do(send(hooked(owner), body))

        execution = Execution.objects.get()
        assert execution.status == "failed" and words in execution.error_message
        assert delivery.status == "failed" and delivery.execution == execution
        assert Notification.objects.filter(url=f"/executions/{execution.pk}/").exists()

    def test_only_post_is_an_answer(self, owner: Any) -> None:
        trigger = hooked(owner)
        address = f"/hooks/workflows/{trigger.secret}/"

        assert [Client().get(address).status_code, Client().put(address).status_code] == [405, 405]
        assert WebhookDelivery.objects.count() == 0

    def test_an_unknown_address_is_404_and_leaves_nothing(self, owner: Any) -> None:
        trigger = hooked(owner)
        trigger.secret = "x" * 43

        assert send(trigger).status_code == 404 and WebhookDelivery.objects.count() == 0


class TestOnce:
    @pytest.mark.parametrize("header", ["X-GitHub-Delivery", "Idempotency-Key", "webhook-id"])
    def test_the_same_delivery_is_done_once(self, owner: Any, header: str) -> None:
        trigger = hooked(owner)
        first, second = (send(trigger, **{header.replace("-", "_"): "d-1"}) for _ in range(2))
        do(first)
        do(second)

        assert second.status_code == 202 and second.json()["is_duplicate"] and not first.json()["is_duplicate"]
        assert second.json()["delivery"] == first.json()["delivery"]
        assert Execution.objects.count() == 1 and WebhookDelivery.objects.get().repeats == 1

    def test_the_configured_header_names_the_delivery(self, owner: Any) -> None:
        trigger = hooked(owner, SOURCE.replace("name: push", "name: push\n    delivery_id_header: X-Event-Id"))
        send(trigger, X_Event_Id="1", webhook_id="a")
        send(trigger, X_Event_Id="1", webhook_id="b")
        send(trigger, X_Event_Id="2", webhook_id="a")

        assert sorted(WebhookDelivery.objects.values_list("delivery_id", flat=True)) == ["1", "2"]

    def test_without_a_name_every_request_is_its_own(self, owner: Any) -> None:
        trigger = hooked(owner)
        for _ in range(2):
            do(send(trigger))

        assert Execution.objects.count() == 2

    def test_handling_twice_does_nothing_twice(self, owner: Any) -> None:
        answer = send(hooked(owner))
        do(answer)
        do(answer)

        assert Execution.objects.count() == 1

    def test_two_webhooks_do_not_share_names_of_deliveries(self, owner: Any, stranger: Any) -> None:
        for person in (owner, stranger):
            do(send(hooked(person), webhook_id="d-1"))

        assert Execution.objects.count() == 2


class TestSignatures:
    body = json.dumps(PAYLOAD).encode()

    def test_hexadecimal_with_and_without_prefix_and_base64(self, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        right = signature(trigger, self.body)
        for given in (f"sha256={right.hex()}", right.hex(), base64.b64encode(right).decode()):
            assert send(trigger, self.body, X_Hub_Signature_256=given).status_code == 202

    def test_a_wrong_or_missing_one_is_refused_and_on_record_without_the_payload(self, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        wrong = hmac.new(b"guess", self.body, hashlib.sha256).hexdigest()
        answers = [
            send(trigger, self.body, X_Hub_Signature_256=f"sha256={wrong}"),
            send(trigger, self.body, X_Hub_Signature_256="sha256=Ünsinn".encode().decode("latin-1")),
            send(trigger, self.body),
            send(trigger, self.body + b" ", X_Hub_Signature_256=signature(trigger, self.body).hex()),
        ]

        assert [answer.status_code for answer in answers] == [401] * 4
        for row in WebhookDelivery.objects.all():
            assert row.status == "rejected" and "signature" in row.reason and bytes(row.body) == b""
            assert "x-hub-signature-256" not in row.headers
        trigger.refresh_from_db()
        assert "rejected" in trigger.last_problem and Execution.objects.count() == 0

    def test_a_rejected_delivery_does_not_take_the_name_of_a_good_one(self, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        send(trigger, self.body, webhook_id="d-1")
        good = send(trigger, self.body, webhook_id="d-1", X_Hub_Signature_256=signature(trigger, self.body).hex())

        assert good.status_code == 202 and not good.json()["is_duplicate"]

    def test_until_a_secret_is_set_every_delivery_is_refused(self, owner: Any) -> None:
        trigger = make_workflow(owner, SIGNED).triggers.get()

        assert trigger.signing_secret is None
        assert send(trigger, self.body, X_Hub_Signature_256="sha256=").status_code == 401
        assert "no secret yet" in WebhookDelivery.objects.get().reason

    def test_the_senders_own_secret_can_be_set(self, owner: Any) -> None:
        trigger = webhooks.set_signing_secret(hooked(owner, SIGNED), "theirs", by=owner)
        right = hmac.new(b"theirs", self.body, hashlib.sha256).hexdigest()

        assert send(trigger, self.body, X_Hub_Signature_256=right).status_code == 202

    def test_without_a_stored_secret_nothing_is_signed_right(self, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        WorkflowTrigger.objects.update(signing_secret=None)
        empty = hmac.new(b"", self.body, hashlib.sha256).hexdigest()

        assert send(trigger, self.body, X_Hub_Signature_256=empty).status_code == 401


class TestLimits:
    def test_a_body_that_is_too_large_is_refused_unread(self, owner: Any) -> None:
        answer = send(hooked(owner), b"x" * (MAX_BODY_BYTES + 1))

        assert answer.status_code == 413
        assert WebhookDelivery.objects.get().size_bytes == MAX_BODY_BYTES + 1

    def test_rejections_stop_being_kept_but_good_ones_still_come_in(self, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        answers = [send(trigger).status_code for _ in range(MAX_REJECTED_A_MINUTE + 5)]
        body = json.dumps(PAYLOAD).encode()

        assert answers.count(401) == MAX_REJECTED_A_MINUTE and answers[-1] == 429
        assert WebhookDelivery.objects.count() == MAX_REJECTED_A_MINUTE
        assert send(trigger, body, X_Hub_Signature_256=signature(trigger, body).hex()).status_code == 202

    def test_a_flood_is_slowed_down_and_told_when_to_come_again(self, owner: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(webhooks, "MAX_A_MINUTE", 3)
        trigger = hooked(owner)
        answers = [send(trigger) for _ in range(4)]

        assert answers[-1].status_code == 429 and answers[-1]["Retry-After"] == "60"

    def test_a_webhook_that_rests_says_so_and_keeps_a_record(self, owner: Any) -> None:
        trigger = hooked(owner)
        set_active(trigger.workflow, False, by=owner)
        assert send(trigger).status_code == 409 and WebhookDelivery.objects.get().reason

        set_active(trigger.workflow, True, by=owner)
        save_version(trigger.workflow, by=owner, source=SOURCE.replace("name: push", "name: other"))
        assert send(trigger).status_code == 410
        delete_workflow(trigger.workflow, by=owner)
        assert send(trigger).status_code == 404

    def test_switched_off_before_the_worker_came(self, owner: Any) -> None:
        trigger = hooked(owner)
        answer = send(trigger)
        set_active(trigger.workflow, False, by=owner)

        assert do(answer).status == "rejected" and Execution.objects.count() == 0


class TestSecrets:
    def test_the_address_survives_edits_and_comes_back_with_an_old_version(self, owner: Any) -> None:
        trigger = hooked(owner)
        workflow = trigger.workflow
        save_version(workflow, by=owner, source=SOURCE.replace("Take it in", "Take it all in"))
        assert workflow.triggers.get().secret == trigger.secret

        save_version(workflow, by=owner, source=SOURCE.replace("name: push", "name: other"))
        assert workflow.triggers.get().secret != trigger.secret
        save_version(workflow, by=owner, source=SOURCE)
        assert workflow.triggers.get().secret == trigger.secret

    def test_it_stands_in_the_database_by_its_digest_and_encrypted_only(self, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        with connection.cursor() as cursor:
            cursor.execute("SELECT t::text FROM workflows_workflowtrigger t")
            row = cursor.fetchone()[0]

        assert len(trigger.secret) == 43 and trigger.secret_hash in row
        for secret in (trigger.secret, trigger.signing_secret):
            assert secret not in row and secret.encode().hex() not in row
        assert not Event.objects.filter(data__icontains=trigger.secret).exists()

    def test_a_new_address_makes_the_old_one_unknown(self, owner: Any) -> None:
        old = hooked(owner)
        new = webhooks.rotate_address(old, by=owner)

        assert send(old).status_code == 404 and send(new).status_code == 202
        assert Event.objects.filter(type="workflow.webhook.address_changed").exists()

    def test_a_schedule_has_no_address(self, owner: Any) -> None:
        source = SOURCE.replace("type: webhook\n    name: push", 'type: schedule\n    cron: "0 7 * * *"')
        with pytest.raises(NotAWebhook):
            webhooks.rotate_address(hooked(owner, source), by=owner)

    def test_logs_carry_the_address_without_its_secret(self, owner: Any, caplog: Any) -> None:
        trigger = hooked(owner, SIGNED)
        with caplog.at_level(logging.DEBUG):
            send(trigger)
            Client().get(f"/hooks/workflows/{trigger.secret}/")

        assert caplog.records
        lines = []
        for entry in caplog.records:
            WithoutSecrets().filter(entry)
            lines.append(entry.getMessage())
        assert any("/hooks/workflows/…" in line for line in lines)
        assert trigger.secret not in " ".join(lines)

    def test_an_error_page_does_not_show_it(self, owner: Any, monkeypatch: Any) -> None:
        trigger = hooked(owner)

        def break_down(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("no")

        monkeypatch.setattr(webhooks, "receive", break_down)
        client = Client(raise_request_exception=False)
        answer = client.post(f"/hooks/workflows/{trigger.secret}/", "{}", content_type="application/json")

        assert answer.status_code == 500 and trigger.secret not in answer.content.decode()


class TestLostHints:
    def test_a_delivery_whose_hint_was_lost_is_taken_up(self, owner: Any, monkeypatch: Any) -> None:
        send(hooked(owner))
        hinted: list[int] = []
        monkeypatch.setattr("workflows.tasks.handle_delivery.delay_on_commit", hinted.append)
        assert take_up() == 0
        WebhookDelivery.objects.update(hinted_at=timezone.now() - timedelta(seconds=30))

        assert take_up() == 1 and hinted == [WebhookDelivery.objects.get().pk]
        assert take_up() == 0

    def test_one_that_cannot_be_handled_ends_as_a_failed_execution(self, owner: Any, monkeypatch: Any) -> None:
        send(hooked(owner))
        monkeypatch.setattr("workflows.tasks.handle_delivery.delay_on_commit", lambda number: None)
        for _ in range(MAX_ATTEMPTS + 1):
            WebhookDelivery.objects.update(hinted_at=timezone.now() - timedelta(seconds=30))
            ticking.tick()

        delivery = WebhookDelivery.objects.get()
        assert delivery.status == "failed" and delivery.execution.status == "failed"
        assert f"{MAX_ATTEMPTS} attempts" in delivery.execution.error_message

    def test_deliveries_are_forgotten_after_a_month(self, owner: Any) -> None:
        do(send(hooked(owner)))
        WebhookDelivery.objects.update(received_at=timezone.now() - timedelta(days=31))

        assert ticking.drop_old() == 1 and Execution.objects.count() == 1


class TestReplay:
    def test_it_starts_another_execution_with_the_same_payload(self, owner: Any) -> None:
        first = do(send(hooked(owner), webhook_id="d-1"))
        again = webhooks.replay(first, by=owner)
        handle(again.pk)

        assert [e.inputs for e in Execution.objects.all()] == [{"text": "world"}] * 2
        assert again.replay_of == first and again.delivery_id == "d-1"

    def test_a_replay_outlives_the_delivery_that_it_repeats(self, owner: Any) -> None:
        first = do(send(hooked(owner), webhook_id="d-1"))
        again = webhooks.replay(first, by=owner)
        WebhookDelivery.objects.filter(pk=first.pk).update(received_at=timezone.now() - timedelta(days=31))

        assert ticking.drop_old() == 1
        assert WebhookDelivery.objects.get() == again and not again.trigger.deliveries.exclude(is_replay=True).exists()

    def test_what_was_replayed_goes_with_its_webhook(self, owner: Any) -> None:
        first = do(send(hooked(owner), webhook_id="d-1"))
        webhooks.replay(first, by=owner)
        Execution.objects.all().delete()

        first.trigger.delete()

        assert not WebhookDelivery.objects.exists()

    def test_a_rejected_one_and_a_resting_workflow_cannot(self, owner: Any) -> None:
        trigger = hooked(owner, SIGNED)
        send(trigger)
        with pytest.raises(WebhookResting, match="not kept"):
            webhooks.replay(WebhookDelivery.objects.get(), by=owner)
        set_active(trigger.workflow, False, by=owner)
        WebhookDelivery.objects.update(status="started")
        with pytest.raises(WebhookResting, match="switched off"):
            webhooks.replay(WebhookDelivery.objects.get(), by=owner)


@pytest.mark.django_db(transaction=True)
def test_a_hundred_equal_deliveries_at_once_start_one_execution(owner: Any) -> None:
    trigger = hooked(owner)
    together = threading.Barrier(20)
    answers: list[Any] = []

    def sender() -> None:
        try:
            together.wait(30)
            for _ in range(5):
                answer = send(trigger, webhook_id="same")
                answers.append(answer)
                handle(answer.json()["delivery"])
        finally:
            connection.close()

    senders = [threading.Thread(target=sender) for _ in range(20)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join(120)

    assert [answer.status_code for answer in answers] == [202] * 100
    assert len({answer.json()["delivery"] for answer in answers}) == 1
    assert Execution.objects.count() == 1 and WebhookDelivery.objects.get().repeats == 99
