"""Handling deliveries: by the real plugin, once, again after what may pass, and never lost."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection as database
from django.utils import timezone

from coreengine.kernel import hooks
from coreengine.kernel.events import deliver
from coreengine.kernel.models import Event, Notification
from coreengine.kernel.waiting import wait_until
from plugins import calls, running, services
from plugins.contract import ActionResult
from plugins.errors import DeliveryNotKept, DeliveryTaken, PluginFailed
from plugins.handled import checked_answer
from plugins.models import ActionCall, Connection
from plugins.webhooks import handling, keeping, syncs
from plugins.webhooks.handling import MAX_ATTEMPTS, RETRY_AFTER_S, handle_next
from plugins.webhooks.models import ConnectionDelivery, ConnectionWebhook
from plugins.webhooks.tests.sending import PUSH, handled, push
from workflows.models import Execution
from workflows.tests.factories import make_workflow

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
LISTENING = """\
name: Tell me of pushes
triggers:
  - type: event
    event: connection.webhook
    filter: trigger.event.data.event == "push" && trigger.event.data.data.payload.ref == "refs/heads/main"
    inputs: {text: "{{ trigger.event.data.data.payload.commits[0].message }}"}
inputs: {properties: {text: {type: string}}}
steps: [{name: tell, type: system_action, config: {action: create_notification, params: {title: "{{ inputs.text }}"}}}]
"""


@pytest.fixture
def plugin_says(monkeypatch: Any) -> list[Any]:
    """Answers of the plugin, in turn, without starting it; the last one stays. An exception is raised."""
    answers: list[Any] = [{"events": []}]

    def converse(*args: Any) -> Any:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(running, "_converse", converse)
    return answers


def later(**columns: Any) -> None:
    """Let what waits be due."""
    ConnectionDelivery.objects.filter(handled_at=None).update(due_at=timezone.now() - timedelta(seconds=1), **columns)


class TestByThePlugin:
    def test_the_plugin_gets_the_payload_and_what_it_answers_becomes_events(self, connection: Connection) -> None:
        delivery = handled(push(connection, delivery="d-1"))

        assert delivery.status == "completed" and delivery.events == ["push"] and delivery.attempts == 1
        event = Event.objects.get(type="connection.webhook")
        assert event.owner == connection.owner
        assert event.data == {
            "plugin": "forge",
            "name": "repository",
            "event": "push",
            "data": {"payload": PUSH},
            "delivery": delivery.pk,
        }
        call = ActionCall.objects.get()
        assert (call.method, call.action, call.status, call.result) == (
            "handle_webhook",
            "repository",
            "completed",
            None,
        )
        assert delivery.call == call and call.params == {"delivery": delivery.pk}

    @pytest.mark.parametrize(
        ("wanted", "words", "code"),
        [
            ("error", "The repository does not exist any more.", "gone"),
            ("nonsense", "events is not a list", "answer_does_not_fit"),
        ],
    )
    def test_a_failure_is_told_in_words_and_leaves_no_event(
        self, connection: Connection, wanted: str, words: str, code: str
    ) -> None:
        delivery = handled(push(connection, {"wanted": wanted}))

        assert (delivery.status, delivery.reason_code) == ("failed", code) and words in delivery.reason
        assert not Event.objects.filter(type="connection.webhook").exists()
        told = Notification.objects.get()
        assert told.url == delivery.get_absolute_url() and "Forge" in told.title
        assert words in ConnectionWebhook.objects.get().last_problem

    def test_an_answer_of_nothing_is_no_event(self, connection: Connection) -> None:
        delivery = handled(push(connection, {"wanted": "nothing"}))

        assert delivery.status == "completed" and delivery.events == []

    def test_handling_without_a_request_says_nothing_of_the_credential(self, connection: Connection) -> None:
        Connection.objects.update(health="unhealthy", last_error="The token was taken back.")
        handled(push(connection))

        assert Connection.objects.get().health == "unhealthy"


class TestPayloads:
    @pytest.mark.parametrize(
        "event", ["ping", "push", "issues", "pull_request", "workflow_run", "check_suite", "release"]
    )
    @pytest.mark.parametrize("is_form", [False, True])
    def test_every_kind_that_github_sends_reaches_the_plugin(
        self, connection: Connection, plugin_says: list[Any], monkeypatch: Any, event: str, is_form: bool
    ) -> None:
        given: list[Any] = []
        monkeypatch.setattr(running, "_converse", lambda *args: given.append(args[-1]))
        payload = {"action": "opened", "hook_id": 2**60, "zen": "Grüße & = %", "sender": {"login": "mira"}}
        body = json.dumps(payload).encode()
        kind = {"Content-Type": "application/json"}
        if is_form:
            body, kind = urlencode({"payload": json.dumps(payload)}).encode(), {"Content-Type": FORM}
        delivery = handled(push(connection, body, X_GitHub_Event=event, **kind))

        assert delivery.status == "completed" and delivery.event == event
        assert given[0]["payload"] == payload and given[0]["headers"]["x-github-event"] == event
        assert given[0]["context"]["event"] == event

    @pytest.mark.parametrize(
        ("body", "code", "words"),
        [
            (b'{"ref": 7}', "payload_does_not_fit", "ref 7 is not text"),
            (b"[]", "payload_does_not_fit", "the payload [] is not an object"),
            (b'{"ref": ', "payload_not_readable", "not JSON"),
            (b"\xff", "payload_not_readable", "UTF-8"),
            (b"[" * 100_000, "payload_not_readable", "nested"),
        ],
    )
    def test_what_does_not_fit_is_kept_and_marked_and_not_handed_on(
        self, connection: Connection, body: bytes, code: str, words: str
    ) -> None:
        delivery = handled(push(connection, body))

        assert (delivery.status, delivery.reason_code) == ("failed", code) and words in delivery.reason
        assert bytes(delivery.body) == body and ActionCall.objects.count() == 0

    def test_a_plugin_that_went_meanwhile_is_said(self, connection: Connection) -> None:
        answer = push(connection)
        Connection.objects.update(plugin="gone")

        assert handled(answer).reason_code == "plugin_not_installed"


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ([], "answer is not an object"),
            ({"events": {}, "sync": 1}, "sync is neither"),
            ({"events": [{"type": "push"}] * 51}, "51 entries"),
            ({"events": ["push"]}, r"events\[0\] is not an object"),
            ({"events": [{"type": "Push now"}]}, r"events\[0\].type is not a name"),
            ({"events": [{"type": "push", "data": []}]}, r"events\[0\].data is not an object"),
            ({"events": [{"type": "push", "data": {"a": "\x00"}}]}, "NUL"),
            ({"events": [{"type": "push", "data": {"a": "x" * 70_000}}]}, "larger than 64 KiB"),
        ],
    )
    def test_what_does_not_fit_is_named(self, answer: Any, words: str) -> None:
        with pytest.raises(PluginFailed, match=words):
            checked_answer(answer)

    def test_what_may_be_left_out(self) -> None:
        assert checked_answer(None) == checked_answer({}) == {"events": [], "sync": False}
        assert checked_answer({"events": [{"type": "issue.opened"}]})["events"] == [
            {"type": "issue.opened", "data": {}}
        ]


class TestAgain:
    def failure(self) -> PluginFailed:
        return PluginFailed("The service has a problem of its own.", retryable=True, code="unavailable")

    def test_what_may_pass_is_tried_again_after_a_while(self, connection: Connection, plugin_says: list[Any]) -> None:
        plugin_says[:] = [self.failure(), {"events": [{"type": "push"}]}]
        delivery = handled(push(connection))

        assert (delivery.status, delivery.reason_code) == ("waiting", "unavailable")
        assert 3 < (delivery.due_at - timezone.now()).total_seconds() <= RETRY_AFTER_S[0]
        assert handle_next(connection.pk) is None and not Notification.objects.exists()
        later()
        handle_next(connection.pk)

        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts, delivery.reason) == ("completed", 2, "")
        assert Event.objects.filter(type="connection.webhook").count() == 1

    def test_the_other_side_may_ask_for_a_longer_pause(self, connection: Connection, plugin_says: list[Any]) -> None:
        plugin_says[:] = [PluginFailed("Slow down.", retryable=True, code="too_many_requests", retry_after_s=600)]
        delivery = handled(push(connection))

        assert (delivery.due_at - timezone.now()).total_seconds() > 590

    def test_attempts_end_and_the_student_is_told_once(self, connection: Connection, plugin_says: list[Any]) -> None:
        plugin_says[:] = [self.failure()]
        push(connection)
        for _ in range(MAX_ATTEMPTS + 3):
            later()
            handle_next(connection.pk)

        delivery = ConnectionDelivery.objects.get()
        assert (delivery.status, delivery.attempts) == ("failed", MAX_ATTEMPTS)
        assert Notification.objects.count() == 1
        assert Event.objects.filter(type="connection.webhook.failed").count() == 1

    def test_of_a_series_of_failures_the_bell_tells_once_an_hour(
        self, connection: Connection, plugin_says: list[Any]
    ) -> None:
        plugin_says[:] = [PluginFailed("It broke.", retryable=False)]
        for _ in range(3):
            handled(push(connection))

        assert Notification.objects.count() == 1

    def test_a_bug_of_the_host_leaves_nothing_running(self, connection: Connection, monkeypatch: Any) -> None:
        def break_down(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("no")

        monkeypatch.setattr(running, "run", break_down)
        push(connection)
        with pytest.raises(RuntimeError):
            handle_next(connection.pk)

        assert ConnectionDelivery.objects.get().status == ActionCall.objects.get().status == "failed"


class TestLost:
    def test_a_lost_hint_is_made_good_by_the_sweep(self, connection: Connection, monkeypatch: Any) -> None:
        hinted: list[int] = []
        monkeypatch.setattr("plugins.tasks.handle_webhooks.delay_on_commit", hinted.append)
        push(connection)
        push(connection)
        hinted.clear()

        assert handling.take_up() == 1 and hinted == [connection.pk]

    def test_a_hint_leads_to_all_that_is_due(self, connection: Connection, plugin_says: list[Any]) -> None:
        for _ in range(3):
            push(connection)
        while handle_next(connection.pk):
            handling.go_on(connection.pk)

        assert set(ConnectionDelivery.objects.values_list("status", "attempts")) == {("completed", 1)}

    def test_what_a_killed_worker_had_is_taken_up_when_its_time_is_over(
        self, connection: Connection, plugin_says: list[Any]
    ) -> None:
        push(connection)
        handling._claim(connection.pk)  # and then the worker was killed
        assert handle_next(connection.pk) is None
        later()

        assert handling.take_up() == 1
        handle_next(connection.pk)
        delivery = ConnectionDelivery.objects.get()
        assert (delivery.status, delivery.attempts) == ("completed", 2)

    def test_a_worker_that_comes_back_after_its_time_records_nothing(
        self, connection: Connection, plugin_says: list[Any], monkeypatch: Any
    ) -> None:
        plugin_says[:] = [{"events": [{"type": "push"}], "sync": True}]
        push(connection)
        slow = handling._claim(connection.pk)
        assert slow is not None
        later()
        handle_next(connection.pk)
        with pytest.raises(DeliveryTaken):
            calls.run_webhook(
                connection,
                "repository",
                delivery={},
                number=slow.pk,
                settle=lambda _, call, result: handling._settle(slow, call, result),
            )

        assert Event.objects.filter(type="connection.webhook").count() == 1
        assert sorted(ActionCall.objects.values_list("status", "error_code")) == [
            ("completed", ""),
            ("failed", "delivery_taken"),
        ]
        assert ConnectionDelivery.objects.get().call.status == "completed"

    def test_one_that_kills_every_worker_ends(self, connection: Connection) -> None:
        push(connection)
        for _ in range(MAX_ATTEMPTS):
            later()
            assert handling._claim(connection.pk)
        later()
        handle_next(connection.pk)

        delivery = ConnectionDelivery.objects.get()
        assert (delivery.status, delivery.reason_code) == ("failed", "attempts_used_up")

    def test_a_call_whose_worker_was_killed_does_not_stay_running(self, connection: Connection) -> None:
        ActionCall.objects.create(
            owner=connection.owner,
            connection=connection,
            method="handle_webhook",
            status="running",
            started_at=timezone.now() - timedelta(minutes=3),
            alive_at=timezone.now() - timedelta(minutes=2),
        )
        calls.take_up_forgotten()

        assert ActionCall.objects.get().error_code == "worker_lost"

    def test_a_connection_that_goes_takes_its_deliveries_with_it(
        self, connection: Connection, monkeypatch: Any
    ) -> None:
        push(connection)

        def disconnect(*args: Any) -> Any:
            Connection.objects.all().delete()
            return {"events": [{"type": "push"}]}

        monkeypatch.setattr(running, "_converse", disconnect)
        handle_next(connection.pk)

        assert ConnectionDelivery.objects.count() == 0
        assert not Event.objects.filter(type="connection.webhook").exists()


class TestFairness:
    def test_a_connection_has_two_under_way_at_most(self, connection: Connection) -> None:
        for _ in range(3):
            push(connection)

        assert [handling._claim(connection.pk) is not None for _ in range(3)] == [True, True, False]

    def test_the_oldest_comes_first(self, connection: Connection, plugin_says: list[Any]) -> None:
        numbers = [push(connection).json()["delivery"] for _ in range(3)]

        assert [handle_next(connection.pk).pk for _ in range(3)] == numbers


class TestSync:
    @pytest.fixture
    def requested(self, monkeypatch: Any) -> list[str]:
        """The syncs that were requested; each is an execution of its own unless `same` is put first."""
        made: list[str] = []

        def start(connection: Any, by: Any) -> str:
            made.append(made[0] if made and made[0] == "same" else f"/executions/{len(made)}/")
            return made[-1]

        monkeypatch.setitem(hooks._hooks, "connection.sync_requested", [start])
        return made

    def pass_time(self) -> None:
        ConnectionWebhook.objects.update(sync_asked_at=timezone.now() - syncs.PAUSE)

    def test_the_plugin_asks_and_the_sync_is_requested(self, connection: Connection, requested: list[str]) -> None:
        assert handled(push(connection, {"wanted": "sync"})).asked_sync
        assert syncs.ask_for_sync(connection.pk)

        assert len(requested) == 1 and Event.objects.filter(type="connection.sync_requested").count() == 1

    def test_a_burst_becomes_one_and_what_comes_meanwhile_one_more(
        self, connection: Connection, requested: list[str], plugin_says: list[Any]
    ) -> None:
        plugin_says[:] = [{"sync": True}]
        for _ in range(5):
            handled(push(connection))
            syncs.ask_for_syncs()
        assert len(requested) == 1
        self.pass_time()
        syncs.ask_for_syncs()
        self.pass_time()
        syncs.ask_for_syncs()

        assert len(requested) == 2

    def test_a_sync_that_was_under_way_before_does_not_count(
        self, connection: Connection, requested: list[str], plugin_says: list[Any]
    ) -> None:
        plugin_says[:] = [{"sync": True}]
        requested.append("same")
        handled(push(connection))
        syncs.ask_for_syncs()
        handled(push(connection))
        self.pass_time()
        syncs.ask_for_syncs()
        assert ConnectionWebhook.objects.get().sync_wanted_at
        requested[0] = "other"
        self.pass_time()
        syncs.ask_for_syncs()

        assert not ConnectionWebhook.objects.get().sync_wanted_at and len(requested) == 4

    def test_where_nothing_syncs_the_page_says_so(self, connection: Connection, plugin_says: list[Any]) -> None:
        plugin_says[:] = [{"sync": True}]
        handled(push(connection))
        syncs.ask_for_syncs()

        webhook = ConnectionWebhook.objects.get()
        assert "No workflow syncs Forge" in webhook.last_problem and not webhook.sync_wanted_at


class TestReplay:
    def test_it_is_done_once_more_under_the_same_rules(self, connection: Connection) -> None:
        first = handled(push(connection, delivery="d-1"))
        again = keeping.replay(first, by=connection.owner)
        handle_next(connection.pk)

        again.refresh_from_db()
        assert (again.status, again.replay_of, again.delivery_id) == ("completed", first, "d-1")
        assert Event.objects.filter(type="connection.webhook").count() == 2
        assert Event.objects.filter(type="connection.webhook.replayed").exists()
        assert push(connection, delivery="d-1").json()["delivery"] == first.pk

    def test_what_was_replayed_goes_with_its_connection(self, connection: Connection) -> None:
        first = handled(push(connection, delivery="d-1"))
        keeping.replay(keeping.replay(first, by=connection.owner), by=connection.owner)

        services.disconnect(connection, by=connection.owner)

        assert not ConnectionDelivery.objects.exists()

    def test_a_replay_outlives_the_delivery_that_it_repeats(self, connection: Connection) -> None:
        first = handled(push(connection, delivery="d-1"))
        kept = {keeping.replay(first, by=connection.owner).pk for _ in range(2)}
        ConnectionDelivery.objects.filter(pk=first.pk).update(received_at=timezone.now() - timedelta(days=400))

        assert keeping.drop_old() == 1
        assert set(ConnectionDelivery.objects.values_list("pk", flat=True)) == kept
        assert ConnectionDelivery.objects.filter(is_replay=True, replay_of=None).count() == 2
        assert push(connection, delivery="d-1").json()["is_duplicate"] is False

    def test_what_was_rejected_cannot_be_replayed(self, connection: Connection) -> None:
        push(connection, X_Hub_Signature_256="sha256=00")
        with pytest.raises(DeliveryNotKept, match="not kept"):
            keeping.replay(ConnectionDelivery.objects.get(), by=connection.owner)


def test_deliveries_are_forgotten_after_their_time_unless_they_wait(
    connection: Connection, plugin_says: list[Any], settings: Any
) -> None:
    settings.PLUGINS = {**settings.PLUGINS, "DELIVERIES_KEPT_DAYS": 7}
    handled(push(connection))
    push(connection, X_Hub_Signature_256="sha256=00")
    waiting = push(connection).json()["delivery"]
    assert keeping.drop_old() == 0
    ConnectionDelivery.objects.update(received_at=timezone.now() - timedelta(days=8))

    assert keeping.drop_old() == 2 and ConnectionDelivery.objects.get().pk == waiting


@pytest.mark.django_db(transaction=True)
def test_a_workflow_that_waits_for_the_event_starts_with_its_data(connection: Connection, stranger: Any) -> None:
    for person in (connection.owner, stranger):
        make_workflow(person, LISTENING)
    handled(push(connection, {**PUSH, "ref": "refs/heads/other"}))
    handled(push(connection))

    def has_started() -> bool:
        deliver("workflow triggers")  # waits for whoever else has a transaction open on this server
        return Execution.objects.exists()

    assert wait_until(has_started, timeout_s=20)
    execution = Execution.objects.get()
    assert execution.inputs == {"text": "Grüße"} and execution.workflow.owner == connection.owner


@pytest.mark.django_db(transaction=True)
def test_two_hundred_deliveries_at_once_with_repeats_are_handled_once_each(
    connection: Connection, monkeypatch: Any
) -> None:
    """Ten senders send 200 requests, 100 of them repeats, while four workers handle what is there."""
    asked: Counter[int] = Counter()
    counting = threading.Lock()

    def converse(plugin: Any, linked: Any, call: ActionCall, *args: Any) -> Any:
        with counting:
            asked[call.params["delivery"]] += 1
        return {"events": [{"type": "push"}], "sync": True}

    monkeypatch.setattr(running, "_converse", converse)
    push(connection, delivery="warm-up")  # makes the secret
    together, is_over = threading.Barrier(14), threading.Event()
    answers: list[int] = []

    def send(number: int) -> None:
        together.wait(60)
        for turn in range(20):
            answers.append(push(connection, delivery=f"d-{(number * 20 + turn) % 100}").status_code)

    def work() -> None:
        together.wait(60)
        while not is_over.is_set() or ConnectionDelivery.objects.due(timezone.now()).exists():
            handle_next(connection.pk)

    def closing(work: Any, *args: Any) -> None:
        try:
            work(*args)
        finally:
            database.close()

    senders = [threading.Thread(target=closing, args=(send, number)) for number in range(10)]
    workers = [threading.Thread(target=closing, args=(work,)) for _ in range(4)]
    for thread in [*senders, *workers]:
        thread.start()
    for thread in senders:
        thread.join(120)
    is_over.set()
    for thread in workers:
        thread.join(120)

    assert answers == [202] * 200
    rows = ConnectionDelivery.objects.exclude(delivery_id="warm-up")
    assert set(rows.values_list("status", "attempts", "repeats")) == {("completed", 1, 1)} and rows.count() == 100
    assert len(asked) == 101 and set(asked.values()) == {1}
    assert Event.objects.filter(type="connection.webhook").count() == 101


def test_a_failed_result_of_the_gateway_keeps_its_code(connection: Connection, monkeypatch: Any) -> None:
    failed = ActionResult(False, error="The token was taken back.", error_code="reconnect_needed")
    monkeypatch.setattr(running, "run", lambda *args, **kwargs: running.Run(failed))

    assert handled(push(connection)).reason_code == "reconnect_needed"
