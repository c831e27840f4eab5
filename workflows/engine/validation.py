"""Everything that may be wrong with a definition, found in one pass and told with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from croniter import croniter
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from coreengine.kernel.expressions import (
    Problem,
    check,
    check_condition,
    check_expression,
    expression_uses,
    nearest,
    uses,
)
from coreengine.kernel.expressions.tree import BUILT_IN_NAMES
from workflows.engine.definition import AI_AGENT, CONTINUE, FAIL, LOOP, PLUGIN_ACTION, STEP_TYPES, SYSTEM_ACTION, Fault

MAX_STEPS = 200
MAX_DEPTH = 8
MAX_TIMEOUT_S = 7 * 24 * 3600
MAX_STEP_TIMEOUT_S = 840
"""Longer than any task may last (870 s) less the time to record the outcome."""
MAX_NAME_LENGTH = 255
MAX_RETRIES = 20

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
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

WORKFLOW_FIELDS = ("name", "description", "version", "variables", "inputs", "timeout", "triggers", "steps")
STEP_FIELDS = ("name", "type", "config", "depends_on", "condition", "timeout", "max_retries", "on_error", "description")
CONFIG_FIELDS = {
    PLUGIN_ACTION: ("plugin", "action", "params", "connection"),
    SYSTEM_ACTION: ("action", "params"),
    AI_AGENT: ("agent", "prompt", "parameters"),
    LOOP: ("items", "as", "steps", "max_concurrency", "max_iterations"),
}
TRIGGER_TYPES = ("manual", "schedule")


class Catalogue(Protocol):
    """What exists outside the engine. Every answer lists (path within the config, message)."""

    def system_action_faults(self, action: str, params: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What is wrong with calling a system action so."""

    def plugin_action_faults(self, plugin: str, action: str, params: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What is wrong with calling a plugin so."""

    def agent_faults(self, agent: str, parameters: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """What is wrong with asking an agent so."""


@dataclass
class _Scope:
    """What the expressions of one body may name."""

    upstream: dict[str, set[str]]
    """Step → the steps of its body that are surely over before it begins."""
    outer: set[str] = field(default_factory=set)
    """Steps outside the loop that are over before the loop begins."""
    loop_names: tuple[str, ...] = ()


class _Finder:
    def __init__(self, catalogue: Catalogue | None) -> None:
        self.catalogue = catalogue
        self.faults: list[Fault] = []
        self.step_paths: dict[str, str] = {}
        self.variables: set[str] | None = set()
        self.inputs: set[str] | None = None
        self.count = 0

    def add(self, path: str, message: str, line: int = 0, column: int = 0) -> None:
        """Note a fault. Line and column here count inside the text at `path`."""
        self.faults.append(Fault(path, message, line, column))

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
        self.declared_variables(data)
        self.declared_inputs(data)
        self.triggers(data)
        self.collect_names(data.get("steps"), "steps", 1)
        if self.count > MAX_STEPS:
            self.add("steps", f"There are {self.count} steps; {MAX_STEPS} are allowed.")
            return
        self.body(data.get("steps"), "steps", set(), ())

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

    def triggers(self, data: Mapping[str, Any]) -> None:
        triggers = data.get("triggers") or []
        if not isinstance(triggers, list):
            self.add("triggers", "Triggers are a list.")
            return
        for index, trigger in enumerate(triggers):
            path = f"triggers[{index}]"
            if not isinstance(trigger, Mapping):
                self.add(path, "A trigger is a map with a type.")
                continue
            kind = trigger.get("type")
            if kind not in TRIGGER_TYPES:
                hint = nearest(str(kind), TRIGGER_TYPES)
                self.add(f"{path}.type", f"Unknown trigger type “{kind}”; there are manual and schedule.{hint}")
                continue
            self.unknown_fields(trigger, ("type", "cron", "time_zone") if kind == "schedule" else ("type",), path)
            if kind == "schedule":
                self.schedule(trigger, path)

    def schedule(self, trigger: Mapping[str, Any], path: str) -> None:
        cron = trigger.get("cron")
        if not isinstance(cron, str) or len(cron.split()) != 5 or not croniter.is_valid(cron):
            self.add(f"{path}.cron", "A schedule needs a cron line of five fields, such as “0 7 * * 1-5”.")
        zone = trigger.get("time_zone", "")
        if zone:
            try:
                ZoneInfo(str(zone))
            except (KeyError, ValueError, OSError):
                self.add(f"{path}.time_zone", f"Unknown time zone “{zone}”; write one such as Europe/Berlin.")

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
            if step.get("type") == LOOP:
                if depth >= MAX_DEPTH:
                    self.add(here, f"Loops may stand in each other {MAX_DEPTH} deep at most.")
                else:
                    self.collect_names(config.get("steps"), f"{here}.config.steps", depth + 1)

    def note_variable(self, params: Any) -> None:
        name = params.get("name") if isinstance(params, Mapping) else None
        if isinstance(name, str) and "{{" in name:
            self.variables = None  # it can become anything
        elif isinstance(name, str) and self.variables is not None:
            self.variables.add(name)

    def body(self, steps: Any, path: str, outer: set[str], loop_names: tuple[str, ...]) -> None:
        if not isinstance(steps, list) or not steps:
            self.add(path, "There must be a list with at least one step.")
            return
        if len(loop_names) >= MAX_DEPTH:
            return
        scope = _Scope(self.upstream(steps, path), outer, loop_names)
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
                    self.add(
                        f"{here}[{place}]", f"“{name}” is not in the same list of steps; wait for the loop instead."
                    )
                else:
                    self.add(f"{here}[{place}]", f"There is no step “{name}”.{nearest(name, names)}")
        self.circles(waits, steps, path)
        return {name: _closure(name, waits) for name in waits}

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
        self.number(step, "timeout", path, 1, MAX_STEP_TIMEOUT_S if step.get("type") != LOOP else MAX_TIMEOUT_S)
        self.number(step, "max_retries", path, 0, MAX_RETRIES)
        if step.get("on_error", FAIL) not in (FAIL, CONTINUE):
            self.add(f"{path}.on_error", f"on_error is “{FAIL}” or “{CONTINUE}”.")
        if step.get("condition") is not None:
            self.condition(step["condition"], f"{path}.condition", name, scope)
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

    def plugin_action(self, config: Mapping[str, Any], path: str, name: str, scope: _Scope) -> None:
        plugin, action = self.fixed(config, "plugin", path), self.fixed(config, "action", path)
        params = self.params(config, "params", path)
        if self.catalogue and plugin and action:
            self.outside(path, self.catalogue.plugin_action_faults(plugin, action, params))
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
        before = scope.outer | scope.upstream.get(name, set())
        self.body(config.get("steps"), f"{path}.steps", before, (*scope.loop_names, as_name))

    # --- expressions ------------------------------------------------------------------------------------

    def condition(self, condition: Any, path: str, name: Any, scope: _Scope) -> None:
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
                hint = nearest(wanted, self.step_paths)
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

    def problems(self, found: Iterable[Problem], path: str) -> None:
        for problem in found:
            inner = problem.path if problem.path.startswith("[") or not problem.path else f".{problem.path}"
            self.add(f"{path}{inner}", problem.message, problem.line, problem.column)

    def outside(self, path: str, found: Iterable[tuple[str, str]]) -> None:
        for inner, message in found:
            self.add(f"{path}.{inner}" if inner else path, message)

    # --- fields -----------------------------------------------------------------------------------------

    def unknown_fields(self, data: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
        for key in data:
            if key not in known:
                self.add(f"{path}.{key}" if path else str(key), f"Unknown field “{key}”.{nearest(str(key), known)}")

    def text(self, data: Mapping[str, Any], key: str, path: str, *, required: bool = False, longest: int) -> None:
        value, here = data.get(key), f"{path}.{key}" if path else key
        if value is None and not required:
            return
        if not isinstance(value, str) or (required and not value.strip()):
            self.add(here, f"“{key}” must be a text{'' if value is not None else ' and is missing'}.")
        elif len(value) > longest:
            self.add(here, f"“{key}” has {len(value):,} characters; {longest:,} are allowed.")

    def fixed(self, data: Mapping[str, Any], key: str, path: str) -> str:
        """A name that must be known before anything runs, so no template."""
        value = data.get(key)
        if not isinstance(value, str) or not value.strip():
            self.add(f"{path}.{key}", f"“{key}” is missing." if value is None else f"“{key}” must be a name.")
            return ""
        if "{{" in value:
            self.add(f"{path}.{key}", f"“{key}” must be a fixed name, not an expression.")
            return ""
        return value

    def params(self, config: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
        value = config.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.add(f"{path}.{key}", f"“{key}” is a map of names and values.")
            return {}
        return value

    def number(self, data: Mapping[str, Any], key: str, path: str, low: int, high: int) -> None:
        value = data.get(key)
        if key not in data:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            unit = " seconds" if key == "timeout" else ""
            self.add(f"{path}.{key}" if path else key, f"“{key}” must be a whole number from {low} to {high}{unit}.")


def find_faults(data: Any, catalogue: Catalogue | None = None) -> list[Fault]:
    """List every fault of a definition, in the order of the text as far as it goes."""
    unusable = unstorable(data)
    if unusable:
        return [Fault(*unusable)]
    finder = _Finder(catalogue)
    finder.workflow(data)
    return list(dict.fromkeys(finder.faults))


def unstorable(value: Any, path: str = "", depth: int = 0) -> tuple[str, str] | None:
    """Where and why a value cannot be kept as JSON in the database, or None."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return path, "This text contains half a surrogate pair."
        return (path, "This text contains a NUL character.") if "\x00" in value else None
    if isinstance(value, float) and not math.isfinite(value):
        return path, "This is not a finite number."
    if depth > 60:
        return path, "This is nested too deep."
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            if not isinstance(key, str):
                return here, "Keys must be texts."
            found = unstorable(key, here) or unstorable(item, here, depth + 1)
            if found:
                return found
        return None
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            found = unstorable(item, f"{path}[{index}]", depth + 1)
            if found:
                return found
        return None
    if value is None or isinstance(value, bool | int | float):
        return None
    return path, f"A value of the kind {type(value).__name__} cannot be kept."


def input_faults(schema: Mapping[str, Any], inputs: Any) -> list[Fault]:
    """What is wrong with the inputs of an execution. Inputs that the schema does not know are refused."""
    if not isinstance(inputs, Mapping):
        return [Fault("inputs", "Inputs are a map of names and values.")]
    unusable = unstorable(inputs, "inputs")
    if unusable:
        return [Fault(*unusable)]
    if not schema:
        return [Fault(f"inputs.{key}", "This workflow takes no inputs.") for key in inputs]
    faults = []
    properties = schema.get("properties") or {}
    for error in Draft202012Validator(schema).iter_errors(inputs):
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        faults.append(Fault(f"inputs{place}", error.message))
    if not schema.get("additionalProperties") and "additionalProperties" not in schema:
        faults += [
            Fault(f"inputs.{key}", f"There is no input “{key}”.{nearest(key, properties)}")
            for key in inputs
            if key not in properties
        ]
    return faults


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
