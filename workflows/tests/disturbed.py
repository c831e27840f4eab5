"""Run a definition through the engine while everything goes wrong that may: hints come in any order, twice or
never, and workers are killed right before or right after they commit."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workflows.engine.definition import Definition, parse_definition
from workflows.engine.outcome import Outcome, StepCall
from workflows.engine.pauses import NotAsked
from workflows.tests.random_definitions import INPUTS
from workflows.tests.reference import CALLS, NEVER_DECIDED, UNTOLD, Call, Told, decision_on, outcome_of_call
from workflows.tests.worlds import Killed, World

MAX_ROUNDS = 400
OPEN = ("pending", "running", "waiting")


def fake(call: StepCall) -> Outcome:
    """Do what the step's own config says."""
    params = call.config.get("params") or {}
    worked, may_work_later, result = outcome_of_call(Call(call.kind, call.config["action"], params), call.attempt)
    if not worked:
        return Outcome.failed("The fake was told to fail.", retryable=may_work_later)
    if call.config["action"] == "update_variable":
        call.variables[params["name"]] = params["value"]
    return Outcome.done(result)


class Disturbed:
    """One world and its misfortune."""

    def __init__(
        self,
        world: World,
        rng: random.Random,
        *,
        trouble: float = 0.1,
        kills: float = 0.0,
        cancelled_after: int | None = None,
    ) -> None:
        """`cancelled_after`: so many hints later someone cancels the execution."""
        self.world, self.rng, self.trouble, self.kills = world, rng, trouble, kills
        self.cancelled_after = cancelled_after
        self.killed = self.followed = 0
        self.resolved: Counter[str] = Counter()
        for action in ("fake", "unkeyed", "update_variable"):
            world.script(action, fake)
        world.executor.unkeyed.add("unkeyed")
        world.executor.lengthy = {"fake"} if rng.random() < 0.3 else set()

    def run(self, definition: dict[str, Any]) -> int:
        """Run a definition to its end; answers with the execution's id."""
        return self.end(self.world.add(definition, given_inputs=INPUTS), definition)

    def repeat(self, number: int, definition: dict[str, Any], chosen: str = "") -> int:
        """Run what had not finished once more, or everything from a chosen step on."""
        return self.end(self.world.add_rerun(number, chosen, None), definition)

    def end(self, number: int, definition: dict[str, Any]) -> int:
        """Work on an execution until it is over."""
        self.world.hints.advance(number)
        parsed = parse_definition(definition)
        with self.workers_that_die():
            for _ in range(MAX_ROUNDS):
                self.follow_hints()
                if self.world.status(number) not in OPEN:
                    return number
                self.decide(number, parsed)
                self.world.later(self.rng.choice((1, 5, 30)))
                self.survive(self.world.runner.sweep)
        stuck = {path: status for path, status in self.world.statuses(number).items() if status in OPEN}
        raise AssertionError(f"it never ends; open are {stuck}")

    def follow_hints(self) -> None:
        queue = self.world.hints.queue
        for _ in range(100_000):
            if not queue:
                return
            place = self.rng.randrange(len(queue))
            hint = queue[place]
            chance = self.rng.random()
            if chance > self.trouble:  # else it comes twice
                del queue[place]
            if chance > 2 * self.trouble:  # else it is lost
                self.survive(self.world.follow, *hint)
                self.followed += 1
            if self.cancelled_after is not None and self.followed >= self.cancelled_after:
                self.survive(self.world.runner.cancel, hint[0], by=7)
        raise AssertionError("the hints never end")

    def decide(self, number: int, definition: Definition) -> None:
        """Let the fake person decide what is waiting for them."""
        for path, step in self.world.steps(number).items():
            if step.kind == "approval" and step.status == "waiting":
                decision = decision_on(definition.step(step.name).config["message"])
                if decision != NEVER_DECIDED:
                    self.survive(self.say, self.world.runner.decide, number, path, decision)
            elif step.status == "waiting" and step.reason == "needs_attention":
                self.resolved[path] += 1
                self.survive(self.say, self.world.runner.resolve, number, path, "retry")

    def say(self, door: Any, number: int, path: str, decision: str) -> None:
        try:
            door(number, path, decision, by=None)
        except NotAsked:
            return  # one of those decided before has ended what this one stood in

    def survive(self, work: Any, *given: Any, **named: Any) -> None:
        try:
            work(*given, **named)
        except Killed:
            self.killed += 1

    @contextmanager
    def workers_that_die(self) -> Iterator[None]:
        real_open = self.world.store.open

        @contextmanager
        def open_and_perhaps_die(execution_id: int, **options: Any) -> Iterator[Any]:
            dies_before, dies_after = self.rng.random() < self.kills, self.rng.random() < self.kills
            with real_open(execution_id, **options) as ledger:
                yield ledger
                if dies_before:
                    raise Killed
            if dies_after:
                raise Killed

        self.world.store.open = open_and_perhaps_die
        try:
            yield
        finally:
            del self.world.store.open

    def told(self, number: int) -> dict[str, Told]:
        """How every step ended."""
        return {
            path: Told(step.status, step.result if step.kind in (*CALLS, "wait", "approval") else UNTOLD, step.reason)
            for path, step in self.world.steps(number).items()
        }
