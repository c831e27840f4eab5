"""Schemas that strangers write: what is refused in a manifest, and that no value makes a check endless."""
# ruff: noqa: E501, a table of faults reads best one fault a line

from __future__ import annotations

import copy
import random
import time
from typing import Any

import pytest
import yaml

from plugins.checking import BUDGET_S, problems_of, validator_for
from plugins.faults import ManifestFaulty
from plugins.manifest import Manifest, manifest_from
from plugins.schema_rules import pattern_fault
from plugins.tests.conftest import manifest_document
from plugins.tests.test_manifest_fields import EVERYTHING


def faults_with(definitions: dict[str, Any]) -> dict[str, str]:
    document = {**manifest_document(), "definitions": definitions}
    with pytest.raises(ManifestFaulty) as refusal:
        manifest_from(document)
    return {fault.path: fault.message for fault in refusal.value.faults}


SCHEMAS = [
    ({"A": {"$ref": "#/definitions/A"}}, "definitions.A", "without end"),
    ({"A": {"anyOf": [{"$ref": "#/definitions/B"}]}, "B": {"not": {"$ref": "#/definitions/A"}}}, "definitions.B", "without end"),
    ({"A": {"properties": {"b": {"$ref": "#/definitions/B"}}}}, "definitions.A.properties.b.$ref", 'no definition "B"'),
    ({"A": {"$ref": "file:///etc/passwd"}}, "definitions.A.$ref", "is not a reference"),
    ({"A": {"$id": "https://evil.example/", "type": "object"}}, "definitions.A.$id", "refer to #/definitions"),
    ({"A": {"patternProperties": {"(a+)+": {}}}}, "definitions.A.patternProperties", "not used in manifests"),
    ({"A": {"items": {"pattern": "^(a+)+$"}}}, "definitions.A.items.pattern", "itself repeats"),
    ({"A": {"type": "objekt"}}, "definitions.A.type", "is not JSON Schema"),
]  # fmt: skip


@pytest.mark.parametrize(("definitions", "path", "words"), SCHEMAS)
def test_a_definition_that_could_never_be_checked_is_refused(
    definitions: dict[str, Any], path: str, words: str
) -> None:
    assert words in faults_with(definitions)[path]


def test_definitions_may_refer_to_each_other_and_to_themselves_further_down() -> None:
    tree = {
        "Folder": {"properties": {"inside": {"items": {"$ref": "#/definitions/Entry"}}, "$ref": {"type": "string"}}},
        "Entry": {"anyOf": [{"$ref": "#/definitions/Folder"}, {"enum": [{"$ref": "just a value"}]}]},
    }
    manifest = manifest_from({**manifest_document(), "definitions": tree})
    validator = validator_for({"$ref": "#/definitions/Folder"}, manifest.definitions)

    assert problems_of(validator, {"inside": [{"inside": []}]}) == []
    assert problems_of(validator, {"inside": [{"inside": 7}]}) == []


def test_a_manifest_nested_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"items": deep}

    assert "nested deeper" in faults_with({"A": deep})[""]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a*)*", r"(\w+\s?)*$", "a*a*a*a*b", "(?=a)", r"(a)\1", "(", "((ab)*c*)*", "(.*,)*x"])  # fmt: skip
def test_a_pattern_that_can_take_for_ever_is_refused(pattern: str) -> None:
    assert pattern_fault(pattern)


@pytest.mark.parametrize("pattern", [r"^[a-zA-Z0-9.-]+\.(instructure\.com|edu)$", "^[0-9a-f]{64}$", "^[a-z0-9]+(?:-[a-z0-9]+)*$", r"^[^@]+@[^@]+\.[a-z]+$", "^(a|b)$", r"^\d{4}-\d{2}$", "^(?:[a-z]+/)*$"])  # fmt: skip
def test_patterns_that_people_write_are_taken(pattern: str) -> None:
    assert pattern_fault(pattern) == ""


def test_no_answer_can_hold_up_the_worker() -> None:
    bomb = {"A": {"anyOf": [{"type": "array", "items": {"$ref": "#/definitions/A"}}] * 2 + [{"type": "null"}]}}
    value: Any = 7
    for _ in range(60):
        value = [value]
    started = time.monotonic()

    found = problems_of(validator_for({"$ref": "#/definitions/A"}, bomb), value)

    assert found and time.monotonic() - started < BUDGET_S + 3


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "a*b"}, "a" * 1_000_000),
        ({"uniqueItems": True}, [{"n": number} for number in range(20_000)]),
        ({"type": "array", "uniqueItems": True}, [1, 1]),
    ],
)
def test_what_would_be_slow_to_check_does_not_fit(schema: dict[str, Any], value: Any) -> None:
    started = time.monotonic()

    assert problems_of(validator_for(schema), value)
    assert time.monotonic() - started < 2


VALUES: list[Any] = [None, True, -1, 2**70, 0.5, "", "x", "{}", "\0", [], [[]], {}, {"a": 1}, {"$ref": 7}, "a" * 5000]


def mutate(document: Any, chance: random.Random) -> Any:
    """Change one place of a manifest: drop it, put something else there, or put it somewhere else."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        item = waiting.pop()
        children = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        for key, child in children:
            places.append((item, key))
            waiting.append(child)
    if not places:
        return document
    holder, key = chance.choice(places)
    match chance.randrange(5):
        case 0:
            del holder[key]
        case 1:
            other, from_key = chance.choice(places)
            holder[key] = copy.deepcopy(other[from_key]) if other is not holder else None
        case 2 if isinstance(holder, dict):
            holder[chance.choice(["type", "$ref", "required", "enum", "x", "pattern", "items"])] = holder.pop(key)
        case _:
            holder[key] = chance.choice(VALUES)
    return document


@pytest.mark.parametrize("seed", range(6))
def test_no_mutation_of_a_manifest_raises_anything_but_its_faults(seed: int) -> None:
    chance = random.Random(seed)
    good = yaml.safe_load(EVERYTHING)
    refused = 0
    for _ in range(150):
        document = copy.deepcopy(good)
        for _ in range(chance.randint(1, 4)):
            document = mutate(document, chance)
        try:
            manifest = manifest_from(document)
        except ManifestFaulty as refusal:
            refused += 1
            assert all(fault.message for fault in refusal.faults)
        else:
            assert isinstance(manifest, Manifest) and manifest.hosts({"box_domain": "a.example"}) is not None
    assert refused > 75


def test_no_damage_of_a_manifests_text_raises_anything_but_its_faults() -> None:
    from plugins.manifest import parse_manifest

    chance = random.Random(7)
    for _ in range(150):
        text = bytearray(EVERYTHING.encode())
        for _ in range(chance.randint(1, 5)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        try:
            parse_manifest(bytes(text))
        except ManifestFaulty as refusal:
            assert refusal.faults
