"""What the expressions of a step can name, and only the parts that they do name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from workflows.engine.definition import Definition, Step
from workflows.engine.ledger import Ledger
from workflows.engine.records import StepRecord, parent_of, path_in, scope_of

Chain = tuple[str, ...]

NOT_REACHED = {"status": "skipped", "result": None, "error": "", "reason": "not_reached", "execution_time": None}
"""What is seen of a step in a branch that never began."""


def names_for(ledger: Ledger, step: Step, record: StepRecord, chains: Collection[Chain]) -> dict[str, Any]:
    """The data that the given paths read, from the place of this step."""
    return names_in(ledger, record.scope, chains, without=step.name)


def names_in(ledger: Ledger, scope: str, chains: Collection[Chain], *, without: str = "") -> dict[str, Any]:
    """The data that the given paths read, from inside a scope."""
    execution = ledger.execution
    names: dict[str, Any] = {
        "variables": execution.variables,
        "inputs": execution.inputs,
        "trigger": execution.trigger,
        "execution_id": execution.id,
        "user_id": execution.owner_id,
    }
    scopes = enclosing_scopes(scope)
    roots = {chain[0] for chain in chains}
    for around in scopes:
        path, key = parent_of(around)
        loop = ledger.definition.step(path.rpartition(".")[2]).loop
        if loop is None:
            continue  # a branch of a condition or a parallel has no item
        assert isinstance(key, int)
        # Inner loops come later and hide the item of outer ones; `as` names stay apart.
        if roots & {"item", loop.as_name}:
            names["item"] = names[loop.as_name] = ledger.item(path, key)
        names["index"] = key
    if "steps" in roots:
        names["steps"] = _steps(ledger, scopes, chains, without)
    return names


def enclosing_scopes(scope: str) -> list[str]:
    """The scopes around a step, outermost first: `a[3].b[then]` → [`a[3]`, `a[3].b[then]`]."""
    found: list[str] = []
    while scope:
        found.append(scope)
        scope = parent_of(scope)[0].rpartition(".")[0]
    return found[::-1]


def _steps(ledger: Ledger, scopes: list[str], chains: Collection[Chain], without: str) -> dict[str, Any]:
    wanted = {chain[1] for chain in chains if chain[0] == "steps" and len(chain) > 1}
    if any(chain == ("steps",) for chain in chains):
        wanted = {name for name in reachable(ledger.definition, scopes) if name != without}
    paths = {}
    for name in wanted:
        if name in ledger.definition.by_name:
            path = path_seen_from(ledger.definition, scopes, ledger.definition.step(name))
            if path is not None:
                paths[name] = path
    outcomes = ledger.outcomes(list(paths.values()))
    return {name: outcomes.get(path, NOT_REACHED) for name, path in paths.items()}


def path_seen_from(definition: Definition, scopes: list[str], target: Step) -> str | None:
    """The path of a step as it is seen from inside these scopes; None inside a loop that is not around.

    The scopes around both of them are the reader's own; from there the way leads into conditions and parallels.
    """
    scope = ""
    for depth, (name, branch) in enumerate(zip(target.ancestors, target.branches, strict=True)):
        container = path_in(scope, name)
        if definition.step(name).loop is None:
            scope = scope_of(container, branch)
        elif depth < len(scopes) and parent_of(scopes[depth])[0] == container:
            scope = scopes[depth]
        else:
            return None
    return path_in(scope, target.name)


def reachable(definition: Definition, scopes: list[str]) -> Iterator[str]:
    """The steps of the same body and of the bodies around it."""
    yield from (step.name for step in definition.steps)
    for scope in scopes:
        path, key = parent_of(scope)
        yield from (step.name for step in definition.step(path.rpartition(".")[2]).body(key))
