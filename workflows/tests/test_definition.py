"""What may be wrong with a definition, found before it is saved."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.definition import DefinitionInvalid, parse_definition
from workflows.engine.inputs import input_faults
from workflows.engine.source import read_source
from workflows.engine.validation import find_faults

STEP = {"name": "a", "type": "system_action", "config": {"action": "x"}}


def one(**fields: Any) -> list[tuple[str, str]]:
    """The faults of a workflow whose only step has these fields."""
    return faults({"name": "x", "steps": [{**STEP, **fields}]})


def two(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, str]]:
    """The faults of two steps called a and b."""
    return faults({"name": "x", "steps": [{**STEP, **first}, {**STEP, "name": "b", **second}]})


def faults(data: Any) -> list[tuple[str, str]]:
    return [(fault.path, fault.message) for fault in find_faults(data)]


def test_the_smallest_definition_has_its_defaults() -> None:
    definition = parse_definition({"name": "x", "steps": [STEP]})

    step = definition.step("a")
    assert (definition.timeout_s, step.timeout_s, step.retry.max_retries, step.on_error) == (3600, 300, 3, "fail")


@pytest.mark.parametrize(
    ("found", "path", "words"),
    [
        (faults([]), "", "a map"),
        (faults({"steps": [STEP]}), "name", "missing"),
        (faults({"name": "x"}), "steps", "at least one"),
        (faults({"name": "x", "steps": [STEP], "stepz": 1}), "stepz", "Did you mean “steps”"),
        (faults({"name": "x", "steps": [STEP], "timeout": 0}), "timeout", "whole number from 1"),
        (faults({"name": "x", "steps": [STEP], "timeout": True}), "timeout", "whole number"),
        (faults({"name": "x", "steps": [STEP], "inputs": {"type": "nonsense"}}), "inputs.type", "JSON Schema"),
        (faults({"name": "x", "steps": [STEP], "triggers": [{"type": "webhok"}]}), "triggers[0].type", "Unknown"),
        (
            faults({"name": "x", "steps": [STEP], "triggers": [{"type": "schedule", "cron": "61 * * * *"}]}),
            "triggers[0].cron",
            "cron line",
        ),
        (
            faults(
                {
                    "name": "x",
                    "steps": [STEP],
                    "triggers": [{"type": "schedule", "cron": "0 7 * * *", "time_zone": "B"}],
                }
            ),
            "triggers[0].time_zone",
            "Unknown time zone",
        ),
        (faults({"name": "x\x00", "steps": [STEP]}), "name", "NUL"),
        (faults({"name": "x", "steps": [STEP], "variables": {"v": float("nan")}}), "variables.v", "finite"),
        (faults({"name": "x", "steps": [{**STEP, "name": f"s{i}"} for i in range(201)]}), "steps", "200 are allowed"),
        (one(name="9a"), "steps[0].name", "letters"),
        (one(type="unless"), "steps[0].type", "Unknown step type “unless”"),
        (one(type="sytem_action"), "steps[0].type", "Did you mean “system_action”"),
        (one(type=None), "steps[0]", "needs a type"),
        (one(config=None), "steps[0].config", "needs a config"),
        (one(name="in"), "steps[0].name", "word of the expression language"),
        (one(config={"action": "y", "actoin": "x"}), "steps[0].config.actoin", "Did you mean “action”"),
        (one(config={"action": "{{ x }}"}), "steps[0].config.action", "fixed name"),
        (one(config={"action": "x", "params": []}), "steps[0].config.params", "map of names"),
        (one(timeout=841), "steps[0].timeout", "1 to 840"),
        (one(max_retries=-1), "steps[0].max_retries", "0 to 20"),
        (one(on_error="ignore"), "steps[0].on_error", "fail"),
        (one(condition="1 + 1"), "steps[0].condition", "must be true or false"),
        (one(condition="steps.a.status == 'x'"), "steps[0].condition", "its own result"),
        (one(depends_on=["a"]), "steps[0].depends_on[0]", "itself"),
        (one(depends_on="b"), "steps[0].depends_on", "list of step names"),
        (one(depends_on=["b"]), "steps[0].depends_on[0]", "no step “b”"),
        (one(config={"action": "x", "params": {"p": ["{{ foo }}"]}}), "steps[0].config.params.p[0]", "Unknown name"),
        (one(config={"action": "x", "params": {"p": "{{ item }}"}}), "steps[0].config.params.p", "Unknown name “item”"),
        (one(config={"action": "x", "params": {"p": "{{ variables.v }}"}}), "steps[0].config.params.p", "no “v”"),
        (one(config={"action": "x", "params": {"p": "{{ inputs.v }}"}}), "steps[0].config.params.p", "no “v”"),
        (two({}, {"name": "a"}), "steps[1].name", "two steps called “a”"),
        (two({}, {"depends_on": ["a", "a"]}), "steps[1].depends_on[1]", "twice"),
        (two({"depends_on": ["b"]}, {"depends_on": ["a"]}), "steps[0].depends_on", "a → b → a"),
        (two({}, {"condition": "steps.a.result.ok"}), "steps[1].condition", "add it to depends_on"),
        (two({}, {"condition": "steps.aa.result.ok"}), "steps[1].condition", "Did you mean “a”"),
        (
            two({}, {"depends_on": ["a"], "condition": "steps.a.resutl.ok"}),
            "steps[1].condition",
            "Did you mean “result”",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(found: list[tuple[str, str]], path: str, words: str) -> None:
    assert [p for p, _ in found] == [path] * len(found) and found, found
    assert words in " ".join(message for _, message in found)


def looped(body: list[dict[str, Any]], **config: Any) -> list[tuple[str, str]]:
    """The faults of a step a, a loop behind it and a step z behind the loop."""
    loop = {"name": "each", "type": "loop", "depends_on": ["a"], "config": {"items": "[1]", "steps": body, **config}}
    last = {**STEP, "name": "z", "depends_on": ["each"]}
    return faults({"name": "x", "steps": [STEP, loop, last]})


class TestLoops:
    def body(self, name: str = "inner", **fields: Any) -> dict[str, Any]:
        return {**STEP, "name": name, **fields}

    def test_a_body_sees_its_item_and_what_came_before_the_loop(self) -> None:
        params = {"p": "{{ [k, item, index, steps.a.result] }}"}

        assert looped([self.body(config={"action": "x", "params": params})], **{"as": "k"}) == []

    @pytest.mark.parametrize(
        ("fields", "config", "path", "words"),
        [
            ({"depends_on": ["a"]}, {}, "steps[1].config.steps[0].depends_on[0]", "not in the same list"),
            ({"condition": "steps.z.result.ok"}, {}, "steps[1].config.steps[0].condition", "not sure to be over"),
            ({"condition": "steps.each.result == []"}, {}, "steps[1].config.steps[0].condition", "not sure to be over"),
            ({}, {"as": "steps"}, "steps[1].config.as", "already means"),
            ({}, {"as": "in"}, "steps[1].config.as", "plain name"),
            ({}, {"as": "string"}, "steps[1].config.as", "plain name"),
            ({}, {"items": 5}, "steps[1].config.items", "needs items"),
            ({}, {"items": "steps.z.result"}, "steps[1].config.items", "not sure to be over"),
            ({}, {"max_concurrency": 0}, "steps[1].config.max_concurrency", "1 to 50"),
            ({"name": "a"}, {}, "steps[1].config.steps[0].name", "two steps"),
        ],
    )
    def test_faults(self, fields: dict[str, Any], config: dict[str, Any], path: str, words: str) -> None:
        [(where, message)] = looped([self.body(**fields)], **config)

        assert where == path and words in message

    def test_a_step_outside_does_not_see_into_the_loop(self) -> None:
        loop = {"name": "each", "type": "loop", "config": {"items": "[1]", "steps": [self.body()]}}
        after = {**STEP, "depends_on": ["each"], "condition": "steps.inner.result.ok"}

        [(path, message)] = faults({"name": "x", "steps": [loop, after]})

        assert path == "steps[1].condition" and "not sure to be over" in message

    def test_loops_stand_eight_deep_and_no_deeper(self) -> None:
        def nested(depth: int) -> dict[str, Any]:
            inner = [nested(depth - 1)] if depth > 1 else [self.body()]
            return {"name": f"l{depth}", "type": "loop", "config": {"items": "[1]", "steps": inner}}

        assert faults({"name": "x", "steps": [nested(7)]}) == []
        assert "deep at most" in faults({"name": "x", "steps": [nested(9)]})[0][1]


def test_all_faults_are_found_at_once() -> None:
    found = faults(
        {"nmae": "x", "steps": [{**STEP, "type": "lop"}, {**STEP, "name": "b", "depends_on": ["c"], "timeout": 0}]}
    )

    assert [path for path, _ in found] == [
        "nmae",
        "name",
        "steps[1].depends_on[0]",
        "steps[0].type",
        "steps[1].timeout",
    ]


def test_inputs_are_checked_by_their_schema() -> None:
    schema = {"properties": {"n": {"type": "integer"}}, "required": ["n"]}

    assert input_faults(schema, {"n": 1}) == []
    assert [f.path for f in input_faults(schema, {"n": "1", "m": 2})] == ["inputs.n", "inputs.m"]
    assert "required" in input_faults(schema, {})[0].message
    assert "takes no inputs" in input_faults({}, {"n": 1})[0].message


class TestSource:
    def lines(self, text: str) -> list[tuple[int, int, str]]:
        try:
            source = read_source(text)
        except DefinitionInvalid as error:
            return [(fault.line, fault.column, fault.message) for fault in error.faults]
        return [(fault.line, fault.column, fault.message) for fault in source.locate(find_faults(source.data))]

    def test_faults_stand_at_their_line_also_inside_blocks_of_text(self) -> None:
        text = (
            "name: x\n"
            "steps:\n"
            "  - name: a\n"
            "    type: system_action\n"
            "    depends_on: [b]\n"
            "    config:\n"
            "      action: x\n"
            "      params:\n"
            '        one: "{{ foo }}"\n'
            "        two: |\n"
            "          first\n"
            "          and {{ bar }}\n"
        )

        assert [(line, column) for line, column, _ in self.lines(text)] == [(5, 18), (9, 18), (12, 18)]

    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ("", 1, "empty"),
            ("name: [\n", 2, "not valid YAML"),
            ("name: x\nname: y\n", 2, "stands twice"),
            ("a: &x [1]\nb: *x\n", 1, "Anchors and aliases"),
            ("a: !!python/object:os.system x\n", 1, "not allowed"),
            ("a: !custom x\n", 1, "not allowed"),
            ("? [a]\n: b\n", 1, "plain text"),
            ("a: b\x01\n", 1, "does not allow"),
            ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
            ("[" * 60 + "]" * 60, 1, "nested deeper"),
            ("x" * 300_000, 1, "are allowed"),
            ("- 1\n" * 20_001, 20_000, "more than 20,000"),
        ],
    )
    def test_what_is_not_plain_yaml_is_refused_with_its_line(self, text: str, line: int, words: str) -> None:
        [(found, _column, message), *_] = self.lines(text)

        assert words in message and found == line

    def test_a_billion_laughs_are_refused_at_once(self) -> None:
        text = "a: &a [x]\n" + "".join(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=False)
        )

        assert "Anchors" in self.lines(text)[0][2]

    def test_words_and_times_stay_texts_and_large_numbers_exact(self) -> None:
        text = "on: yes\nday: 2026-01-01\ntime: 12:30\nid: 9007199254740993\nok: true\nno: null\nf: 1.5\no: 010\n"

        assert read_source(text).data == {
            "on": "yes",
            "day": "2026-01-01",
            "time": "12:30",
            "id": 9007199254740993,
            "ok": True,
            "no": None,
            "f": 1.5,
            "o": "010",
        }

    def test_json_is_read_too(self) -> None:
        assert read_source('{"name": "x", "steps": [{"a": [1, "b"]}]}').data == {
            "name": "x",
            "steps": [{"a": [1, "b"]}],
        }
