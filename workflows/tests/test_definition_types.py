"""What may be wrong with conditions, loops, parallels, waits, approvals and triggers."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from workflows.engine.definition import parse_definition
from workflows.engine.retry import RETRYABLE
from workflows.engine.schema import DEFINITION_SCHEMA
from workflows.engine.validation import find_faults

LEAF = {"name": "leaf", "type": "system_action", "config": {"action": "x"}}


def step(name: str, kind: str, /, *, after: tuple[str, ...] = (), **config: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "depends_on": list(after), "config": config}


def leaf(name: str, *, after: tuple[str, ...] = (), value: Any = None, **fields: Any) -> dict[str, Any]:
    return {**step(name, "system_action", after=after, action="x", params={"v": value}), **fields}


def found_in(*steps: Any, **fields: Any) -> list[tuple[str, str]]:
    data = {"name": "x", "steps": list(steps), **fields}
    found = [(fault.path, fault.message) for fault in find_faults(data)]
    if not found:
        assert list(Draft202012Validator(DEFINITION_SCHEMA).iter_errors(data)) == []
    return found


GOOD = {
    "name": "All of it",
    "priority": "high",
    "error_workflow": "Tell me",
    "inputs": {"properties": {"course": {"type": "string"}}},
    "triggers": [
        {"type": "manual"},
        {"type": "schedule", "cron": "0 7 * * *", "missed": "all", "overlap": "queue", "inputs": {"course": "x"}},
        {
            "type": "webhook",
            "name": "push",
            "signature": {"header": "X-Hub-Signature-256"},
            "delivery_id_header": "X-Id",
        },
        {
            "type": "event",
            "event": "assignment.*",
            "filter": "trigger.data.name != ''",
            "inputs": {"course": "{{ trigger.subject.id }}"},
        },
    ],
    "steps": [
        leaf("first"),
        step(
            "decide",
            "condition",
            after=("first",),
            expression="steps.first.result.n > 1",
            then=[leaf("yes"), leaf("yes_too", after=("yes",), value="{{ steps.yes.result }}")],
            **{"else": [leaf("no")]},
        ),
        step(
            "race",
            "parallel",
            after=("decide",),
            branches={
                "left": [leaf("l", value="{{ steps.yes.result }}")],
                "right": [step("r", "wait", duration="2h30m")],
            },
            wait_for="any",
        ),
        step(
            "each",
            "loop",
            items="[1, 2]",
            until="steps.inner.result.found && index > 0",
            on_item_error="continue",
            steps=[leaf("inner", value="{{ item }}")],
        ),
        step("ask", "approval", after=("race",), message="{{ steps.l.status }}?", timeout_action="fail"),
        {**step("pause", "wait", after=("ask",), until="{{ steps.ask.result.at }}"), "on_error": "continue"},
        step("pause_too", "wait", after=("ask",), until="timestamp(steps.ask.result.at) + duration('1h')"),
        leaf("odd", retry_on=["timeout", "lost"], on_unknown="retry", timeout=10),
    ],
}


def test_everything_that_there_is_has_no_fault() -> None:
    assert [(fault.path, fault.message) for fault in find_faults(GOOD)] == []
    assert list(Draft202012Validator(DEFINITION_SCHEMA).iter_errors(GOOD)) == []


def test_it_is_built_as_it_is_written() -> None:
    definition = parse_definition(GOOD)

    assert (definition.priority, definition.error_workflow) == (1, "Tell me")
    assert [trigger.type for trigger in definition.triggers] == ["manual", "schedule", "webhook", "event"]
    schedule, webhook, event = definition.triggers[1:]
    assert (schedule.missed, schedule.overlap, schedule.inputs) == ("all", "queue", {"course": "x"})
    assert webhook.signature is not None
    assert (webhook.name, webhook.signature.algorithm, webhook.delivery_id_header) == ("push", "sha256", "X-Id")
    assert (event.event, event.filter) == ("assignment.*", "trigger.data.name != ''")
    assert [s.name for s in definition.step("decide").body("else")] == ["no"]
    assert (definition.step("r").ancestors, definition.step("r").branches) == (("race",), ("right",))
    assert definition.step("race").needed == 1
    assert definition.step("odd").retry.retry_on == {"timeout", "lost"}
    assert definition.step("first").retry.retry_on == RETRYABLE
    timeouts = {name: definition.step(name).timeout_s for name in ("first", "odd", "each", "race", "pause", "ask")}
    assert timeouts == {"first": 300, "odd": 10, "each": None, "race": None, "pause": None, "ask": 604_800}


@pytest.mark.parametrize(
    ("found", "path", "words"),
    [
        (found_in(LEAF, priority="urgent"), "priority", "low, normal or high"),
        (found_in(LEAF, error_workflow=5), "error_workflow", "must be a text"),
        (found_in(leaf("a", retry_on=["permanent"])), "steps[0].retry_on[0]", "no kind of error"),
        (found_in(leaf("a", retry_on="lost")), "steps[0].retry_on", "is a list"),
        (found_in(leaf("a", on_unknown="ignore")), "steps[0].on_unknown", "retry or needs_attention"),
        (found_in(step("c", "condition", expression="true")), "steps[0].config.then", "steps to take"),
        (found_in(step("c", "condition", expression="1", then=[LEAF])), "steps[0].config.expression", "true or false"),
        (found_in(step("c", "condition", expression="true", then=[])), "steps[0].config.then", "at least one step"),
        (
            found_in(step("c", "condition", expression="steps.leaf.result.ok", then=[LEAF])),
            "steps[0].config.expression",
            "not sure to be over",
        ),
        (
            found_in(
                step("c", "condition", expression="true", then=[leaf("a")], **{"else": [leaf("b", after=("a",))]})
            ),
            "steps[0].config.else[0].depends_on[0]",
            "not in the same list",
        ),
        (
            found_in(
                step(
                    "c",
                    "condition",
                    expression="true",
                    then=[leaf("a")],
                    **{"else": [leaf("b", value="{{ steps.a }}")]},
                )
            ),
            "steps[0].config.else[0].config.params.v",
            "not sure to be over",
        ),
        (found_in(step("p", "parallel", branches={})), "steps[0].config.branches", "needs branches"),
        (
            found_in(step("p", "parallel", branches={"a": [LEAF]}, wait_for=2)),
            "steps[0].config.wait_for",
            "from 1 to 1",
        ),
        (found_in(step("p", "parallel", branches={"a": [LEAF]}, wait_for=True)), "steps[0].config.wait_for", "from 1"),
        (found_in(step("p", "parallel", branches={"a-b": [LEAF]})), "steps[0].config.branches.a-b", "letters, digits"),
        (found_in(step("p", "parallel", branches={"a": []})), "steps[0].config.branches.a", "at least one step"),
        (
            found_in(step("p", "parallel", branches={"a": [LEAF], "b": [LEAF]})),
            "steps[0].config.branches.b[0].name",
            "two",
        ),
        (
            found_in(step("l", "loop", items="[]", steps=[leaf("error")])),
            "steps[0].config.steps[0].name",
            "failed item",
        ),
        (found_in(step("l", "loop", items="[]", steps=[LEAF], until="1")), "steps[0].config.until", "true or false"),
        (
            found_in(step("l", "loop", items="[]", steps=[LEAF], until="steps.l.result")),
            "steps[0].config.until",
            "its own result",
        ),
        (
            found_in(step("l", "loop", items="[]", steps=[LEAF], on_item_error="skip")),
            "steps[0].config.on_item_error",
            "fail or continue",
        ),
        (
            found_in(step("l", "loop", items="[]", steps=[LEAF]), leaf("z", after=("l",), value="{{ steps.leaf }}")),
            "steps[1].config.params.v",
            "not sure to be over",
        ),
        (found_in(step("w", "wait")), "steps[0].config", "either a duration"),
        (found_in(step("w", "wait", duration=1, until="x")), "steps[0].config", "either a duration"),
        (found_in(step("w", "wait", duration="soon")), "steps[0].config.duration", "90s"),
        (found_in(step("w", "wait", duration=-1)), "steps[0].config.duration", "90s"),
        (found_in(step("w", "wait", duration="400d")), "steps[0].config.duration", "366 days"),
        (found_in(step("w", "wait", duration=True)), "steps[0].config.duration", "90s"),
        (found_in(step("w", "wait", until="2026-01-01T08:00:00")), "steps[0].config.until", "with its zone"),
        (found_in(step("w", "wait", until="steps.x.result")), "steps[0].config.until", "no step “x”"),
        (found_in(step("w", "wait", until=5)), "steps[0].config.until", "is a time"),
        (found_in({**step("w", "wait", duration=1), "timeout": 5}), "steps[0].timeout", "leave the timeout out"),
        (found_in(step("a", "approval")), "steps[0].config.message", "missing"),
        (
            found_in(step("a", "approval", message="x", timeout_action="wait")),
            "steps[0].config.timeout_action",
            "approve",
        ),
        (found_in(step("a", "approval", message="{{ foo }}")), "steps[0].config.message", "Unknown name"),
        (
            found_in(LEAF, triggers=[{"type": "schedule", "cron": "0 7 * * *", "missed": "no"}]),
            "triggers[0].missed",
            "once",
        ),
        (found_in(LEAF, triggers=[{"type": "webhook"}]), "triggers[0].name", "needs a name"),
        (
            found_in(LEAF, triggers=[{"type": "webhook", "name": "a"}, {"type": "webhook", "name": "a"}]),
            "triggers[1].name",
            "two webhooks",
        ),
        (
            found_in(LEAF, triggers=[{"type": "webhook", "name": "a", "signature": {"header": "X Y"}}]),
            "triggers[0].signature.header",
            "HTTP header",
        ),
        (
            found_in(
                LEAF, triggers=[{"type": "webhook", "name": "a", "signature": {"header": "X", "algorithm": "md5"}}]
            ),
            "triggers[0].signature.algorithm",
            "sha256",
        ),
        (found_in(LEAF, triggers=[{"type": "event"}]), "triggers[0].event", "type of events"),
        (found_in(LEAF, triggers=[{"type": "event", "event": "*"}]), "triggers[0].event", "type of events"),
        (found_in(LEAF, triggers=[{"type": "event", "event": "a.b", "filter": "1"}]), "triggers[0].filter", "true or"),
        (
            found_in(LEAF, triggers=[{"type": "event", "event": "a.b", "inputs": {"n": 1}}]),
            "triggers[0].inputs.n",
            "no input “n”",
        ),
        (
            found_in(
                LEAF,
                inputs={"properties": {"n": {}}},
                triggers=[{"type": "event", "event": "a.b", "inputs": {"n": "{{ steps.x }}"}}],
            ),
            "triggers[0].inputs.n",
            "Unknown name",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(found: list[tuple[str, str]], path: str, words: str) -> None:
    assert [p for p, _ in found] == [path] * len(found) and found, found
    assert words in " ".join(message for _, message in found)


def nested(depth: int, inner: dict[str, Any]) -> dict[str, Any]:
    """Containers of every type in each other, so deep."""
    for level in range(depth):
        inner = (
            step(f"c{level}", "condition", expression="true", then=[inner]),
            step(f"l{level}", "loop", items="[1]", steps=[inner]),
            step(f"p{level}", "parallel", branches={"only": [inner]}),
        )[level % 3]
    return inner


def test_containers_stand_eight_deep_and_no_deeper() -> None:
    assert found_in(nested(8, LEAF)) == []
    [(path, message)] = found_in(nested(9, LEAF))
    assert "8 deep at most" in message and path.count("config") == 8


def test_every_fault_of_a_deep_definition_is_found_at_once() -> None:
    bad = leaf("bad", value="{{ foo }}", timeout=0)
    other = step("w", "wait", duration="x")
    found = found_in(step("p", "parallel", branches={"a": [nested(3, bad)], "b": [other]}, wait_for="some"))

    assert [path.rpartition(".")[2] for path, _ in found] == ["timeout", "v", "duration", "wait_for"]
