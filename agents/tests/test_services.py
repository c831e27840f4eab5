"""Runs: what starting, carrying out, stopping and sweeping do."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from agents import services
from agents.errors import AgentNotFound, AgentNotReady, BudgetUsedUp, IdempotencyKeyReused, RunAlreadyFinished
from agents.models import AgentRun, Budget, Reservation
from agents.preferences import set_api_key
from agents.providers.base import Usage
from agents.testing.messages_api import MessagesApi, Script, answer_events, error_event
from coreengine.kernel.models import Event
from coreengine.kernel.statuses import Status

pytestmark = pytest.mark.django_db


def run(owner: Any, agent: str = "summarizer", prompt: str = "One. Two. Three.", **options: Any) -> AgentRun:
    return services.run_agent(agent, prompt, owner=owner, by=owner, **options)


def event_types(run: AgentRun) -> list[str]:
    return list(
        Event.objects.filter(subject_type="agents.agentrun", subject_id=str(run.pk))
        .order_by("sequence")
        .values_list("type", flat=True)
    )


class TestRunAgent:
    def test_the_summarizer_answers_without_a_key_and_at_no_cost(self, owner: Any) -> None:
        done = run(owner, prompt="The exam is on 12 December in room B2. Please bring a pen. Good luck!")

        assert done.status == Status.COMPLETED
        assert "12 December" in done.content
        assert done.cost_usd_micros == 0 and not Budget.objects.exists()
        assert event_types(done) == ["agent_run.started", "agent_run.completed"]

    def test_claude_answers_and_its_last_usage_is_charged_once(self, owner: Any, messages_api: MessagesApi) -> None:
        messages_api.answers("Hello", " there.", input_tokens=1000, output_tokens=200)

        done = run(owner, "claude", "Say hello")

        assert (done.content, done.stop_reason) == ("Hello there.", "end_turn")
        assert (done.input_tokens, done.output_tokens, done.cost_usd_micros) == (1000, 200, 200)
        budget = Budget.objects.get(owner=owner)
        assert (budget.spent_usd_micros, budget.reserved_usd_micros) == (200, 0)

    def test_cache_tokens_are_kept_and_priced(self, owner: Any, messages_api: MessagesApi) -> None:
        messages_api.answers("Hi", input_tokens=1000, output_tokens=200, cache_read=10_000, cache_write=1000)

        done = run(owner, "claude", "Say hello")

        assert (done.cache_read_tokens, done.cache_write_tokens) == (10_000, 1000)
        assert done.cost_usd_micros == 100 + 100 + 100 + 125

    def test_the_same_key_gives_the_recorded_run_without_a_second_charge(
        self, owner: Any, messages_api: MessagesApi
    ) -> None:
        first = run(owner, "claude", "Say hello", idempotency_key="execution:1/step")

        second = run(owner, "claude", "Say hello", idempotency_key="execution:1/step")

        assert second.pk == first.pk
        assert len(messages_api.message_requests) == 1
        assert Budget.objects.get(owner=owner).spent_usd_micros == first.cost_usd_micros

    def test_the_same_key_for_another_prompt_is_refused(self, owner: Any) -> None:
        run(owner, prompt="One thing.", idempotency_key="k")

        with pytest.raises(IdempotencyKeyReused):
            run(owner, prompt="Another thing.", idempotency_key="k")

    def test_two_students_may_use_the_same_key(self, owner: Any, stranger: Any) -> None:
        assert run(owner, idempotency_key="k").pk != run(stranger, idempotency_key="k").pk

    def test_a_passing_failure_is_tried_anew_under_the_same_key(
        self, owner: Any, messages_api: MessagesApi, no_pauses: list[float]
    ) -> None:
        messages_api.fails(529, "overloaded_error")
        failed = run(owner, "claude", "Say hello", idempotency_key="k")
        assert (failed.status, failed.error_code) == (Status.FAILED, "provider_overloaded")
        messages_api.answers("Back again.")

        again = run(owner, "claude", "Say hello", idempotency_key="k")

        assert (again.pk, again.status, again.attempt) == (failed.pk, Status.COMPLETED, 2)

    def test_a_lasting_failure_is_recorded_and_not_tried_again(self, owner: Any, messages_api: MessagesApi) -> None:
        messages_api.fails(400, "invalid_request_error", "max_tokens: too large")
        failed = run(owner, "claude", "Say hello", idempotency_key="k")

        again = run(owner, "claude", "Say hello", idempotency_key="k")

        assert again.pk == failed.pk and again.attempt == 1
        assert len(messages_api.message_requests) == 1
        assert "max_tokens" in again.error

    def test_an_unknown_agent_is_named(self, owner: Any) -> None:
        with pytest.raises(AgentNotFound, match=r"“oracle”.*summarizer"):
            run(owner, "oracle")

    def test_an_agent_without_a_key_says_what_to_do(self, owner: Any) -> None:
        with pytest.raises(AgentNotReady, match="Settings, Agents"):
            run(owner, "claude")
        assert not AgentRun.objects.exists()

    @pytest.mark.parametrize("prompt", ["", " \n\t", "x" * 50_001, "a\x00b"])
    def test_a_prompt_that_cannot_be_is_refused(self, owner: Any, prompt: str) -> None:
        with pytest.raises(ValidationError) as refused:
            run(owner, prompt=prompt)
        assert "prompt" in refused.value.message_dict

    def test_a_prompt_of_fifty_thousand_characters_is_taken(self, owner: Any) -> None:
        assert run(owner, prompt="word " * 10_000).status == Status.COMPLETED

    @pytest.mark.parametrize(
        "parameters",
        [
            {"max_tokens": 0},
            {"max_tokens": "many"},
            {"temperature": 3},
            {"temperature": "nan"},
            {"max_tokens": True},
            [1],
        ],
    )
    def test_parameters_out_of_bounds_are_refused(self, owner: Any, parameters: Any) -> None:
        with pytest.raises(ValidationError) as refused:
            run(owner, parameters=parameters)
        assert "parameters" in refused.value.message_dict

    def test_an_own_key_wins_over_the_operators(self, owner: Any, messages_api: MessagesApi) -> None:
        set_api_key(owner, key="sk-ant-some-other-key", by=owner)

        refused = run(owner, "claude", "Say hello")

        assert (refused.status, refused.error_code) == (Status.FAILED, "provider_refused_key")


class TestBrokenAnswers:
    EVENTS = answer_events("Once", " upon a time", input_tokens=1000, output_tokens=200)

    @pytest.mark.parametrize("cut", range(len(EVENTS)))
    def test_a_stream_cut_at_any_event_is_charged_once_and_not_repeated(
        self, owner: Any, messages_api: MessagesApi, cut: int
    ) -> None:
        messages_api.plays(Script(events=self.EVENTS, cut_after=cut))

        done = run(owner, "claude", "Tell a story")

        assert len(messages_api.message_requests) == 1
        has_stop_reason = cut >= len(self.EVENTS) - 1
        assert done.status == (Status.COMPLETED if has_stop_reason else Status.FAILED)
        assert 0 < done.cost_usd_micros <= 200
        budget = Budget.objects.get(owner=owner)
        assert (budget.spent_usd_micros, budget.reserved_usd_micros) == (done.cost_usd_micros, 0)

    def test_a_repeated_message_start_takes_nothing_back(self, owner: Any, messages_api: MessagesApi) -> None:
        events = [*self.EVENTS[:-1], self.EVENTS[0], self.EVENTS[-1]]
        messages_api.plays(Script(events=events))

        assert run(owner, "claude", "Tell a story").output_tokens == 200

    def test_an_error_inside_the_stream_keeps_what_came_and_charges_it(
        self, owner: Any, messages_api: MessagesApi
    ) -> None:
        messages_api.plays(Script(events=[*self.EVENTS[:5], error_event()]))

        failed = run(owner, "claude", "Tell a story")

        assert (failed.status, failed.content) == (Status.FAILED, "Once upon a time")
        assert failed.cost_usd_micros > 100
        assert len(messages_api.message_requests) == 1

    def test_overload_is_tried_again_after_the_pause_it_asks_for(
        self, owner: Any, messages_api: MessagesApi, no_pauses: list[float]
    ) -> None:
        busy = Script(status=429, error_type="rate_limit_error", headers={"retry-after": "7"})
        messages_api.plays(busy, Script(events=self.EVENTS))

        assert run(owner, "claude", "Tell a story").status == Status.COMPLETED
        assert no_pauses == [7.0]

    @pytest.mark.parametrize(
        "script",
        [
            Script(status=429, error_type="rate_limit_error", error_code="enforced_spend_limit_reached"),
            Script(
                status=400,
                error_type="invalid_request_error",
                message="You have reached your specified API usage limits.",
            ),
            Script(status=402, error_type="billing_error", message="no credit"),
        ],
    )
    def test_a_spending_limit_at_the_provider_is_not_tried_again(
        self, owner: Any, messages_api: MessagesApi, no_pauses: list[float], script: Script
    ) -> None:
        messages_api.plays(script)

        failed = run(owner, "claude", "Tell a story")

        assert (failed.error_code, failed.is_retryable, no_pauses) == ("provider_spend_limit", False, [])
        assert len(messages_api.message_requests) == 1

    def test_silence_ends_the_run_and_charges_the_prompt(self, owner: Any, messages_api: MessagesApi) -> None:
        messages_api.plays(Script(events=self.EVENTS, hang_after=0))

        failed = run(owner, "claude", "Tell a story", parameters={"timeout": 1})

        assert failed.status == Status.FAILED and failed.cost_usd_micros > 0
        assert failed.metadata["usage_is_estimated"]

    def test_a_refusal_without_words_fails_with_its_reason(self, owner: Any, messages_api: MessagesApi) -> None:
        messages_api.answers("", stop_reason="refusal")

        failed = run(owner, "claude", "Tell a story")

        assert (failed.status, failed.error_code) == (Status.FAILED, "refusal")
        assert "declined" in failed.error

    def test_an_answer_cut_by_max_tokens_is_complete_with_a_note(self, owner: Any, messages_api: MessagesApi) -> None:
        messages_api.answers("Half of", stop_reason="max_tokens")

        done = run(owner, "claude", "Tell a story")

        assert done.status == Status.COMPLETED and "length limit" in done.metadata["note"]

    def test_redis_away_harms_no_run(self, owner: Any, settings: Any) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"

        assert run(owner).status == Status.COMPLETED

    def test_a_fault_of_our_own_settles_too(self, owner: Any, messages_api: MessagesApi, monkeypatch: Any) -> None:
        monkeypatch.setattr("agents.providers.claude.ClaudeProvider.request_body", lambda *_: 1 / 0)

        failed = run(owner, "claude", "Tell a story")

        assert (failed.status, failed.error_code) == (Status.FAILED, "internal_error")
        assert Budget.objects.get(owner=owner).reserved_usd_micros == 0


class TestStopping:
    def test_a_pending_run_is_over_at_once_and_pays_nothing(self, owner: Any, messages_api: MessagesApi) -> None:
        pending = services.start_run("claude", "Say hello", owner=owner, by=owner)
        assert Budget.objects.get(owner=owner).reserved_usd_micros > 0

        stopped = services.cancel_run(pending, by=owner)
        services.execute_run(pending.pk)

        assert stopped.status == Status.CANCELLED
        assert Budget.objects.get(owner=owner).reserved_usd_micros == 0
        assert not messages_api.message_requests

    def test_a_running_run_stops_at_its_next_bit_and_pays_for_what_came(
        self, owner: Any, messages_api: MessagesApi, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("agents.services.HEARTBEAT_S", 0.0)
        messages_api.answers(*["word "] * 50, input_tokens=1000, output_tokens=200)
        asked = services.start_run("claude", "Say hello", owner=owner, by=owner)
        seen: list[str] = []

        def publish(name: str, event: str, data: Any) -> None:
            seen.append(event)
            if seen.count("text") == 3:
                services.cancel_run(asked, by=owner)

        monkeypatch.setattr("agents.services.streams.publish", publish)
        services.execute_run(asked.pk)

        asked.refresh_from_db()
        assert (asked.status, asked.content) == (Status.CANCELLED, "word word word ")
        assert 100 <= asked.cost_usd_micros < 200
        assert Budget.objects.get(owner=owner).reserved_usd_micros == 0

    def test_stopping_twice_is_harmless(self, owner: Any) -> None:
        pending = services.start_run("summarizer", "One. Two.", owner=owner, by=owner)
        services.cancel_run(pending, by=owner)

        assert services.cancel_run(pending, by=owner).status == Status.CANCELLED

    def test_a_finished_run_cannot_be_stopped(self, owner: Any) -> None:
        with pytest.raises(RunAlreadyFinished, match="completed"):
            services.cancel_run(run(owner), by=owner)


class TestSweep:
    def lost(self, owner: Any, *, seconds: int = 600, usage: Usage | None = None) -> AgentRun:
        from dataclasses import asdict

        lost = services.start_run("claude", "Say hello", owner=owner, by=owner, idempotency_key="k")
        AgentRun.objects.filter(pk=lost.pk).update(
            status=Status.RUNNING,
            started_at=timezone.now(),
            heartbeat_at=timezone.now() - timedelta(seconds=seconds),
            metadata={"usage": asdict(usage)} if usage else {},
        )
        return lost

    def test_a_run_whose_worker_died_fails_and_pays_what_was_written_down(
        self, owner: Any, messages_api: MessagesApi
    ) -> None:
        lost = self.lost(owner, usage=Usage(input_tokens=1000, output_tokens=10))

        assert services.sweep_runs() == 1

        lost.refresh_from_db()
        assert (lost.status, lost.error_code, lost.is_retryable) == (Status.FAILED, "worker_lost", True)
        budget = Budget.objects.get(owner=owner)
        assert (budget.reserved_usd_micros, budget.spent_usd_micros) == (0, 105)

    def test_a_run_that_died_before_its_answer_releases_all(self, owner: Any, messages_api: MessagesApi) -> None:
        self.lost(owner)

        services.sweep_runs()

        budget = Budget.objects.get(owner=owner)
        assert (budget.reserved_usd_micros, budget.spent_usd_micros) == (0, 0)

    def test_sweeping_twice_settles_once(self, owner: Any, messages_api: MessagesApi) -> None:
        self.lost(owner, usage=Usage(input_tokens=1000))
        services.sweep_runs()

        assert services.sweep_runs() == 0
        assert Budget.objects.get(owner=owner).spent_usd_micros == 100

    def test_a_run_with_a_fresh_heartbeat_is_left_alone(self, owner: Any, messages_api: MessagesApi) -> None:
        self.lost(owner, seconds=70)

        assert services.sweep_runs() == 0

    def test_the_next_call_with_the_key_takes_over_a_dead_run(self, owner: Any, messages_api: MessagesApi) -> None:
        lost = self.lost(owner, usage=Usage(input_tokens=1000))

        taken = run(owner, "claude", "Say hello", idempotency_key="k")

        assert (taken.pk, taken.status, taken.attempt) == (lost.pk, Status.COMPLETED, 2)
        assert Budget.objects.get(owner=owner).spent_usd_micros == taken.cost_usd_micros
        assert Reservation.objects.filter(run=lost, state="settled").count() == 2

    def test_a_lost_message_is_sent_again(
        self, owner: Any, django_capture_on_commit_callbacks: Any, monkeypatch: Any
    ) -> None:
        queued: list[int] = []
        monkeypatch.setattr(
            "agents.tasks.execute_agent_run.apply_async", lambda args, kwargs, **options: queued.append(args[0])
        )
        pending = services.start_run("summarizer", "One. Two.", owner=owner, by=owner)
        AgentRun.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5))

        with django_capture_on_commit_callbacks(execute=True):
            services.sweep_runs()

        assert queued == [pending.pk]

    def test_a_late_worker_cannot_end_a_run_that_was_taken_over(self, owner: Any, messages_api: MessagesApi) -> None:
        lost = self.lost(owner)
        run(owner, "claude", "Say hello", idempotency_key="k")

        assert not services.finish_run(lost, status=Status.COMPLETED, content="too late", usage=Usage(input_tokens=5))
        lost.refresh_from_db()
        assert lost.content == "Hello there."


class TestRemovedAgents:
    """An agent may leave the catalog while its runs are still about."""

    def without_claude(self, monkeypatch: Any) -> None:
        from agents.registry import Catalog, catalog

        rest = Catalog(agents=tuple(a for a in catalog().agents if a.name != "claude"), broken=())
        monkeypatch.setattr("agents.services.catalog", lambda: rest)

    def test_a_pending_run_fails_and_pays_nothing(
        self, owner: Any, messages_api: MessagesApi, monkeypatch: Any
    ) -> None:
        pending = services.start_run("claude", "Say hello", owner=owner, by=owner)
        self.without_claude(monkeypatch)

        services.execute_run(pending.pk)

        pending.refresh_from_db()
        assert (pending.status, pending.error_code) == (Status.FAILED, "agent_not_found")
        budget = Budget.objects.get(owner=owner)
        assert (budget.reserved_usd_micros, budget.spent_usd_micros) == (0, 0)

    def test_a_dead_run_is_swept_and_pays_its_reserve(
        self, owner: Any, messages_api: MessagesApi, monkeypatch: Any
    ) -> None:
        TestSweep().lost(owner, usage=Usage(input_tokens=1000))
        held = Budget.objects.get(owner=owner).reserved_usd_micros
        self.without_claude(monkeypatch)

        assert services.sweep_runs() == 1
        assert Budget.objects.get(owner=owner).spent_usd_micros == held


class TestBudgetRefusal:
    def test_a_run_that_may_cost_more_than_is_left_is_refused_with_the_figures(
        self, owner: Any, messages_api: MessagesApi
    ) -> None:
        from agents.budgets import set_budget

        set_budget(owner, limit_usd_micros=500, period="month", by=owner)

        with pytest.raises(BudgetUsedUp) as refused:
            run(owner, "claude", "Say hello")

        assert "$0.0005 is left" in str(refused.value) and "renews on 1 " in str(refused.value)
        assert not AgentRun.objects.exists() and not messages_api.message_requests
