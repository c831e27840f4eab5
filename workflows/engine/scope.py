"""What the expressions of a step can name, and only the parts that they do name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from workflows.engine.definition import Definition, Step
from workflows.engine.ledger import Ledger
from workflows.engine.records import StepRecord, parent_of, path_in

Chain = tuple[str, ...]


def names_for(ledger: Ledger, step: Step, record: StepRecord, chains: Collection[Chain]) -> dict[str, Any]:
    """The data that the given paths read, from the place of this step."""
    execution = ledger.execution
    scopes = enclosing_scopes(record.scope)
    names: dict[str, Any] = {
        "variables": execution.variables,
        "inputs": execution.inputs,
        "trigger": execution.trigger,
        "execution_id": execution.id,
        "user_id": execution.owner_id,
    }
    roots = {chain[0] for chain in chains}
    for name, scope in zip(step.ancestors, scopes, strict=True):
        loop_path, index = parent_of(scope)
        loop = ledger.definition.step(name).loop
        assert loop is not None
        # Inner loops come later and hide the item of outer ones; `as` names stay apart.
        if roots & {"item", loop.as_name}:
            names["item"] = names[loop.as_name] = ledger.item(loop_path, index)
        names["index"] = index
    if "steps" in roots:
        names["steps"] = _steps(ledger, step, scopes, chains)
    return names


def enclosing_scopes(scope: str) -> list[str]:
    """The scopes around a step, outermost first: `a[3].b[0]` → [`a[3]`, `a[3].b[0]`]."""
    found: list[str] = []
    while scope:
        found.append(scope)
        loop_path, _ = parent_of(scope)
        scope = loop_path.rpartition(".")[0]
    return found[::-1]


def _steps(ledger: Ledger, step: Step, scopes: list[str], chains: Collection[Chain]) -> dict[str, Any]:
    wanted = {chain[1] for chain in chains if chain[0] == "steps" and len(chain) > 1}
    if any(chain == ("steps",) for chain in chains):
        wanted = {name for name in reachable(ledger.definition, step) if name != step.name}
    paths = {}
    for name in wanted:
        if name in ledger.definition.by_name:
            target = ledger.definition.step(name)
            depth = len(target.ancestors)
            if target.ancestors == step.ancestors[:depth]:
                paths[name] = path_in(scopes[depth - 1] if depth else "", name)
    outcomes = ledger.outcomes(list(paths.values()))
    return {name: outcomes[path] for name, path in paths.items() if path in outcomes}


def reachable(definition: Definition, step: Step) -> list[str]:
    """The steps of the same body and of the bodies around it."""
    names = [other.name for other in definition.siblings(step)]
    for ancestor in step.ancestors:
        names += [other.name for other in definition.siblings(definition.step(ancestor))]
    return names
