"""Workers that die at every transaction of every kind of step."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.models import Notification
from coreengine.kernel.notifications import notify
from workflows.engine.outcome import Outcome, StepCall
from workflows.engine.pauses import NotAsked
from workflows.models import Approval
from workflows.tests.worlds import DatabaseWorld, Killed, action, approval, either, loop, outside, parallel, wait

ITEMS = [
    either("even", "item % 2 == 0", [outside("get", "remote")], [action("odd", "note", on_error="fail")]),
    action("keep", "note", after=["even"]),
]
BRANCHES = {
    "b1": [outside("slow", "remote"), wait("w", after=["slow"], duration="9h")],
    "b2": [action("quick", "note")],
}
STEPS = [
    loop("each", "[1, 2, 3]", ITEMS, on_item_error="continue", max_concurrency=2),
    parallel("race", BRANCHES, after=["each"], wait_for="any"),
    wait("pause", after=["race"], duration="1h"),
    approval("may", after=["pause"]),
    either("end", "steps.may.result.decision == 'approved'", [action("yes", "note")], after=["may"]),
]
NOTES = ["each[1].keep", "end[then].yes", "race[b2].quick"]


def crashing_world(owner: Any) -> tuple[DatabaseWorld, list[str]]:
    """A world whose in-line steps write a row (odd items fail), and whose outside steps write down their keys."""
    world = DatabaseWorld(owner)
    keys: list[str] = []

    def note(call: StepCall) -> Outcome:
        notify(owner, title=call.path, kind="note")
        return Outcome.failed("Odd.") if call.name == "odd" else Outcome.done(call.config["params"])

    def remote(call: StepCall) -> Outcome:
        keys.append(call.idempotency_key)
        return Outcome.done(None)

    world.script("note", note)
    world.script("remote", remote)
    return world, keys


def to_its_end(world: DatabaseWorld, number: int) -> None:
    """Let time pass, the sweep find everything, and a person decide."""
    for _ in range(40):
        world.drain()
        if world.status(number) not in ("pending", "running"):
            return
        if Approval.objects.open().exists():
            world.runner.decide(number, "may", "approved", by=world.person)
            continue
        world.later(1800 if world.execution(number).pauses else 30)
        world.runner.sweep()
    raise AssertionError(f"execution {number} is {world.status(number)} for ever: {world.statuses(number)}")


def check(world: DatabaseWorld, number: int, keys: list[str], what: str) -> None:
    assert world.status(number) == "completed", what
    assert sorted(Notification.objects.filter(kind="note").values_list("title", flat=True)) == NOTES, what
    assert set(keys) <= {f"execution:{number}:each[1].even[then].get", f"execution:{number}:race[b1].slow"}, what
    step = world.steps(number)["each"]
    assert (step.items_started, step.items_done, step.items_failed) == (3, 3, 2), what
    assert world.execution(number).pauses == 0, what
    assert Approval.objects.filter(execution=number).exclude(decision="").count() == 1, what


@pytest.mark.django_db
class TestCrashes:
    def test_the_undisturbed_run_for_comparison(self, owner: Any) -> None:
        world, keys = crashing_world(owner)
        number = world.begin(STEPS)
        to_its_end(world, number)

        check(world, number, keys, "undisturbed")

    @pytest.mark.parametrize("alone", [True, False], ids=["each step alone", "brief steps together"])
    @pytest.mark.parametrize("before", [True, False], ids=["before the commit", "after the commit"])
    def test_killed_at_every_transaction(self, owner: Any, before: bool, alone: bool) -> None:
        commit, was_killed = 0, True
        while was_killed:
            commit += 1
            Notification.objects.all().delete()
            Approval.objects.all().delete()
            world, keys = crashing_world(owner)
            world.executor.lengthy = {"note"} if alone else set()
            number = world.begin(STEPS)
            was_killed = False
            with world.killed_at(commit, before=before):
                try:
                    to_its_end(world, number)
                except Killed:
                    was_killed = True
            world.hints.queue.clear()
            to_its_end(world, number)

            check(world, number, keys, f"commit {commit}")
        assert commit > (10 if alone else 9)

    def test_a_decision_is_one_commit(self, owner: Any) -> None:
        world, _keys = crashing_world(owner)
        number = world.run([approval("may"), action("a", "note", after=["may"])])
        for before in (True, False):
            with world.killed_at(1, before=before), pytest.raises(Killed):
                world.runner.decide(number, "may", "approved", by=world.person)
            assert Approval.objects.open().exists() is before
        with pytest.raises(NotAsked):
            world.runner.decide(number, "may", "approved", by=world.person)
        world.later(60)
        world.runner.sweep()
        world.drain()

        assert world.status(number) == "completed"
