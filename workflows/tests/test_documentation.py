"""The examples in docs/workflows.md are definitions that can be saved."""

import re
from pathlib import Path

import pytest

from workflows.engine.definition import STEP_TYPES
from workflows.rules import faults_of_source

TEXT = (Path(__file__).parents[2] / "docs/workflows.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
HEAD = "name: Example\ninputs:\n  properties:\n    words: {type: string, default: a}\n"


def whole(example: str) -> str:
    """An example as a whole definition: pieces stand where they belong."""
    if example.startswith("name:"):
        return example
    if "type: schedule" in example or "type: webhook" in example or "type: event" in example:
        step = "steps:\n- {name: pause, type: wait, config: {duration: 1}}\n"
        return HEAD + (example if example.startswith("triggers:") else f"triggers:\n{example}") + step
    return f"{HEAD}steps:\n{example}"


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_without_faults(example: str) -> None:
    assert faults_of_source(whole(example)) == []


def test_every_type_of_step_has_an_example_or_a_row() -> None:
    assert [kind for kind in STEP_TYPES if f"type: {kind}" not in TEXT and f"`{kind}`" not in TEXT] == []
