"""System actions: what workflows (and, later, agents) may do inside Core Engine.

An app registers a typed function; a workflow step calls it by name. Parameters are a Pydantic model, so
that the same description validates the call, checks a definition before it is saved and documents it.
"""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import ValidationError
from pydantic import BaseModel
from pydantic import ValidationError as ParamsError


@dataclass(frozen=True)
class ActionContext:
    """On whose behalf, and from where, an action is called."""

    owner: Any
    actor: Any
    execution_id: int | None = None
    step_path: str = ""
    idempotency_key: str = ""
    variables: MutableMapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemAction:
    """A registered action."""

    name: str
    params: type[BaseModel]
    run: Callable[[ActionContext, Any], dict[str, Any]]
    writes: bool
    summary: str
    is_brief: bool = False


@dataclass(frozen=True)
class Problem:
    """One fault: where (a path such as `params.courses[2].name`) and what."""

    path: str
    message: str


_actions: dict[str, SystemAction] = {}


def system_action(
    name: str, *, params: type[BaseModel], writes: bool, summary: str, is_brief: bool = False
) -> Callable[[Callable[..., dict[str, Any]]], Callable[..., dict[str, Any]]]:
    """Register a function `(context, params) -> dict` as the action `name`.

    The function runs inside the transaction that completes its step: what it writes to the database
    happens exactly once. It must not talk to other services. An action that takes milliseconds and locks no row
    that anyone else waits for is brief: it may share its transaction with the steps around it.
    """

    def register(run: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        if name in _actions and _actions[name].run is not run:
            raise ValueError(f"two system actions are called {name!r}")
        _actions[name] = SystemAction(name, params, run, writes, summary, is_brief)
        return run

    return register


def action_names() -> list[str]:
    """List the registered actions."""
    return sorted(_actions)


def get_action(name: str) -> SystemAction:
    """Return an action.

    Raises:
        ValidationError: there is none of this name; the message names the nearest.
    """
    if name not in _actions:
        near = get_close_matches(name, _actions, n=1)
        hint = f" Did you mean “{near[0]}”?" if near else ""
        raise ValidationError({"action": f"There is no system action “{name}”.{hint}"})
    return _actions[name]


def is_brief(name: str) -> bool:
    """Say whether an action takes no time to speak of; False for one that is not there."""
    return name in _actions and _actions[name].is_brief


def run_action(name: str, context: ActionContext, raw_params: dict[str, Any]) -> dict[str, Any]:
    """Check the parameters and run the action in the caller's transaction.

    Raises:
        ValidationError: the action is unknown or a parameter is wrong; keys are paths of parameters.
    """
    action = get_action(name)
    try:
        params = action.params.model_validate(raw_params)
    except ParamsError as error:
        faults: dict[str, list[str]] = {}
        for fault in error.errors():
            faults.setdefault(_path(fault["loc"]) or "params", []).append(fault["msg"])
        raise ValidationError(faults) from error
    return action.run(context, params)


def check_params(name: str, raw: dict[str, Any]) -> list[Problem]:
    """Say what is wrong with parameters before they are known: any `{{ }}` value counts as right."""
    action = get_action(name)
    try:
        action.params.model_validate(raw)
    except ParamsError as error:
        problems = []
        for fault in error.errors():
            if not _inside_template(raw, fault["loc"]):
                problems.append(Problem(_path(fault["loc"]), fault["msg"]))
        return problems
    return []


def _inside_template(raw: Any, location: tuple[int | str, ...]) -> bool:
    value = raw
    for part in location:
        if isinstance(value, str):
            break
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(value, str) and "{{" in value


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
