"""Brief steps share a transaction: what that saves, and that nobody pays for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import notify
from workflows.engine import runner as runner_module
from workflows.engine.outcome import Outcome, StepCall
from workflows.tests.worlds import DatabaseWorld, Killed, World, action, loop, outside


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not end a transaction or a turn early."""
    monkeypatch.setattr(runner_module, "MAX_SHARED_S", 60)
    monkeypatch.setattr(runner_module, "MAX_INLINE_S", 60)


def chain(length: int, does: str = "echo") -> list[dict[str, Any]]:
    return [action(f"s{i}", does, after=[f"s{i - 1}"] if i else []) for i in range(length)]


@contextmanager
def transactions(world: World) -> Iterator[list[int]]:
    """Every transaction of the store."""
    real, opened = world.store.open, []

    def counted(execution_id: int, **options: Any) -> Any:
        opened.append(execution_id)
        return real(execution_id, **options)

    world.store.open = counted
    yield opened
    world.store.open = real


def told_of(world: World, number: int) -> list[tuple[str, str]]:
    return [
        (type.removeprefix("workflow.step."), data["path"])
        for type, data in world.events(number)
        if type.startswith("workflow.step.")
    ]


class TestSharing:
    def test_a_chain_of_brief_steps_is_two_transactions_and_tells_every_step(self, world: World) -> None:
        with transactions(world) as opened:
            number = world.run(chain(10))

        assert world.status(number) == "completed"
        assert len(opened) == 2
        told = [(what, f"s{i}") for i in range(10) for what in ("started", "completed")]
        assert told_of(world, number) == told
        times = [(step.started_at, step.finished_at) for step in world.steps(number).values()]
        moments = [moment for pair in times for moment in pair]
        assert moments == sorted(moments)

    def test_steps_that_are_not_brief_commit_one_by_one(self, world: World) -> None:
        world.executor.lengthy = {"echo"}
        with transactions(world) as opened:
            world.run(chain(10))

        assert len(opened) == 11

    def test_a_brief_step_that_took_long_is_the_last_of_its_transaction(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner_module, "MAX_SHARED_S", 0.0)
        with transactions(world) as opened:
            world.run(chain(5))

        assert len(opened) == 6

    def test_results_and_variables_reach_the_steps_of_the_same_transaction(self, world: World) -> None:
        def keep(call: StepCall) -> Outcome:
            call.variables["seen"] = call.config["params"]["value"]
            return Outcome.done({"n": call.config["params"]["value"]})

        world.script("keep", keep)
        number = world.run(
            [
                action("zero"),
                action("one", "keep", after=["zero"], params={"value": 1}),
                action("two", "keep", after=["one"], params={"value": "{{ steps.one.result.n + variables.seen }}"}),
                loop("each", "[variables.seen, 5]", [action("inner", params={"i": "{{ item }}"})], after=["two"]),
                action("last", after=["each"], params={"all": "{{ steps.each.result }}"}),
            ],
            variables={"seen": 0},
        )

        assert world.status(number) == "completed"
        assert world.results(number)["last"] == {"all": [{"inner": {"i": 2}}, {"inner": {"i": 5}}]}

    def test_a_brief_step_that_fails_takes_nothing_of_the_others_with_it(self, world: World) -> None:
        world.script("break", lambda call: Outcome.failed("It is broken."))
        number = world.run([*chain(3), action("bad", "break", after=["s2"]), action("never", after=["bad"])])

        assert world.status(number) == "failed"
        assert list(world.statuses(number).values()) == [*["completed"] * 3, "failed", "cancelled"]

    def test_a_brief_step_that_is_tried_again_has_a_transaction_of_its_own(self, world: World) -> None:
        answers = iter([Outcome.failed("Not yet.", retryable=True), Outcome.done({})])
        world.script("second time", lambda call: next(answers))
        number = world.begin([*chain(2), action("bad", "second time", after=["s1"]), action("last", after=["bad"])])
        world.sweep_until_over(number)

        assert world.status(number) == "completed"
        assert world.steps(number)["bad"].attempt == 2

    def test_what_an_outside_step_answered_does_not_depend_on_the_steps_behind_it(self, world: World) -> None:
        def kill(call: StepCall) -> Outcome:
            raise Killed

        world.script("kill", kill)
        world.executor.unkeyed.add("once")
        number = world.begin([outside("get", "once"), action("bad", "kill", after=["get"], max_retries=0)])
        with pytest.raises(Killed):
            world.drain()

        assert world.statuses(number) == {"get": "completed", "bad": "running"}

    def test_a_worker_that_is_lost_takes_all_of_a_transaction_with_it_and_none_is_done_twice(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        kills = itertools.count()

        def note(call: StepCall) -> Outcome:
            notify(owner, title=call.path)
            if call.path == "s5" and next(kills) == 0:
                raise Killed
            return Outcome.done({})

        world.script("note", note)
        number = world.begin(chain(8, "note"))
        with pytest.raises(Killed):
            world.drain()
        connection.needs_rollback = False
        assert world.statuses(number)["s0"] == "running" and not Notification.objects.exists()
        world.sweep_until_over(number)

        assert world.status(number) == "completed"
        assert sorted(Notification.objects.values_list("title", flat=True)) == [f"s{i}" for i in range(8)]
        assert [step.attempt for step in world.steps(number).values()] == [2, *[1] * 7]

    def test_the_step_that_kills_its_workers_is_the_one_that_fails(self, world: World) -> None:
        def kill(call: StepCall) -> Outcome:
            raise Killed

        world.script("kill", kill)
        number = world.begin([*chain(3), action("bad", "kill", after=["s2"], max_retries=1)])
        for _ in range(20):
            try:
                world.drain()
            except Killed:
                connection.needs_rollback = False
            world.later(30)
            world.runner.sweep()
            if world.status(number) == "failed":
                break

        assert world.statuses(number) == {"s0": "completed", "s1": "completed", "s2": "completed", "bad": "failed"}
        assert "lost" in world.steps(number)["bad"].error
