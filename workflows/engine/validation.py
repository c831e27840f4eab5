"""Everything that may be wrong with a definition, found in one pass and told with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from coreengine.kernel.expressions import (
    check,
    check_condition,
    check_expression,
    expression_uses,
    nearest,
    nearest_or_all,
    uses,
)
from coreengine.kernel.expressions.tree import BUILT_IN_NAMES
from workflows.engine.confirmations import ConfirmationChecks
from workflows.engine.definition import (
    AI_AGENT,
    ALL,
    ANY,
    APPROVAL,
    APPROVE,
    ASK,
    BODY,
    CONDITION,
    CONTAINER_TYPES,
    CONTINUE,
    ELSE,
    FAIL,
    LOOP,
    PARALLEL,
    PLUGIN_ACTION,
    PRIORITIES,
    REJECT,
    RETRY,
    STEP_TYPES,
    SYSTEM_ACTION,
    THEN,
    WAIT,
    Fault,
)
from workflows.engine.fields import NAME
from workflows.engine.inputs import unstorable
from workflows.engine.moments import LONGEST_WAIT_S, read_duration, read_time
from workflows.engine.retry import RETRYABLE

MAX_STEPS = 200
MAX_DEPTH = 8
"""How many containers may stand in each other."""
MAX_TIMEOUT_S = 7 * 24 * 3600
MAX_STEP_TIMEOUT_S = 840
"""Longer than any task may last (870 s) less the time to record the outcome."""
MAX_NAME_LENGTH = 255
MAX_RETRIES = 20
MAX_BRANCHES = 50

ROOT_NAMES = ("steps", "variables", "inputs", "trigger", "item", "index", "execution_id", "user_id")
STEP_MEMBERS = ("result", "status", "error", "reason", "execution_time")
RESERVED_WORDS = frozenset(
    [
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let"),
        *("loop", "package", "namespace", "null", "return", "true", "var", "void", "while"),
    ]
)
UNSELECTABLE = frozenset({"in", "true", "false", "null"})
"""Words that cannot stand behind a dot, as in `steps.in`."""

WORKFLOW_FIELDS = (
    *("name", "description", "version", "variables", "inputs", "timeout", "priority", "error_workflow"),
    *("triggers", "steps"),
)
STEP_FIELDS = (
    *("name", "type", "config", "depends_on", "condition", "timeout", "max_retries", "retry_on", "on_error"),
    *("on_unknown", "description"),
)
CONFIG_FIELDS = {
    PLUGIN_ACTION: ("plugin", "action", "params", "connection", "confirmation"),
    SYSTEM_ACTION: ("action", "params"),
    AI_AGENT: ("agent", "prompt", "parameters"),
    CONDITION: ("expression", THEN, ELSE),
    LOOP: ("items", "as", BODY, "max_concurrency", "max_iterations", "until", "on_item_error"),
    PARALLEL: ("branches", "wait_for"),
    WAIT: ("duration", "until"),
    APPROVAL: ("message", "timeout_action"),
}


class Catalogue(Protocol):
    """What exists outside the engine. Every answer lists (path within the config, message)."""

    def system_action_faults(self, action: str, params: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What is wrong with calling a system action so."""

    def plugin_action_faults(self, plugin: str, action: str, params: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What is wrong with calling a plugin so."""

    def plugin_action_question(self, plugin: str, action: str) -> str:
        """What a person has to be asked before a plugin's action is done, "" for nothing."""

    def agent_faults(self, agent: str, parameters: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What is wrong with asking an agent so."""


@dataclass
class _Scope:
    """What the expressions of one body may name."""

    upstream: dict[str, set[str]]
    """Step → the steps of its body that are surely over before it begins."""
    outer: set[str] = field(default_factory=set)
    """Steps outside the container that are over before it begins."""
    loop_names: tuple[str, ...] = ()
    """What the loops around call their items."""
    containers: int = 0

    def within(self, name: str, **changes: Any) -> _Scope:
        """What a body of the container of this name may name."""
        before = self.outer | self.upstream.get(name, set())
        return replace(self, upstream={}, outer=before, containers=self.containers + 1, **changes)


class _Finder(ConfirmationChecks):
    def __init__(self, catalogue: Catalogue | None) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.step_paths: dict[str, str] = {}
        self.inner: dict[str, set[str]] = {}
        """Container → the steps inside it that may be read once it is over: all but those in loops."""
        self.variables: set[str] | None = set()
        self.count = 0

    # --- the workflow -----------------------------------------------------------------------------------

    def workflow(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            self.add("", "A workflow is a map with name and steps.")
            return
        self.unknown_fields(data, WORKFLOW_FIELDS, "")
        self.text(data, "name", "", required=True, longest=MAX_NAME_LENGTH)
        self.text(data, "description", "", longest=10_000)
        if "version" in data and not isinstance(data["version"], str | int | float):
            self.add("version", "The version must be a text such as “1.0”.")
        self.number(data, "timeout", "", 1, MAX_TIMEOUT_S)
        self.choice(data, "priority", "", PRIORITIES)
        self.text(data, "error_workflow", "", longest=MAX_NAME_LENGTH)
        self.declared_variables(data)
        self.declared_inputs(data)
        self.triggers(data)
        self.collect_names(data.get("steps"), "steps", 1)
        if self.count > MAX_STEPS:
            self.add("steps", f"There are {self.count} steps; {MAX_STEPS} are allowed.")
            return
        self.body(data.get("steps"), "steps", _Scope({}))

    def declared_variables(self, data: Mapping[str, Any]) -> None:
        variables = data.get("variables") or {}
        if not isinstance(variables, Mapping):
            self.add("variables", "Variables are a map of names and values.")
            return
        for name in variables:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                self.add(f"variables.{name}", "A variable's name is letters, digits and _, not beginning with a digit.")
        self.variables = set(variables)

    def declared_inputs(self, data: Mapping[str, Any]) -> None:
        schema = data.get("inputs") or {}
        if not isinstance(schema, Mapping):
            self.add("inputs", "Inputs are described by a JSON Schema of type object.")
            return
        if not schema:
            self.inputs = set()
            return
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
            self.add(f"inputs{place}", f"Not a valid JSON Schema: {error.message}")
            return
        if schema.get("type", "object") != "object":
            self.add("inputs.type", "The schema of inputs must be of type object.")
        if "$ref" in str(schema) and any("://" in str(ref) for ref in _refs(schema)):
            self.add("inputs", "A schema may not refer to other addresses.")
        if not schema.get("additionalProperties"):
            self.inputs = set(schema.get("properties") or {})

    # --- steps ------------------------------------------------------------------------------------------

    def collect_names(self, steps: Any, path: str, depth: int) -> None:
        """Learn every step's name first, so that later faults can tell an unknown step from a misplaced one."""
        if not isinstance(steps, list):
            return
        for index, step in enumerate(steps):
            if not isinstance(step, Mapping):
                continue
            self.count += 1
            name, here = step.get("name"), f"{path}[{index}]"
            if isinstance(name, str):
                if name in self.step_paths:
                    self.add(
                        f"{here}.name", f"There are two steps called “{name}”; the first is {self.step_paths[name]}."
                    )
                else:
                    self.step_paths[name] = here
            config = step.get("config")
            if not isinstance(config, Mapping):
                continue
            if step.get("type") == SYSTEM_ACTION and config.get("action") == "update_variable":
                self.note_variable(config.get("params"))
            if step.get("type") == APPROVAL and isinstance(name, str):
                self.approvals[name] = config
            if str(step.get("type")) not in CONTAINER_TYPES:
                continue
            if depth > MAX_DEPTH:
                self.add(here, f"Conditions, loops and parallels may stand in each other {MAX_DEPTH} deep at most.")
                continue
            for key, body in _bodies(step):
                self.collect_names(body, f"{here}.config.{key}", depth + 1)
            if isinstance(name, str):
                self.inner[name] = set(self.readable_inside(step))

    def readable_inside(self, step: Mapping[str, Any]) -> Iterator[str]:
        """The steps inside a container that those behind it may read."""
        if step.get("type") == LOOP:
            return
        for _key, body in _bodies(step):
            for inner in body if isinstance(body, list) else ():
                if isinstance(inner, Mapping) and isinstance(inner.get("name"), str):
                    yield inner["name"]
                    yield from self.inner.get(inner["name"], ())

    def note_variable(self, params: Any) -> None:
        name = params.get("name") if isinstance(params, Mapping) else None
        if isinstance(name, str) and "{{" in name:
            self.variables = None  # it can become anything
        elif isinstance(name, str) and self.variables is not None:
            self.variables.add(name)

    def body(self, steps: Any, path: str, scope: _Scope) -> None:
        if not isinstance(steps, list) or not steps:
            self.add(path, "There must be a list with at least one step.")
            return
        if scope.containers > MAX_DEPTH:
            return
        scope = replace(scope, upstream=self.upstream(steps, path))
        for index, step in enumerate(steps):
            self.step(step, f"{path}[{index}]", scope)

    def upstream(self, steps: list[Any], path: str) -> dict[str, set[str]]:
        """Check what steps wait for; answer with everything that is over before each of them."""
        names: list[str] = [s["name"] for s in steps if isinstance(s, Mapping) and isinstance(s.get("name"), str)]
        waits: dict[str, list[str]] = {name: [] for name in names}
        for index, step in enumerate(steps):
            if not isinstance(step, Mapping) or "depends_on" not in step or step["depends_on"] is None:
                continue
            here, wanted, own = f"{path}[{index}].depends_on", step["depends_on"], step.get("name")
            if not isinstance(wanted, list) or not all(isinstance(w, str) for w in wanted):
                self.add(here, "depends_on is a list of step names.")
                continue
            for place, name in enumerate(wanted):
                if name == own:
                    self.add(f"{here}[{place}]", "A step cannot wait for itself.")
                elif name in waits:
                    if isinstance(own, str) and own in waits:
                        waits[own].append(name)
                    if wanted.index(name) != place:
                        self.add(f"{here}[{place}]", f"“{name}” stands twice.")
                elif name in self.step_paths:
                    message = f"“{name}” is not in the same list of steps; wait for what it stands in instead."
                    self.add(f"{here}[{place}]", message)
                else:
                    self.add(f"{here}[{place}]", f"There is no step “{name}”.{nearest_or_all(name, names)}")
        self.circles(waits, steps, path)
        before = {name: _closure(name, waits) for name in waits}
        return {name: found.union(*(self.inner.get(other, ()) for other in found)) for name, found in before.items()}

    def circles(self, waits: Mapping[str, list[str]], steps: list[Any], path: str) -> None:
        reported: set[str] = set()
        for index, step in enumerate(steps):
            name = step.get("name") if isinstance(step, Mapping) else None
            if not isinstance(name, str) or name in reported or name not in waits:
                continue
            circle = _circle(name, waits)
            if circle:
                reported |= set(circle)
                self.add(f"{path}[{index}].depends_on", f"These steps wait for each other: {' → '.join(circle)}.")

    def step(self, step: Any, path: str, scope: _Scope) -> None:
        if not isinstance(step, Mapping):
            self.add(path, "A step is a map with name, type and config.")
            return
        self.unknown_fields(step, STEP_FIELDS, path)
        name = step.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            self.add(f"{path}.name", "A step needs a name of letters, digits and _, not beginning with a digit.")
        elif name in UNSELECTABLE:
            self.add(f"{path}.name", f"“{name}” is a word of the expression language; choose another name.")
        self.text(step, "description", path, longest=2_000)
        self.handling(step, path)
        if step.get("condition") is not None:
            self.condition_of(step["condition"], f"{path}.condition", name, scope)
        kind = step.get("type")
        if kind not in STEP_TYPES:
            what = "A step needs a type" if kind is None else f"Unknown step type “{kind}”"
            known = ", ".join(STEP_TYPES)
            self.add(f"{path}.type" if kind else path, f"{what}; there are {known}.{nearest(str(kind), STEP_TYPES)}")
            return
        config = step.get("config")
        if not isinstance(config, Mapping):
            self.add(f"{path}.config", f"A {kind} step needs a config.")
            return
        here = f"{path}.config"
        self.unknown_fields(config, CONFIG_FIELDS[kind], here)
        check_kind: Callable[[Mapping[str, Any], str, str, _Scope], None] = getattr(self, kind)
        check_kind(config, here, name if isinstance(name, str) else "", scope)

    def handling(self, step: Mapping[str, Any], path: str) -> None:
        """How long a step may take, and what follows when it fails."""
        kind = step.get("type")
        if kind == WAIT and "timeout" in step:
            self.add(f"{path}.timeout", "A wait takes as long as it says; leave the timeout out.")
        elif kind == APPROVAL or str(kind) in CONTAINER_TYPES:
            self.number(step, "timeout", path, 1, LONGEST_WAIT_S)
        else:
            self.number(step, "timeout", path, 1, MAX_STEP_TIMEOUT_S)
        self.number(step, "max_retries", path, 0, MAX_RETRIES)
        self.choice(step, "on_error", path, (FAIL, CONTINUE))
        self.choice(step, "on_unknown", path, (RETRY, ASK))
        kinds = step.get("retry_on")
        if kinds is not None and not isinstance(kinds, list):
            self.add(f"{path}.retry_on", f"retry_on is a list of {', '.join(sorted(RETRYABLE))}.")
        for index, wanted in enumerate(kinds if isinstance(kinds, list) else ()):
            if not isinstance(wanted, str) or wanted not in RETRYABLE:
                known = ", ".join(sorted(RETRYABLE))
                hint = nearest(str(wanted), RETRYABLE)
                self.add(f"{path}.retry_on[{index}]", f"“{wanted}” is no kind of error; there are {known}.{hint}")

    def plugin_action(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        plugin, action = self.fixed(config, "plugin", path), self.fixed(config, "action", path)
        params = self.params(config, "params", path)
        if self.catalogue and plugin and action:
            self.outside(path, self.catalogue.plugin_action_faults(plugin, action, params))
            asked = self.catalogue.plugin_action_question(plugin, action)
            self.confirmation(config.get("confirmation"), f"{path}.confirmation", asked)
        self.templates(config, path, name, scope)

    def system_action(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        action = self.fixed(config, "action", path)
        params = self.params(config, "params", path)
        if self.catalogue and action:
            self.outside(path, self.catalogue.system_action_faults(action, params))
        self.templates(config, path, name, scope)

    def ai_agent(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        agent = self.fixed(config, "agent", path)
        self.text(config, "prompt", path, required=True, longest=50_000)
        parameters = self.params(config, "parameters", path)
        if self.catalogue and agent:
            self.outside(path, self.catalogue.agent_faults(agent, parameters))
        self.templates(config, path, name, scope)

    def loop(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        items = config.get("items")
        if isinstance(items, str):
            self.problems(check_expression(items, self.known(scope)), f"{path}.items")
            self.order(expression_uses(items), f"{path}.items", name, scope)
        elif isinstance(items, list):
            self.templates({"items": items}, path, name, scope)
        else:
            self.add(f"{path}.items", "A loop needs items: an expression or a list.")
        as_name = config.get("as", "item")
        if not isinstance(as_name, str) or not NAME.fullmatch(as_name) or as_name in RESERVED_WORDS | BUILT_IN_NAMES:
            self.add(f"{path}.as", "“as” must be a plain name that CEL does not use itself.")
            as_name = "item"
        elif as_name in ROOT_NAMES and as_name != "item":
            self.add(f"{path}.as", f"“{as_name}” already means something else in expressions.")
        self.number(config, "max_concurrency", path, 1, 50)
        self.number(config, "max_iterations", path, 1, 10_000)
        self.choice(config, "on_item_error", path, (FAIL, CONTINUE))
        inside = scope.within(name, loop_names=(*scope.loop_names, as_name))
        body = config.get(BODY)
        self.body(body, f"{path}.{BODY}", inside)
        for index, step in enumerate(body if isinstance(body, list) else ()):
            if isinstance(step, Mapping) and step.get("name") == "error":
                self.add(f"{path}.{BODY}[{index}].name", "In a loop “error” stands for a failed item; choose another.")
        if config.get("until") is not None:
            own = self.readable_inside({"type": PARALLEL, "config": {"branches": {"own": body}}})
            self.condition_of(config["until"], f"{path}.until", name, replace(inside, outer=inside.outer | set(own)))

    def condition(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        self.condition_of(config.get("expression"), f"{path}.expression", name, scope)
        if THEN not in config:
            self.add(f"{path}.{THEN}", "A condition needs the steps to take when it is true.")
        for key in (THEN, ELSE):
            if key in config and not (key == ELSE and config[key] in (None, [])):
                self.body(config[key], f"{path}.{key}", scope.within(name))

    def parallel(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        branches = config.get("branches")
        if not isinstance(branches, Mapping) or not branches:
            self.add(f"{path}.branches", "A parallel needs branches: a map of names and lists of steps.")
            return
        if len(branches) > MAX_BRANCHES:
            self.add(f"{path}.branches", f"There are {len(branches)} branches; {MAX_BRANCHES} are allowed.")
        for key, body in branches.items():
            if not NAME.fullmatch(str(key)):
                self.add(f"{path}.branches.{key}", "A branch's name is letters, digits and _, not beginning with one.")
            self.body(body, f"{path}.branches.{key}", scope.within(name))
        wanted = config.get("wait_for", ALL)
        is_number = isinstance(wanted, int) and not isinstance(wanted, bool)
        if wanted not in (ALL, ANY) and not (is_number and 1 <= wanted <= len(branches)):
            words = f"{ALL}, {ANY} or a whole number from 1 to {len(branches)}"
            self.add(f"{path}.wait_for", f"“wait_for” is {words}.")

    def wait(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        if ("duration" in config) == ("until" in config):
            self.add(path, "A wait needs either a duration, such as “2h30m”, or a time in “until”.")
            return
        key = "duration" if "duration" in config else "until"
        value, here = config[key], f"{path}.{key}"
        if isinstance(value, str) and "{{" in value:
            self.templates(config, path, name, scope)
        elif key == "duration":
            if read_duration(value) is None:
                self.add(here, "A duration is seconds or a text such as “90s” or “2h30m”; 366 days at most.")
        elif not isinstance(value, str) or not value.strip():
            self.add(here, "“until” is a time such as “2026-01-31T08:00:00Z”, or an expression that gives one.")
        elif read_time(value) is None:
            if value.strip()[:4].isdigit():
                self.add(here, f"“{value}” is not a time with its zone, such as “2026-01-31T08:00:00+01:00”.")
                return
            self.problems(check_expression(value, self.known(scope)), here)
            self.order(expression_uses(value), here, name, scope)

    def approval(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        self.text(config, "message", path, required=True, longest=10_000)
        self.choice(config, "timeout_action", path, (APPROVE, REJECT, FAIL))
        self.templates(config, path, name, scope)

    # --- expressions ------------------------------------------------------------------------------------

    def condition_of(self, condition: Any, path: str, name: Any, scope: _Scope) -> None:
        if not isinstance(condition, str) or not condition.strip():
            self.add(path, "A condition is an expression, such as “steps.fetch.result.count > 0”.")
            return
        self.problems(check_condition(condition, self.known(scope)), path)
        self.order(expression_uses(condition), path, name if isinstance(name, str) else "", scope)

    def templates(self, value: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        for key, item in value.items():
            here = f"{path}.{key}"
            self.problems(check(item, self.known(scope)), here)
            for inner, text in _texts(item, here):
                self.order(uses(text), inner, name, scope)

    def known(self, scope: _Scope) -> dict[str, Any]:
        loop = ("item", "index", *scope.loop_names) if scope.loop_names else ()
        return {
            "steps": None,  # told apart by `order`: unknown, or known but not over yet
            "variables": self.variables,
            "inputs": self.inputs,
            "trigger": None,
            "execution_id": None,
            "user_id": None,
            **dict.fromkeys(loop),
        }

    def order(self, read: Iterable[Any], path: str, name: str, scope: _Scope) -> None:
        """A step that is read must exist and be over before."""
        before = scope.outer | scope.upstream.get(name, set())
        for use in read:
            if use.chain[0] != "steps" or len(use.chain) < 2:
                continue
            wanted = use.chain[1]
            if wanted not in self.step_paths:
                hint = nearest_or_all(wanted, self.step_paths)
                self.add(path, f"There is no step “{wanted}”.{hint}", use.line, use.column)
            elif wanted not in before and name:
                why = (
                    "A step cannot read its own result."
                    if wanted == name
                    else f"“{wanted}” is not sure to be over before “{name}”: add it to depends_on."
                )
                self.add(path, why, use.line, use.column)
            if len(use.chain) > 2 and use.chain[2] not in STEP_MEMBERS:
                hint = nearest(use.chain[2], STEP_MEMBERS)
                message = f"A step has result, status, error, reason and execution_time, not “{use.chain[2]}”.{hint}"
                self.add(path, message, use.line, use.column)


def find_faults(data: Any, catalogue: Catalogue | None = None) -> list[Fault]:
    """List every fault of a definition, in the order of the text as far as it goes."""
    unusable = unstorable(data)
    if unusable:
        return [Fault(*unusable)]
    finder = _Finder(catalogue)
    finder.workflow(data)
    return list(dict.fromkeys(finder.faults))


def _bodies(step: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The bodies of a container as they are written: (place in the config, steps)."""
    config = step.get("config")
    if not isinstance(config, Mapping):
        return
    if step.get("type") == PARALLEL:
        branches = config.get("branches")
        if isinstance(branches, Mapping):
            yield from ((f"branches.{key}", body) for key, body in branches.items())
    else:
        keys = (BODY,) if step.get("type") == LOOP else (THEN, ELSE)
        yield from ((key, config[key]) for key in keys if key in config)


def _closure(name: str, waits: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(waits[name])
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += waits.get(current, [])
    return found - {name}


def _circle(name: str, waits: Mapping[str, list[str]]) -> list[str]:
    """A way from a step back to itself, or an empty list."""
    todo: list[list[str]] = [[name]]
    seen: set[str] = set()
    while todo:
        way = todo.pop()
        for wanted in waits.get(way[-1], []):
            if wanted == name:
                return [*way, name]
            if wanted not in seen:
                seen.add(wanted)
                todo.append([*way, wanted])
    return []


def _refs(schema: Any) -> Iterable[str]:
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _refs(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _refs(value)


def _texts(value: Any, path: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, str):
        if "{{" in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
