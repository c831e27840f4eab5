"""What waits, approvals, kinds of error and unknown outcomes promise, over both stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workflows.engine import pauses, transitions
from workflows.engine.outcome import Outcome, StepCall
from workflows.engine.pauses import NotAsked
from workflows.tests.worlds import (
    DatabaseWorld,
    World,
    action,
    approval,
    either,
    loop,
    outside,
    parallel,
    wait,
)


def tick(world: World, seconds: float = 0) -> None:
    """Let time pass, the sweep work and every hint be followed."""
    world.later(seconds)
    world.runner.sweep()
    world.drain()


class TestWaits:
    def test_a_wait_holds_nobody_and_ends_when_its_time_has_come(self, world: World) -> None:
        number = world.run([wait("w", duration="2h"), action("a", after=["w"])])
        step = world.steps(number)["w"]
        assert (step.status, step.reason, step.lease_until) == ("waiting", "wait", None)

        tick(world, 3600)
        world.runner.advance(number)
        assert world.statuses(number) == {"w": "waiting", "a": "pending"}

        tick(world, 3601)
        assert world.status(number) == "completed"
        assert (world.steps(number)["w"].reason, set(world.results(number)["w"])) == ("", {"until"})

    def test_the_sweep_leaves_it_alone_until_then(self, world: World) -> None:
        world.run([wait("w", duration="2h")])
        for _ in range(5):
            world.later(60)
            assert world.runner.sweep() == 0

    @pytest.mark.parametrize("value", [5, "5s", "{{ 2 + 3 }}", "{{ duration('5s') }}", "5000ms"])
    def test_durations(self, world: World, value: Any) -> None:
        number = world.run([wait("w", duration=value)])

        left = world.steps(number)["w"].next_attempt_at - datetime.now(UTC)
        assert 3 < left.total_seconds() <= 5

    @pytest.mark.parametrize(
        "until", ["{}", "{{{{ inputs.at }}}}", "timestamp(inputs.at)", "timestamp(inputs.at) + duration('0s')"]
    )
    def test_times(self, world: World, until: str) -> None:
        at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
        number = world.run(
            [wait("w", until=until.format(at.isoformat()))],
            inputs={"properties": {"at": {"type": "string"}}},
            given_inputs={"at": at.isoformat()},
        )

        assert world.steps(number)["w"].next_attempt_at == at

    def test_a_time_that_has_passed_does_not_wait(self, world: World) -> None:
        number = world.run([wait("w", until="2001-01-01T00:00:00+01:00"), wait("v", duration=0)])

        assert world.status(number) == "completed"
        assert world.results(number)["w"] == {"until": "2000-12-31T23:00:00Z"}

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"duration": "{{ 'soon' }}"}, "“soon” is no duration"),
            ({"duration": "{{ -1 }}"}, "no duration"),
            ({"until": "{{ '2026-01-01' }}"}, "not a time with its zone"),
            ({"until": "'2999-01-01T00:00:00Z'"}, "more than 366 days away"),
            ({"until": "inputs.nothing"}, "cannot be worked out"),
        ],
    )
    def test_what_is_not_a_time_fails_in_words(self, world: World, config: Any, words: str) -> None:
        number = world.run([wait("w", **config)], inputs={"additionalProperties": True})

        assert words in world.execution(number).error_message

    def test_waits_in_a_loop_go_on_one_after_the_other(self, world: World) -> None:
        body = [wait("w", duration=100), action("a", after=["w"])]
        number = world.run([loop("each", list(range(60)), body, max_concurrency=30)])
        for _ in range(2):
            assert world.status(number) == "running"
            tick(world, 101)

        assert world.status(number) == "completed" and len(world.executor.calls) == 60

    def test_a_wait_that_lost_its_race_is_cancelled(self, world: World) -> None:
        number = world.run([parallel("race", {"a": [outside("o")], "b": [wait("w", duration=9)]}, wait_for="any")])

        assert world.status(number) == "completed"
        assert world.execution(number).pauses == 0
        tick(world, 100)
        assert world.steps(number)["race[b].w"].status == "cancelled"


class TestTheClock:
    def test_waiting_does_not_count_and_working_does(self, world: World) -> None:
        number = world.run([wait("w", duration="2d"), outside("a", after=["w"])], timeout=600)
        assert world.execution(number).deadline_at is None
        world.later(2 * 86_400 + 1)
        world.runner.sweep()
        world.follow(*world.hints.queue.popleft())
        assert world.status(number) == "running"
        left = world.execution(number).deadline_at - datetime.now(UTC)
        if isinstance(world, DatabaseWorld):
            assert 500 < left.total_seconds() <= 600

        world.later(601)
        world.hints.queue.clear()
        world.runner.sweep()
        assert world.execution(number).error_message == "It took longer than its timeout of 600 s."

    def test_it_stands_still_until_the_last_of_several_is_over(self, world: World) -> None:
        number = world.run([wait("v", duration=1000), wait("w", duration=2000), approval("p")], timeout=600)
        assert world.execution(number).pauses == 3
        tick(world, 1001)
        assert (world.execution(number).pauses, world.execution(number).deadline_at) == (2, None)
        tick(world, 1001)
        world.runner.decide(number, "p", "approved", by=world.person)

        assert world.status(number) == "completed"

    def test_the_timeout_of_a_container_counts_waiting_too(self, world: World) -> None:
        number = world.run([loop("each", "[1]", [wait("w", duration="1h")], timeout=60, on_error="continue")])
        tick(world, 61)

        assert world.statuses(number) == {"each": "failed", "each[0].w": "cancelled"}
        assert world.status(number) == "completed" and world.execution(number).pauses == 0


class TestApprovals:
    STEPS = (
        action("a", params={"n": 3}),
        approval("may", after=["a"], message="Send {{ steps.a.result.n }} mails?"),
        either("then", "steps.may.result.decision == 'approved'", [action("yes")], [action("no")], after=["may"]),
    )

    @pytest.mark.parametrize(("decision", "taken"), [("approved", "then[then].yes"), ("rejected", "then[else].no")])
    def test_a_person_decides_what_follows(self, world: World, decision: str, taken: str) -> None:
        number = world.run(list(self.STEPS))
        step = world.steps(number)["may"]
        assert (world.status(number), step.status, step.reason) == ("running", "waiting", "approval")

        world.runner.decide(number, "may", decision, by=world.person, comment="Well.")
        world.drain()

        assert world.status(number) == "completed" and world.executor.paths() == ["a", taken]
        assert world.results(number)["may"] == {"decision": decision, "comment": "Well.", "by": world.person}
        decided = [data for type, data in world.events(number) if type == "workflow.step.decided"]
        assert decided == [{"path": "may", "decision": decision, "by": world.person, "comment": "Well."}]

    def test_the_first_decision_counts(self, world: World) -> None:
        number = world.run(list(self.STEPS))
        world.runner.decide(number, "may", "rejected", by=world.person)

        with pytest.raises(NotAsked):
            world.runner.decide(number, "may", "approved", by=world.person)
        for path in ("a", "nothing", "then"):
            with pytest.raises(NotAsked):
                world.runner.decide(number, path, "approved", by=world.person)
        with pytest.raises(NotAsked):
            world.runner.decide(999_999, "may", "approved", by=world.person)

    @pytest.mark.parametrize(
        ("action", "status", "decision"),
        [("approve", "completed", "approved"), (None, "completed", "rejected"), ("fail", "failed", None)],
    )
    def test_when_nobody_decides(self, world: World, action: Any, status: str, decision: Any) -> None:
        fields = {"timeout_action": action} if action else {}
        number = world.run([approval("may", timeout=3600, **fields)])
        tick(world, 3000)
        assert world.status(number) == "running"
        tick(world, 601)

        assert world.status(number) == status
        if decision:
            assert world.results(number)["may"] == {"decision": decision, "comment": "", "by": None}
        else:
            assert world.execution(number).error_message == "Step “may” failed. Nobody decided in time."

    def test_two_days_are_no_matter_for_an_execution_of_an_hour(self, world: World) -> None:
        number = world.run([approval("may"), action("a", after=["may"])])
        for _ in range(4):
            tick(world, 43_200)
        world.runner.decide(number, "may", "approved", by=world.person)
        world.drain()

        assert world.status(number) == "completed"

    def test_cancelling_withdraws_the_question(self, world: World) -> None:
        number = world.run([approval("may"), wait("w", duration=60), outside("o")])
        assert world.runner.cancel(number, by=world.person)

        assert world.statuses(number) == {"may": "cancelled", "w": "cancelled", "o": "completed"}
        with pytest.raises(NotAsked):
            world.runner.decide(number, "may", "approved", by=world.person)

    def test_each_item_asks_for_itself(self, world: World) -> None:
        number = world.run([loop("each", "[1, 2]", [approval("may", message="{{ item }}?")], max_concurrency=2)])
        world.runner.decide(number, "each[1].may", "approved", by=world.person)
        world.runner.decide(number, "each[0].may", "rejected", by=world.person)
        world.drain()

        assert world.status(number) == "completed"

    def test_a_message_that_cannot_be_worked_out_fails_in_words(self, world: World) -> None:
        number = world.run([action("a"), approval("may", after=["a"], message="{{ steps.a.result.x }}")])

        assert "The message cannot be worked out" in world.execution(number).error_message


class TestKindsOfError:
    @pytest.mark.parametrize(
        ("kind", "retry_on", "calls"),
        [
            ("timeout", ["timeout"], 3),
            ("timeout", ["unavailable", "lost"], 1),
            ("rate_limited", None, 3),
            ("unexpected", [], 1),
            ("permanent", None, 1),
        ],
    )
    def test_only_the_named_kinds_are_tried_again(self, world: World, kind: str, retry_on: Any, calls: int) -> None:
        world.script("broken", lambda call: Outcome.failed("No.", kind=kind))
        fields = {} if retry_on is None else {"retry_on": retry_on}
        number = world.begin([outside("a", "broken", max_retries=2, **fields)])
        world.sweep_until_over(number)

        assert len(world.executor.calls) == calls

    def test_an_unforeseen_fault_is_one_of_them(self, world: World) -> None:
        def surprise(call: StepCall) -> Outcome:
            raise RuntimeError("who would have thought")

        world.script("surprise", surprise)
        number = world.run([action("a", "surprise", retry_on=["timeout"])])

        assert world.status(number) == "failed" and len(world.executor.calls) == 1

    def test_a_lost_worker_is_one_of_them(self, world: World) -> None:
        number = world.begin([outside("a", retry_on=["timeout"])])
        lose_worker(world, number, "a")

        assert world.execution(number).error_message == "Step “a” failed. The worker that did this step was lost."


def lose_worker(world: World, number: int, path: str) -> None:
    """Claim a step and never come back."""
    if world.status(number) == "pending":
        world.follow(*world.hints.queue.popleft())
    with world.store.open(number, paths=[path]) as ledger:
        transitions.claim(ledger, ledger.step(path))
    world.hints.queue.clear()
    world.later(25)
    world.runner.sweep()


class TestUnknownOutcomes:
    @pytest.fixture
    def asked(self, world: World) -> int:
        """An execution whose step may have sent a mail or not."""
        world.executor.unkeyed.add("send")
        number = world.begin([outside("a", "send"), action("b", after=["a"], params={"r": "{{ steps.a.result }}"})])
        lose_worker(world, number, "a")
        step = world.steps(number)["a"]
        assert (world.status(number), step.status, step.reason) == ("running", "waiting", "needs_attention")
        assert step.error == "The worker that did this step was lost."
        tick(world, 86_400)
        assert world.executor.calls == []
        return number

    def test_a_person_says_that_it_was_done(self, world: World, asked: int) -> None:
        world.runner.resolve(asked, "a", "done", by=world.person, result={"id": 9}, comment="I have it.")
        world.drain()

        assert world.status(asked) == "completed"
        assert world.results(asked) == {"a": {"id": 9}, "b": {"r": {"id": 9}}}

    def test_a_person_says_that_it_shall_be_tried_again(self, world: World, asked: int) -> None:
        world.runner.resolve(asked, "a", "retry", by=world.person)
        world.drain()

        assert world.status(asked) == "completed"
        assert (world.executor.paths(), world.steps(asked)["a"].attempt) == (["a", "b"], 2)

    def test_a_hint_at_the_retry_may_be_lost(self, world: World, asked: int) -> None:
        world.runner.resolve(asked, "a", "retry", by=world.person)
        world.hints.queue.clear()
        world.sweep_until_over(asked)

        assert world.status(asked) == "completed"

    def test_a_person_says_that_it_failed(self, world: World, asked: int) -> None:
        world.runner.resolve(asked, "a", "fail", by=world.person, comment="Nothing came.")

        words = "Step “a” failed. The worker that did this step was lost. Nothing came."
        assert world.execution(asked).error_message == words

    def test_nobody_says_anything(self, world: World, asked: int) -> None:
        tick(world, 7 * 86_400)

        assert world.status(asked) == "failed"
        assert "Nobody said in time" in world.execution(asked).error_message

    def test_cancel(self, world: World, asked: int) -> None:
        world.runner.cancel(asked, by=world.person)

        assert set(world.statuses(asked).values()) == {"cancelled"}
        with pytest.raises(NotAsked):
            world.runner.resolve(asked, "a", "retry", by=world.person)

    def test_it_is_no_approval(self, world: World, asked: int) -> None:
        with pytest.raises(NotAsked):
            world.runner.decide(asked, "a", "approved", by=world.person)
        with pytest.raises(ValueError, match="one of retry, done, fail"):
            world.runner.resolve(asked, "a", "approved", by=world.person)

    def test_a_clear_failure_is_tried_again_without_asking(self, world: World) -> None:
        world.executor.unkeyed.add("send")
        answers = iter([Outcome.failed("Down.", kind="unavailable"), Outcome.done(1)])
        world.script("send", lambda call: next(answers))
        number = world.begin([outside("a", "send")])
        world.sweep_until_over(number)

        assert world.status(number) == "completed" and len(world.executor.calls) == 2

    @pytest.mark.parametrize("kind", ["timeout", "unexpected"])
    def test_every_unknown_outcome_asks(self, world: World, kind: str) -> None:
        world.executor.unkeyed.add("send")
        world.script("send", lambda call: Outcome.failed("?", kind=kind))
        number = world.run([outside("a", "send")])

        assert world.steps(number)["a"].reason == "needs_attention"

    @pytest.mark.parametrize(
        ("answer", "status", "reason"),
        [
            (Outcome.done("sent"), "completed", ""),
            (Outcome.failed("No such address."), "failed", ""),
            (Outcome.failed("Down.", kind="unavailable"), "waiting", ""),
            (Outcome.failed("?", kind="timeout"), "waiting", "needs_attention"),
        ],
    )
    def test_a_worker_that_was_not_lost_after_all_may_still_say_it(
        self, world: World, answer: Outcome, status: str, reason: str
    ) -> None:
        def stall(call: StepCall) -> Outcome:
            world.later(25)
            world.runner.sweep()
            assert world.steps(call.execution_id)["a"].reason == "needs_attention"
            return answer

        world.executor.unkeyed.add("send")
        world.script("send", stall)
        number = world.run([outside("a", "send")])

        step = world.steps(number)["a"]
        assert (step.status, step.reason, len(world.executor.calls)) == (status, reason, 1)
        assert world.execution(number).pauses == (1 if reason else 0)

    def test_an_answer_after_the_person_said_to_try_again_is_refused(self, world: World) -> None:
        def stall(call: StepCall) -> Outcome:
            if call.attempt == 1:
                world.later(25)
                world.runner.sweep()
                world.runner.resolve(call.execution_id, "a", "retry", by=world.person)
                return Outcome.done("the first")
            return Outcome.done("the second")

        world.executor.unkeyed.add("send")
        world.script("send", stall)
        number = world.run([outside("a", "send")])

        assert world.results(number) == {"a": "the second"}

    def test_on_unknown_retry_tries_again(self, world: World) -> None:
        world.executor.unkeyed.add("send")
        number = world.begin([outside("a", "send", on_unknown="retry")])
        lose_worker(world, number, "a")
        world.sweep_until_over(number)

        assert world.status(number) == "completed" and world.steps(number)["a"].attempt == 2

    def test_a_keyed_effect_is_tried_again_whatever_it_says(self, world: World) -> None:
        number = world.begin([outside("a", on_unknown="needs_attention")])
        lose_worker(world, number, "a")
        world.sweep_until_over(number)

        assert world.status(number) == "completed"


def test_every_decision_has_a_place_in_the_tables() -> None:
    from workflows.models import Approval

    known = {*pauses.DECISIONS, *pauses.RESOLUTIONS, pauses.EXPIRED, pauses.WITHDRAWN}
    assert set(Approval.Decision.values) == known
