"""Which steps of a definition need an answer that only another service can give."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workflows.engine.definition import AI_AGENT, PLUGIN_ACTION, SYSTEM_ACTION, Definition, Step, build_definition

OUTSIDE = frozenset({PLUGIN_ACTION, AI_AGENT})
PLACEHOLDER = "dry_run.needs"
"""The action of a step that cannot be worked out; it does nothing and gives null."""


def needed_results(definition: Definition, known: Collection[str]) -> dict[str, list[str]]:
    """Step → the steps whose results it reads and nobody knows. `known` names outside steps with a stand-in.

    A step that cannot be worked out has no result either, and so on; a container's result is not known when that of a
    step inside it is not. The status of a step is always known.
    """
    unknown = {step.name for step in definition.by_name.values() if step.type in OUTSIDE and step.name not in known}
    needs: dict[str, list[str]] = {}
    while True:
        before = len(unknown) + len(needs)
        for step in definition.by_name.values():
            if step.name not in needs and (missing := sorted(_reads(definition, step, unknown, needs))):
                needs[step.name] = missing
                if step.type not in OUTSIDE or step.name not in known:
                    unknown.add(step.name)
                unknown |= {inner.name for inner in _inside(step)}
            if step.is_container and any(inner.name in unknown for inner in _inside(step)):
                unknown.add(step.name)
        if len(unknown) + len(needs) == before:
            return needs


def with_placeholders(data: Mapping[str, Any], needs: Collection[str]) -> Definition:
    """The definition with a step that does nothing in the place of each that cannot be worked out."""

    def replaced(step: Mapping[str, Any]) -> dict[str, Any]:
        if step["name"] in needs:
            kept = {key: step[key] for key in ("name", "depends_on", "on_error") if key in step}
            if step["type"] in OUTSIDE:
                return kept | {"type": step["type"], "config": {"needs": True}}
            return kept | {"type": SYSTEM_ACTION, "config": {"action": PLACEHOLDER}}
        config = dict(step.get("config") or {})
        for key in ("steps", "then", "else"):
            if isinstance(config.get(key), list):
                config[key] = [replaced(inner) for inner in config[key]]
        if isinstance(config.get("branches"), Mapping):
            config["branches"] = {name: [replaced(s) for s in body] for name, body in config["branches"].items()}
        return {**step, "config": config}

    return build_definition({**data, "steps": [replaced(step) for step in data["steps"]]})


def _reads(
    definition: Definition, step: Step, unknown: Collection[str], needs: Mapping[str, list[str]]
) -> Iterator[str]:
    for chain in {*step.config_chains, *step.condition_chains, *step.until_chains}:
        if chain == ("steps",):
            yield from (name for name in unknown if name != step.name)
        elif chain[0] == "steps" and len(chain) > 1 and chain[1] in unknown:
            target = definition.by_name.get(chain[1])
            is_gone = target is not None and any(name in needs for name in target.ancestors)
            if len(chain) == 2 or chain[2] == "result" or is_gone:
                yield chain[1]


def _inside(step: Step) -> Iterator[Step]:
    for body in step.bodies.values():
        for inner in body:
            yield inner
            yield from _inside(inner)
