"""The engine against a plain interpreter of the same definitions (R33): both must tell the same end."""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from typing import Any

import pytest

from workflows.engine.validation import find_faults
from workflows.tests.disturbed import Disturbed
from workflows.tests.random_definitions import bodies_of, definition_of
from workflows.tests.reference import Expected, differences
from workflows.tests.worlds import DatabaseWorld, MemoryWorld, World

SEEDS = int(os.environ.get("REFERENCE_SEEDS", "1000"))
DATABASE_SEEDS = int(os.environ.get("REFERENCE_DATABASE_SEEDS", "100"))
FIRST_SEED = int(os.environ.get("REFERENCE_FIRST_SEED", "0"))


def compare(world: World, seed: int, *, kills: float) -> int:
    """Run a seed's definition and compare; answers with how many workers were killed."""
    definition, expected = definition_of(seed, has_unkeyed=True)
    disturbed = Disturbed(world, random.Random(seed), kills=kills)
    try:
        number = disturbed.run(definition)
    except Exception as error:
        raise AssertionError(f"seed {seed}: {error!r}\n{json.dumps(definition, indent=1)}") from error
    check_end(world, disturbed, number, seed, definition, expected)
    for path, count in Counter(c.path for c in world.executor.calls if c.config["action"] == "unkeyed").items():
        assert count <= 1 + disturbed.resolved[path], f"seed {seed}: {path} was done again and nobody had said so"
    return disturbed.killed


def test_random_definitions_have_no_fault_and_hold_every_kind_of_step_and_end() -> None:
    statuses, kinds = set(), set()
    for seed in range(200):
        definition, expected = definition_of(seed, has_unkeyed=True)
        assert find_faults(definition) == [], seed
        statuses |= {expected.status} | {told.status for told in expected.steps.values()}
        kinds |= set(json.dumps(definition).split('"type": "')[1:])

    assert statuses >= {"completed", "failed", "skipped", "cancelled"}
    names = {kind.partition('"')[0] for kind in kinds}
    assert names >= {"system_action", "plugin_action", "condition", "loop", "parallel", "wait", "approval"}


@pytest.mark.parametrize("block", range(10))
def test_the_engine_in_memory_ends_as_the_interpreter_says(block: int) -> None:
    killed = 0
    for seed in range(FIRST_SEED + block, FIRST_SEED + SEEDS, 10):
        killed += compare(MemoryWorld(), seed, kills=(seed % 3) * 0.03)
    assert killed > SEEDS / 100


@pytest.mark.django_db
@pytest.mark.parametrize("block", range(10))
def test_the_engine_on_postgresql_ends_as_the_interpreter_says(owner: Any, block: int) -> None:
    for seed in range(FIRST_SEED + block, FIRST_SEED + DATABASE_SEEDS, 10):
        compare(DatabaseWorld(owner), seed, kills=(seed % 3) * 0.03)


@pytest.mark.parametrize("store", ["memory", pytest.param("postgresql", marks=pytest.mark.django_db)])
def test_cancelled_at_any_moment_nothing_goes_on(request: Any, store: str) -> None:
    ends = set()
    for seed in range(SEEDS // 5 if store == "memory" else DATABASE_SEEDS // 5):
        rng = random.Random(seed)
        definition, expected = definition_of(seed, has_unkeyed=True)
        world: World = MemoryWorld() if store == "memory" else DatabaseWorld(request.getfixturevalue("owner"))
        disturbed = Disturbed(world, rng, kills=0.02, cancelled_after=rng.randint(0, 2 * len(expected.steps)))
        number = disturbed.run(definition)
        ends.add(world.status(number))

        types = world.event_types(number)
        assert set(world.statuses(number).values()) <= {"completed", "failed", "skipped", "cancelled"}, seed
        if "workflow.execution.cancelled" in types:
            behind = types[types.index("workflow.execution.cancelled") :]
            assert world.status(number) == "cancelled" and behind == ["workflow.execution.cancelled"], seed
        told = disturbed.told(number)
        disturbed.cancelled_after = None
        disturbed.follow_hints()
        world.runner.sweep()
        assert disturbed.told(number) == told and world.event_types(number) == types, seed
    assert ends >= {"cancelled", "completed"}


@pytest.mark.parametrize("store", ["memory", pytest.param("postgresql", marks=pytest.mark.django_db)])
def test_what_is_repeated_ends_as_if_nothing_had_happened(request: Any, store: str) -> None:
    for seed in range(SEEDS // 4 if store == "memory" else DATABASE_SEEDS // 4):
        rng = random.Random(seed)
        definition, expected = definition_of(seed, has_unkeyed=True)
        world: World = MemoryWorld() if store == "memory" else DatabaseWorld(request.getfixturevalue("owner"))
        disturbed = Disturbed(world, rng, kills=0.02, cancelled_after=rng.randint(0, 2 * len(expected.steps)))
        number = disturbed.run(definition)
        disturbed.cancelled_after = None
        if world.status(number) in ("cancelled", "failed"):
            number = disturbed.repeat(number, definition)
            check_end(world, disturbed, number, seed, definition, expected)
        # What an item writes once more is written behind what later items wrote: then only the outside is certain.
        is_certain = not any(writes_in_loops(step) for step in definition["steps"])
        candidates = [
            path
            for path, step in world.steps(number).items()
            if step.status in ("completed", "failed") and not expected.is_loose(path)
            if is_certain or not re.search(r"\[\d+\]", path)
        ]
        if candidates:
            number = disturbed.repeat(number, definition, rng.choice(candidates))
            check_end(world, disturbed, number, seed, definition, expected)


def writes_in_loops(step: dict[str, Any], inside: bool = False) -> bool:
    """Say whether a step, or one inside it, writes a variable for each item of a loop."""
    inside = inside or step["type"] == "loop"
    return (inside and step["config"].get("action") == "update_variable") or any(
        writes_in_loops(inner, inside) for body in bodies_of(step) for inner in body
    )


def check_end(world: World, disturbed: Disturbed, number: int, seed: int, definition: Any, expected: Expected) -> None:
    execution = world.execution(number)
    found = differences(expected, execution.status, disturbed.told(number), execution.variables)
    words = f"seed {seed}, {execution.error_message}, again from {execution.rerun_from!r}: {found}"
    assert found == [], f"{words}\n{json.dumps(definition, indent=1)}"
