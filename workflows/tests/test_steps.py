"""How steps reach plugins, agents and system actions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from coreengine.kernel.errors import DomainError, ExternalError
from plugins.contract import ActionResult
from plugins.manifest import Endpoint
from plugins.models import Connection
from workflows.engine.outcome import Effect, StepCall
from workflows.steps import EXECUTORS
from workflows.steps.ai_agent import AgentExecutor
from workflows.steps.plugin_action import PluginExecutor
from workflows.steps.system_action import SystemActionExecutor

pytestmark = pytest.mark.django_db

PLUGIN = "canvas-integration"


def call_of(owner: Any, kind: str, config: dict[str, Any], **fields: Any) -> StepCall:
    """A call of one step."""
    usual = {"execution_id": 1, "workflow_id": 1, "path": "a", "name": "a", "actor_id": owner.pk, "attempt": 1}
    usual |= {"timeout_s": 60, "idempotency_key": "execution:1:a", "is_owner_active": owner.is_active}
    return StepCall(kind=kind, config=config, owner_id=owner.pk, **{**usual, **fields})


class TestPlugins:
    @pytest.fixture
    def asked(self, monkeypatch: Any) -> list[dict[str, Any]]:
        """Every call of a plugin, which answers well."""
        calls: list[dict[str, Any]] = []

        def answer(connection: Connection, action: str, params: dict[str, Any], **options: Any) -> ActionResult:
            calls.append({"connection": connection, "action": action, "params": params, **options})
            return ActionResult(success=True, data=[1])

        monkeypatch.setattr("workflows.steps.plugin_action.call_action", answer)
        return calls

    def connect(self, owner: Any, label: str = "Canvas") -> Connection:
        return Connection.objects.create(owner=owner, plugin=PLUGIN, label=label, credential={})

    def run(self, owner: Any, connection: Any = None, **fields: Any) -> Any:
        config = {"plugin": PLUGIN, "action": "get_courses", "params": {}}
        if connection is not None:
            config["connection"] = connection
        return PluginExecutor().run(call_of(owner, "plugin_action", config, **fields))

    def test_the_only_connection_is_asked_with_the_steps_key_and_timeout(self, owner: Any, asked: Any) -> None:
        connection = self.connect(owner)

        assert self.run(owner).result == [1]
        [call] = asked
        assert (call["connection"], call["idempotency_key"], call["timeout_s"]) == (connection, "execution:1:a", 60)

    def test_a_step_may_name_one_of_several(self, owner: Any, asked: Any) -> None:
        one, two = self.connect(owner, "One"), self.connect(owner, "Two")

        assert "Name one" in self.run(owner).error
        for name in (two.pk, str(two.pk), f"connection:{two.pk}"):
            assert self.run(owner, name).ok
        assert self.run(owner, connection_id=one.pk).ok
        assert [call["connection"] for call in asked] == [two, two, two, one]

    def test_none_at_all_another_students_and_a_removed_one_are_told_apart(
        self, owner: Any, stranger: Any, asked: Any
    ) -> None:
        foreign = self.connect(stranger)

        assert "is not connected" in self.run(owner).error
        assert "There is no connection" in self.run(owner, foreign.pk).error
        self.connect(owner)
        assert "was removed" in self.run(owner, connection_id=999).error
        assert asked == []

    def test_failures_come_back_in_words_and_say_whether_to_try_again(self, owner: Any, monkeypatch: Any) -> None:
        self.connect(owner)
        failed = ActionResult(success=False, error="Busy.", retryable=True, retry_after_s=7)
        monkeypatch.setattr("workflows.steps.plugin_action.call_action", lambda *a, **k: failed)
        outcome = self.run(owner)
        assert (outcome.error, outcome.retryable, outcome.retry_after_s) == ("Busy.", True, 7)

        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise ExternalError("Down.", retryable=True)

        monkeypatch.setattr("workflows.steps.plugin_action.call_action", refuse)
        assert self.run(owner).retryable is True


class TestAgents:
    def run(self, owner: Any) -> Any:
        return AgentExecutor().run(call_of(owner, "ai_agent", {"agent": "summarizer", "prompt": "Sum up."}))

    def test_the_answer_with_its_cost(self, owner: Any, monkeypatch: Any) -> None:
        seen: dict[str, Any] = {}

        def answer(agent: str, prompt: str, **options: Any) -> Any:
            seen.update(options, agent=agent)
            return SimpleNamespace(status="completed", content="So.", data={}, cost_usd_micros=1500, pk=4)

        monkeypatch.setattr("workflows.steps.ai_agent.run_agent", answer)

        assert self.run(owner).result == {"content": "So.", "data": {}, "cost": 0.0015, "run": 4}
        assert seen["idempotency_key"] == "execution:1:a" and seen["owner"] == owner

    def test_a_failed_run_and_a_rule_that_says_no(self, owner: Any, monkeypatch: Any) -> None:
        failed = SimpleNamespace(status="failed", error="Overloaded.", is_retryable=True, error_code="")
        monkeypatch.setattr("workflows.steps.ai_agent.run_agent", lambda *a, **k: failed)
        assert (self.run(owner).error, self.run(owner).retryable) == ("Overloaded.", True)

        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise DomainError("The budget is used up.")

        monkeypatch.setattr("workflows.steps.ai_agent.run_agent", refuse)
        assert (self.run(owner).error, self.run(owner).retryable) == ("The budget is used up.", False)

    def test_the_failed_run_of_an_earlier_execution_is_not_the_last_word(self, owner: Any, monkeypatch: Any) -> None:
        """A retried execution brings the key of the first, under which the run had failed for good."""
        keys: list[str] = []

        def answer(agent: str, prompt: str, **options: Any) -> Any:
            keys.append(options["idempotency_key"])
            if len(keys) == 1:
                return SimpleNamespace(
                    status="failed", error="No.", is_retryable=False, error_code="", source="execution:1"
                )
            return SimpleNamespace(status="completed", content="So.", data={}, cost_usd_micros=0, pk=4)

        monkeypatch.setattr("workflows.steps.ai_agent.run_agent", answer)
        config = {"agent": "summarizer", "prompt": "Sum up."}
        outcome = AgentExecutor().run(call_of(owner, "ai_agent", config, execution_id=2))

        assert outcome.ok and keys == ["execution:1:a", "execution:2:a"]

    def test_the_summariser_really_answers_without_a_key(self, owner: Any) -> None:
        outcome = self.run(owner)

        assert outcome.ok and outcome.result["cost"] == 0, outcome.error


class TestSystemActions:
    def run(self, owner: Any, params: dict[str, Any]) -> Any:
        config = {"action": "create_notification", "params": params}
        return SystemActionExecutor().run(call_of(owner, "system_action", config))

    def test_wrong_parameters_are_told_by_name(self, owner: Any) -> None:
        outcome = self.run(owner, {"title": "", "priority": "loud"})

        assert not outcome.ok and not outcome.retryable
        assert "title:" in outcome.error and "priority:" in outcome.error

    def test_a_closed_account_does_nothing_any_more(self, owner: Any) -> None:
        owner.is_active = False
        owner.save()

        assert "closed" in self.run(owner, {"title": "x"}).error


class TestEffects:
    def test_each_type_declares_how_often_its_effect_can_happen(self) -> None:
        plugin = {"plugin": "canvas-integration"}

        assert EXECUTORS["system_action"].effect({"action": "x"}) is Effect.SAME_TRANSACTION
        assert EXECUTORS["ai_agent"].effect({"agent": "summarizer"}) is Effect.KEYED
        assert EXECUTORS["plugin_action"].effect({**plugin, "action": "get_courses"}) is Effect.KEYED
        assert EXECUTORS["plugin_action"].effect({**plugin, "action": "nothing"}) is Effect.UNKEYED
        assert EXECUTORS["plugin_action"].effect({"plugin": "gone", "action": "x"}) is Effect.UNKEYED

    @pytest.mark.parametrize(
        ("method", "idempotent", "effect"),
        [("GET", False, Effect.KEYED), ("POST", False, Effect.UNKEYED), ("POST", True, Effect.KEYED)],
    )
    def test_an_endpoint_is_known_by_its_method_or_says_so(
        self, monkeypatch: Any, method: str, idempotent: bool, effect: Effect
    ) -> None:
        endpoint = Endpoint(name="send", method=method, path="/x", idempotent=idempotent)
        manifest = SimpleNamespace(endpoint_by_name={"send": endpoint})
        monkeypatch.setattr("workflows.steps.plugin_action.get_manifest", lambda name: manifest)

        assert PluginExecutor().effect({"plugin": "p", "action": "send"}) is effect

    @pytest.mark.parametrize(
        ("fields", "kind", "is_unknown"),
        [
            ({"error_code": "timeout", "retryable": True}, "timeout", True),
            ({"error_code": "too_many_requests", "retryable": True, "request_count": 1}, "rate_limited", False),
            ({"error_code": "x", "retryable": True, "retry_after_s": 5.0, "request_count": 1}, "rate_limited", False),
            ({"error_code": "worker_lost", "retryable": True}, "lost", True),
            ({"error_code": "unreachable", "retryable": True, "request_count": 1}, "unavailable", True),
            ({"error_code": "sandbox_unavailable", "retryable": True}, "unavailable", False),
            ({"error_code": "not_found"}, "permanent", False),
        ],
    )
    def test_a_failed_call_says_its_kind_and_whether_it_may_have_happened(
        self, owner: Any, monkeypatch: Any, fields: dict[str, Any], kind: str, is_unknown: bool
    ) -> None:
        TestPlugins().connect(owner)
        result = ActionResult(success=False, error="No.", **fields)
        monkeypatch.setattr("workflows.steps.plugin_action.call_action", lambda *a, **k: result)
        outcome = TestPlugins().run(owner)

        assert (outcome.kind, outcome.is_unknown) == (kind, is_unknown)
