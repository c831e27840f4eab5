"""Names in expressions that nothing stands behind: refused when saved, each with its place and the nearest one."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.validation import find_faults


def definition(expression: str) -> dict[str, Any]:
    """A workflow whose innermost step reads the expression."""
    inner = {
        "name": "keep",
        "type": "system_action",
        "config": {"action": "note", "params": {"value": f"a {{{{ {expression} }}}}"}},
    }
    return {
        "name": "Names",
        "variables": {"seen_count": 0},
        "inputs": {"properties": {"course_code": {"type": "string"}}},
        "steps": [
            {"name": "fetch", "type": "system_action", "config": {"action": "note"}},
            {"name": "later", "type": "system_action", "config": {"action": "note"}},
            {
                "name": "each",
                "type": "loop",
                "depends_on": ["fetch"],
                "config": {"items": "steps.fetch.result", "as": "lesson", "steps": [inner]},
            },
        ],
    }


@pytest.mark.parametrize(
    "expression",
    [
        "steps.fetch.result.anything.at.all",
        "steps['fetch'].status",
        "steps.fetch.?result.?name.orValue('none')",
        "steps.fetch.error + steps.fetch.reason + string(steps.fetch.execution_time)",
        "variables.seen_count + size(inputs.course_code)",
        "lesson == item && index >= 0",
        "trigger.anything",
        "string(execution_id) + string(user_id)",
        "[1].map(fetch, fetch)",
        "has(lesson.name) ? lesson.name : ''",
    ],
)
def test_what_is_there_may_be_read(expression: str) -> None:
    assert find_faults(definition(expression)) == []


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("steps.fetsh.result", "There is no step “fetsh”. Did you mean “fetch”?"),
        ("steps['fetsh'].result", "There is no step “fetsh”. Did you mean “fetch”?"),
        ("steps.?fetsh.orValue(1)", "There is no step “fetsh”. Did you mean “fetch”?"),
        ("has(steps.fetsh.result)", "There is no step “fetsh”. Did you mean “fetch”?"),
        ("steps.later.result", "“later” is not sure to be over before “keep”: add it to depends_on."),
        ("steps.keep.result", "A step cannot read its own result."),
        ("steps.fetch.resutl", "not “resutl”. Did you mean “result”?"),
        ("steps.fetch['output']", "A step has result, status, error, reason and execution_time, not “output”."),
        ("variables.seen_cuont", "There is no “seen_cuont” in variables. Did you mean “seen_count”?"),
        ("inputs.course_cod", "There is no “course_cod” in inputs. Did you mean “course_code”?"),
        ("varaibles.seen_count", "Unknown name “varaibles”. Did you mean “variables”?"),
        ("leson.name", "Unknown name “leson”. Did you mean “lesson”?"),
        ("indx + 1", "Unknown name “indx”. Did you mean “index”?"),
        ("fetch.result", "Unknown name “fetch”. Known here: execution_id, index, inputs, item, lesson, steps, "),
        ("steps.x.result", "There is no step “x”. Known here: each, fetch, keep, later."),
        ("inputs.x", "There is no “x” in inputs. Known here: course_code."),
        ("siez(steps.fetch.result)", "There is no function “siez”. Did you mean “size”?"),
        ("steps.fetch.result.exists(a, b, true)", "“exists” takes a name and a test"),
        ("1 +", "Syntax error"),
    ],
)
def test_what_is_not_there_is_refused_with_its_place_and_the_nearest_name(expression: str, words: str) -> None:
    [fault] = find_faults(definition(expression))

    assert words in fault.message
    assert fault.path == "steps[2].config.steps[0].config.params.value"
    assert fault.line == 1 and 5 <= fault.column <= 6 + len(expression)


def test_names_of_a_loop_are_unknown_outside_of_it() -> None:
    data = definition("1")
    data["steps"][0]["condition"] = "lesson.done && index > 0"

    known = "Known here: execution_id, inputs, steps, trigger, user_id, variables."
    assert [fault.message for fault in find_faults(data)] == [
        f"Unknown name “lesson”. {known}",
        f"Unknown name “index”. {known}",
    ]
