"""R33: random definitions on real processes that are killed, against an interpreter that knows no processes."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from typing import Any

from django.db import connection

from bench.faults.checks import OVER
from bench.faults.trial import Trial, fault
from bench.faults.world import BEAT, PLUGINS, WORKER
from workflows.tests.random_definitions import ALL_KINDS, INPUTS, definition_of
from workflows.tests.reference import CALLS, NEVER_DECIDED, UNTOLD, Expected, Told, decision_on, differences

AT_ONCE = 40
SHOWN = 3


@fault("R33")
def random_definitions(trial: Trial) -> None:
    """Random definitions of up to 20 steps under random kills, compared with a reference interpreter.

    Pass: no difference in any status, result or variable. A seed that differs is told, and can be run alone with
    `--only R33 --seed N --scale 0.01`: as many definitions as the size says are made, of N and the numbers behind it.
    """
    world, size = trial.world, trial.size
    world.only(WORKER, PLUGINS, BEAT)
    world.wait_ready()
    first = size.seed
    count = size.of(40, 2000)
    differing: dict[int, list[str]] = {}
    for start in range(first, first + count, AT_ONCE):
        seeds = range(start, min(start + AT_ONCE, first + count))
        differing |= _run(trial, list(seeds))
    trial.note(seeds=f"{first} to {first + count - 1}")
    for seed, found in list(differing.items())[:SHOWN]:
        trial.expect(False, f"seed {seed}: {found[:4]}")
    trial.expect(len(differing) <= SHOWN, f"seeds that differ: {sorted(differing)}")
    trial.check(wanted="", has_effects=False)


def _run(trial: Trial, seeds: list[int]) -> dict[int, list[str]]:
    """Start a definition for each seed, kill workers until all are over, and compare."""
    world, size = trial.world, trial.size
    expected: dict[int, tuple[int, Expected]] = {}
    messages: dict[int, dict[str, str]] = {}
    for seed in seeds:
        definition, must = definition_of(seed, kinds=ALL_KINDS, has_only_real_actions=True)
        (number,) = trial.begin({**definition, "name": f"Seed {seed}"}, inputs=INPUTS)
        expected[number] = seed, must
        messages[number] = dict(_messages(definition["steps"]))
    began = time.monotonic()
    kill_at = began + random.uniform(0.5, 2)
    while (left := trial.open(expected)) and time.monotonic() - began < size.seconds(120, 900):
        if time.monotonic() > kill_at:
            world.kill(random.choice([WORKER, PLUGINS]))
            trial.result.kills += 1
            kill_at = time.monotonic() + size.seconds(random.uniform(3, 6), 60)
        _let_timers_pass(left)
        _decide(left, messages)
        world.until(lambda: False, limit_s=0.3)
    return {seed: found for number, (seed, must) in expected.items() if (found := _compare(number, must))}


def _let_timers_pass(executions: list[int]) -> None:
    """Nobody wants to wait for the timers and retries of random definitions."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE workflows_stepexecution
               SET next_attempt_at = clock_timestamp(), hinted_at = hinted_at - interval '1 hour'
               WHERE execution_id = ANY(%s) AND status = 'waiting' AND kind <> 'approval'
                 AND next_attempt_at > clock_timestamp()""",
            [executions],
        )


def _messages(value: Any) -> Iterator[tuple[str, str]]:
    """The name of each approval, at any depth, and what it asks."""
    if isinstance(value, dict):
        if value.get("type") == "approval":
            yield value["name"], value["config"]["message"]
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _messages(inner)


def _decide(executions: list[int], messages: dict[int, dict[str, str]]) -> None:
    """Be the person whom approvals ask, and who does what the message says."""
    from workflows.engine.pauses import NotAsked
    from workflows.models import StepExecution
    from workflows.running import runner

    asked = StepExecution.objects.filter(execution_id__in=executions, status="waiting", kind="approval")
    for number, path, name in asked.values_list("execution_id", "path", "name"):
        decision = decision_on(messages[number][name])
        if decision != NEVER_DECIDED:
            with contextlib.suppress(NotAsked):  # cancelled in between
                runner().decide(number, path, decision, by=None)


def _compare(number: int, must: Expected) -> list[str]:
    from workflows.models import Execution

    execution = Execution.objects.get(pk=number)
    if execution.status not in OVER:
        return [f"execution {number} is {execution.status}"]
    steps: dict[str, Any] = {
        step.path: Told(step.status, step.result if step.kind in (*CALLS, "wait", "approval") else UNTOLD, step.reason)
        for step in execution.steps.all()
    }
    return differences(must, execution.status, steps, execution.variables)
