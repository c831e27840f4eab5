"""Results that are too large, too deep or not JSON at all, and numbers that must stay as they are (R14)."""

from __future__ import annotations

import json
import resource
from typing import Any

import pytest
from django.db import connection

from workflows.engine.outcome import NotStorable, Outcome, storable
from workflows.tests.disturbed import fake
from workflows.tests.worlds import DatabaseWorld, action, outside

MEGABYTE = 1_000_000
IDS = [2**53 + 1, 2**53 - 1, -(2**53) - 1, 10**18 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 10**30 + 7]


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for level in range(levels):
        value = {"in": value} if level % 2 else [value]
    return value


def circle() -> Any:
    value: dict[str, Any] = {}
    value["again"] = [value]
    return value


UNFIT = {
    "100 MB of text": (lambda: "x" * (100 * MEGABYTE), "larger than 1 MB"),
    "100 MB of items": (lambda: [0] * (12 * MEGABYTE), "larger than 1 MB"),
    "10 MB of text": (lambda: {"text": "x" * (10 * MEGABYTE)}, "larger than 1 MB"),
    "1 MB and a byte": (lambda: "x" * (MEGABYTE - 1), "larger than 1 MB"),
    "1 MB of keys": (lambda: {f"{n:010}": None for n in range(100_000)}, "larger than 1 MB"),
    "1 MB only as bytes": (lambda: "é" * (MEGABYTE // 2), "larger than 1 MB"),
    "100,000 levels": (lambda: deep(100_000), "nested deeper than 60 levels"),
    "a circle": (circle, "nested deeper than 60 levels"),
    "not a number": (lambda: {"mean": float("nan")}, "not finite"),
    "infinity": (lambda: [float("-inf")], "not finite"),
    "bytes": (lambda: {"file": b"abc"}, "cannot be kept as JSON"),
    "a set": (lambda: {1, 2}, "cannot be kept as JSON"),
    "keys that fall together": (lambda: {"a\x00": 1, "a\ufffd": 2}, "two keys"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["in line", "outside"])
@pytest.mark.parametrize("name", UNFIT)
def test_a_result_that_cannot_be_kept_fails_its_step_in_words_and_costs_little(
    owner: Any, name: str, kind: str
) -> None:
    make, words = UNFIT[name]
    world = DatabaseWorld(owner)
    world.script("make", lambda call: Outcome.done(make()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    number = world.run([(action if kind == "in line" else outside)("a", "make"), action("b")])

    assert world.status(number) == "failed"
    assert words in world.steps(number)["a"].error and len(world.steps(number)["a"].error) < 200
    assert world.steps(number)["a"].attempt == 1, "the same call would give the same again"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


@pytest.mark.django_db
def test_a_result_of_one_megabyte_is_kept_and_read(owner: Any) -> None:
    world = DatabaseWorld(owner)
    text = "x" * (MEGABYTE - 2)
    world.script("make", lambda call: Outcome.done(text))
    number = world.run([outside("a", "make"), action("b", after=["a"], params={"size": "{{ size(steps.a.result) }}"})])

    assert world.results(number) == {"a": text, "b": {"size": MEGABYTE - 2}}
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(pg_column_size(s.*)) FROM workflows_stepexecution s")
        assert cursor.fetchone()[0] <= 1024 * 1024
    assert max(len(json.dumps(data)) for _type, data in world.events(number)) < 10_000


@pytest.mark.django_db
def test_what_all_variables_hold_together_is_bounded(owner: Any) -> None:
    world = DatabaseWorld(owner)
    world.script("update_variable", fake)
    params = {"value": "x" * 400_000}
    names = ["one", "two", "three"]
    number = world.run(
        [
            action(name, "update_variable", after=names[:at], params={"name": name, **params})
            for at, name in enumerate(names)
        ]
    )

    assert world.statuses(number) == {"one": "completed", "two": "completed", "three": "failed"}
    assert "All variables together" in world.steps(number)["three"].error
    assert set(world.execution(number).variables) == {"one", "two"}


@pytest.mark.parametrize(
    ("text", "kept"), [("a\x00b", "a\ufffdb"), ("\ud83d", "\ufffd"), ("\ud83d\ude00", "\ufffd\ufffd"), ("😀", "😀")]
)
def test_text_that_the_database_cannot_hold_is_marked(text: str, kept: str) -> None:
    assert storable({"t": [text], text: 1}) == {"t": [kept], kept: 1}


@pytest.mark.parametrize("value", [None, True, 0, -1.5, 5.0, "", [], {}, deep(59), [[{"a": [None, 1e300, 0.1]}]], *IDS])
def test_what_json_holds_is_kept_as_it_is(value: Any) -> None:
    kept = storable(value)

    assert json.dumps(kept) == json.dumps(value)


def test_sixty_levels_are_kept_and_more_are_not() -> None:
    assert storable(deep(60)) == deep(60)
    with pytest.raises(NotStorable, match="60 levels"):
        storable(deep(63))


@pytest.mark.django_db
@pytest.mark.parametrize("number", IDS)
def test_an_id_is_the_same_from_the_plugin_to_the_api(owner: Any, api: Any, number: int) -> None:
    world = DatabaseWorld(owner)
    given: list[Any] = []
    world.script("fetch", lambda call: Outcome.done({"id": number, "ids": [str(number)], "ratio": 5.0}))
    world.script("keep", lambda call: (given.append(call.config["params"]), Outcome.done(call.config["params"]))[1])
    world.script("update_variable", fake)
    execution = world.run(
        [
            outside("fetch", "fetch"),
            action("keep", "keep", after=["fetch"], params={"id": "{{ steps.fetch.result.id }}"}),
            action("text", "keep", after=["fetch"], params={"id": "no. {{ steps.fetch.result.id }}"}),
            action("whole", "keep", after=["fetch"], params={"all": "{{ steps.fetch.result }}"}),
            action(
                "set",
                "update_variable",
                after=["keep"],
                params={"name": "id", "value": "{{ steps.keep.result.id }}"},
            ),
            action("read", "keep", after=["set"], params={"id": "{{ variables.id }}"}),
        ],
        variables={"id": 0},
    )

    assert world.status(execution) == "completed"
    assert {"id": number} in given and {"id": f"no. {number}"} in given
    assert {"all": {"id": number, "ids": [str(number)], "ratio": 5.0}} in given
    exact = f'"id":{number}'
    logged = [json.dumps(data, separators=(",", ":")) for type, data in world.events(execution) if "completed" in type]
    assert sum(exact in text for text in logged) >= 4
    steps = api.get(f"/api/v1/executions/{execution}/steps/").content.decode()
    events = api.get(f"/api/v1/executions/{execution}/events/").content.decode()
    whole = api.get(f"/api/v1/executions/{execution}/").content.decode()
    assert steps.count(exact) >= 4 and exact in events and exact in whole
    assert '"ratio":5.0' in steps


@pytest.mark.django_db
@pytest.mark.parametrize("number", [n for n in IDS if -(2**63) < n < 2**64])
def test_expressions_reckon_exactly_with_large_ids(owner: Any, number: int) -> None:
    world = DatabaseWorld(owner)
    world.script("fetch", lambda call: Outcome.done([{"id": number - 1}, {"id": number}]))
    unit = "1u" if number > 2**63 else "1"
    number_text = f"{number}u" if number > 2**63 else str(number)
    execution = world.run(
        [
            outside("fetch", "fetch"),
            action(
                "sum",
                after=["fetch"],
                params={
                    "less": f"{{{{ steps.fetch.result[1].id - {unit} }}}}",
                    "found": f"{{{{ steps.fetch.result.filter(r, r.id == {number_text}).map(r, r.id) }}}}",
                },
            ),
        ]
    )

    assert world.results(execution)["sum"] == {"less": number - 1, "found": [number]}
