"""Whatever is handed in as a definition: faults are told, all at once, and nothing is ever raised."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.catalogue import InstalledCatalogue
from workflows.engine.definition import DefinitionInvalid, parse_definition
from workflows.engine.source import read_source
from workflows.engine.validation import find_faults
from workflows.tests.random_definitions import Generator, definition_of
from workflows.tests.test_definition_types import GOOD

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            " ",
            "{{",
            "{{ }}",
            "{{ steps. }}",
            "{{ steps.a.result }}",
            "steps.s1.result",
            "1 +",
            "\x00",
            "\ud800",
            "a.b",
        ]
    ),
    st.sampled_from(["loop", "condition", "parallel", "wait", "approval", "system_action", "update_variable", "s1"]),
    st.sampled_from(["2026-01-01T00:00:00Z", "90s", "1e400", "* * * * *", "any", "all", "continue", "error", "in"]),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-3, 12), st.floats(), st.just(10**400), TEXTS)
KEYS = st.one_of(
    TEXTS,
    st.sampled_from(
        "name type config steps then else branches items as until wait_for expression duration message params action "
        "plugin depends_on condition timeout max_retries on_error on_unknown retry_on triggers inputs variables "
        "properties $ref priority cron time_zone filter event signature".split()
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside."""
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += places(inner, (*path, key))
    return found


def damaged(definition: Any, where: int, how: str, value: Any) -> Any:
    """The definition with one value replaced, removed, doubled or put under another key."""
    definition = copy.deepcopy(definition)
    ways = places(definition)
    *around, last = ways[where % len(ways)]
    holder = definition
    for key in around:
        holder = holder[key]
    if how == "remove":
        del holder[last]
    elif how == "double" and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[last]))
    elif how == "rename" and isinstance(holder, dict) and isinstance(value, str):
        holder[value] = holder.pop(last)
    else:
        holder[last] = value
    return definition


DEFINITIONS = st.one_of(
    st.just(GOOD),
    st.integers(0, 200).map(lambda seed: Generator(random.Random(seed), max_steps=8).definition()),
)
DAMAGE = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from(["replace", "replace", "remove", "double", "rename"]), VALUES),
    min_size=1,
    max_size=3,
)
many = settings(max_examples=300, deadline=None, derandomize=True)


def check(data: Any) -> None:
    faults = find_faults(data, InstalledCatalogue())

    for fault in faults:
        assert fault.message.strip() and isinstance(fault.path, str) and fault.line >= 0, fault
        assert "Traceback" not in fault.message and "object at 0x" not in fault.message, fault
    assert len(set(faults)) == len(faults), "no fault is told twice"
    if not find_faults(data):
        built = parse_definition(data)
        assert built.by_name
        for step in built.by_name.values():
            assert (
                step.config_chains is not None and step.condition_chains is not None and step.until_chains is not None
            )
            assert step.type != "parallel" or 1 <= step.needed <= len(step.bodies)


@many
@given(VALUES)
def test_any_data_has_its_faults_told(data: Any) -> None:
    check(data)


@many
@given(DEFINITIONS, DAMAGE)
def test_any_damage_to_a_definition_is_told(definition: Any, damage: list[tuple[int, str, Any]]) -> None:
    for where, how, value in damage:
        if places(definition):
            definition = damaged(definition, where, how, value)
    check(definition)


@many
@given(st.one_of(st.text(max_size=300), VALUES.map(lambda value: json.dumps(value)), st.binary().map(str)))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    read(text)


@many
@given(st.integers(0, 200), st.integers(0, 4_000), st.integers(0, 40), st.text(max_size=6))
def test_any_damage_to_a_text_is_read_or_refused_with_its_place(seed: int, at: int, length: int, instead: str) -> None:
    definition = Generator(random.Random(seed), max_steps=4).definition()
    text = yaml.safe_dump(definition, sort_keys=False)
    at %= len(text)

    source = read(text[:at] + instead + text[at + length :])

    if source is not None:
        lines = len(source.text.splitlines()) + 1
        for fault in source.locate(find_faults(source.data)):
            assert 1 <= fault.line <= lines and fault.column >= 1, fault


def read(text: str) -> Any:
    try:
        source = read_source(text)
    except DefinitionInvalid as refused:
        assert refused.faults and all(fault.line >= 1 and fault.column >= 1 for fault in refused.faults)
        return None
    check(source.data)
    return source


def test_faults_all_over_a_definition_are_told_at_once() -> None:
    for seed in range(60):
        definition, _expected = definition_of(seed)
        rng = random.Random(seed)
        wanted = set()
        for path, step in _steps(definition["steps"], "steps"):
            fault = rng.choice(("field", "retries", "condition", "dependency", "none"))
            if fault == "field":
                step["colour"] = "red"
                wanted.add(f"{path}.colour")
            elif fault == "retries":
                step["max_retries"] = -1
                wanted.add(f"{path}.max_retries")
            elif fault == "condition":
                step["condition"] = "steps.nowhere.result == 1"
                wanted.add(f"{path}.condition")
            elif fault == "dependency":
                step["depends_on"] = [*step.get("depends_on", []), "nowhere"]
                wanted.add(f"{path}.depends_on[{len(step['depends_on']) - 1}]")

        found = {fault.path for fault in find_faults(definition)}

        assert found >= wanted, (seed, wanted - found)
        assert bool(found) == bool(wanted)


def _steps(steps: list[Any], path: str) -> list[tuple[str, Any]]:
    found = []
    for index, step in enumerate(steps):
        here = f"{path}[{index}]"
        found.append((here, step))
        config = step["config"]
        for key in ("steps", "then", "else"):
            found += _steps(config.get(key) or [], f"{here}.config.{key}")
        for name, body in config.get("branches", {}).items():
            found += _steps(body, f"{here}.config.branches.{name}")
    return found
