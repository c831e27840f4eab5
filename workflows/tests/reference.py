"""A plain interpreter of workflow definitions: what must come of one, told without the engine.

Recursive Python over the definition as it is written: no store, no transactions, no clock. It knows the
language from `docs/workflows.md` and takes only the expressions from the product. What the outside does is
written in the steps' own config (`outcome_of_call`), so that the same definition has the same end everywhere.

Where the end depends on who is faster (steps beside one that fails, losers of a parallel) the answer says so:
such paths are `loose`, and a definition that reads them, or whose end hangs on them, is `Undetermined`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coreengine.kernel.expressions import ExpressionError, bare, condition, evaluate, expression_uses, render, uses

Raw = Mapping[str, Any]

COMPLETED, FAILED, SKIPPED, CANCELLED, WAITING = "completed", "failed", "skipped", "cancelled", "waiting"
WORDS = "(words)"
"""Stands for an error message in a result."""
UNTOLD = object()
"""The result of a step that nobody asked for: containers keep theirs with their steps."""
CALLS = ("system_action", "plugin_action", "ai_agent")
NEVER_DECIDED = "never"
DEFAULT_RETRIES = 3


class Undetermined(Exception):
    """What comes of a definition depends on who is faster."""


@dataclass
class Told:
    """How a step ends."""

    status: str
    result: Any = None
    reason: str = ""

    @property
    def outcome(self) -> dict[str, Any]:
        """What expressions see of it."""
        return {"status": self.status, "result": self.result, "reason": self.reason, "error": WORDS}


@dataclass
class Expected:
    """What must come of an execution."""

    status: str
    steps: dict[str, Told]
    variables: dict[str, Any]
    loose: set[str] = field(default_factory=set)
    """Paths that may end in any way, or not be there at all, with everything below them."""
    loose_variables: set[str] = field(default_factory=set)

    def is_loose(self, path: str) -> bool:
        """Say whether nothing is promised about a path."""
        return any(path == free or path.startswith((f"{free}[", f"{free}.")) for free in self.loose)


@dataclass(frozen=True)
class Call:
    """What a fake executor is told of an attempt."""

    kind: str
    action: str
    params: Mapping[str, Any]


def outcome_of_call(call: Call, attempt: int) -> tuple[bool, bool, Any]:
    """What a fake executor answers: (it worked, it may work later, the result).

    `params.does` says it: `echo` (the default) gives `params.value` back, `fail_times` fails `params.times`
    times before, `always_retryable` and `always_permanent` never work. `update_variable` gives its value back.
    """
    does = call.params.get("does", "echo")
    if does == "always_permanent":
        return False, False, None
    if does == "always_retryable" or (does == "fail_times" and attempt <= call.params["times"]):
        return False, True, None
    if call.action == "update_variable":
        return True, False, {"variable": call.params["name"], "value": call.params["value"]}
    return True, False, {"value": call.params.get("value")}


def decision_on(message: str) -> str:
    """What the fake person decides: `approved`, `rejected`, or nothing at all (`never`)."""
    return next(word for word in ("approved", "rejected", NEVER_DECIDED) if word in message)


@dataclass
class _End:
    """What came of a body: `completed`, `failed`, or `waiting` for ever."""

    status: str
    results: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """Where a body stands."""

    scope: str = ""
    names: Mapping[str, Any] = field(default_factory=dict)
    """`item`, `index` and the names of loops."""
    seen: Mapping[str, Told | None] = field(default_factory=dict)
    """Steps that are over by now; None when nobody can say how."""


def interpret(definition: Raw, *, inputs: Raw | None = None, trigger: Raw | None = None) -> Expected:
    """Work out what must come of an execution.

    Raises:
        Undetermined: it depends on who is faster.
    """
    return _Interpreter(definition, inputs or {}, trigger or {}).run()


class _Interpreter:
    def __init__(self, definition: Raw, inputs: Raw, trigger: Raw) -> None:
        self.definition = definition
        self.fixed = {"inputs": inputs, "trigger": trigger}
        self.variables: dict[str, Any] = dict(definition.get("variables") or {})
        self.told: dict[str, Told] = {}
        self.loose: set[str] = set()
        self.loose_variables: set[str] = set()

    def run(self) -> Expected:
        end = self.body(self.definition["steps"], _Place())
        if end.status == WAITING:
            raise Undetermined("it never ends")
        return Expected(end.status, self.told, self.variables, self.loose, self.loose_variables)

    # --- a list of steps --------------------------------------------------------------------------------

    def body(self, steps: list[Raw], place: _Place) -> _End:
        """Do the steps of one body in an order that their dependencies allow."""
        before = {step["name"]: _upstream(step["name"], steps) for step in steps}
        mine: dict[str, Told | None] = {}
        fatal: list[str] = []
        endless: set[str] = set()
        for step in _in_order(steps):
            name = step["name"]
            blocked = before[name] & (set(fatal) | endless)
            if blocked & set(fatal):
                mine[name] = self.tell(place, name, Told(CANCELLED))
            elif blocked:
                endless.add(name)
            else:
                seen = {**place.seen, **self.behind(steps, before[name], place), **_only(mine, before[name])}
                told = self.step(step, _Place(place.scope, place.names, seen))
                mine[name] = told
                if told.status == WAITING:
                    endless.add(name)
                elif told.status == FAILED and step.get("on_error", "fail") == "fail":
                    fatal.append(name)
        if fatal:
            self.loosen_beside(fatal, steps, before, place)
            return _End(FAILED)
        if endless:
            return _End(WAITING)
        return _End(COMPLETED, {step["name"]: mine[step["name"]].result for step in steps})  # type: ignore[union-attr]

    def loosen_beside(self, fatal: list[str], steps: list[Raw], before: dict[str, set[str]], place: _Place) -> None:
        """A step that fails takes along what is under way: nobody knows how far it had come."""
        for step in steps:
            name = step["name"]
            is_before_all = all(name in before[end] for end in fatal)
            is_behind_one = any(end in before[name] for end in fatal)
            if not is_before_all and not is_behind_one and fatal != [name]:
                self.loosen(_path(place.scope, name), step)

    def loosen(self, path: str, *steps: Raw) -> None:
        """Nothing is promised about this path, about what stands below it, nor about what that writes."""
        self.loose.add(path)
        for step in _all(steps):
            if step["config"].get("action") == "update_variable":
                self.loose_variables.add(step["config"]["params"]["name"])

    def behind(self, steps: list[Raw], names: set[str], place: _Place) -> dict[str, Told | None]:
        """The steps inside conditions and parallels that are over, as those behind them see them."""
        found: dict[str, Told | None] = {}
        for step in steps:
            if step["name"] in names and step["type"] in ("condition", "parallel"):
                for key, inner in _bodies(step).items():
                    scope = f"{_path(place.scope, step['name'])}[{key}]"
                    for other in inner:
                        found[other["name"]] = self.seen_at(_path(scope, other["name"]))
                    found |= self.behind(inner, {other["name"] for other in inner}, _Place(scope))
        return found

    def seen_at(self, path: str) -> Told | None:
        if Expected("", {}, {}, self.loose).is_loose(path):
            return None
        return self.told.get(path, Told(SKIPPED, reason="not_reached"))

    def tell(self, place: _Place, name: str, told: Told) -> Told:
        self.told[_path(place.scope, name)] = told
        return told

    # --- one step ---------------------------------------------------------------------------------------

    def step(self, step: Raw, place: _Place) -> Told:
        try:
            told = self.try_step(step, place)
        except ExpressionError:
            told = Told(FAILED)
        return self.tell(place, step["name"], told)

    def try_step(self, step: Raw, place: _Place) -> Told:
        if step.get("condition"):
            names = self.names(place, expression_uses(step["condition"]))
            if not condition(step["condition"], names):
                return Told(SKIPPED, reason="condition_not_met")
        config, kind = step["config"], step["type"]
        if kind in CALLS:
            return self.call(step, render(dict(config), self.names(place, uses(config))))
        return getattr(self, kind)(step, config, place)

    def names(self, place: _Place, read: Iterable[Any]) -> dict[str, Any]:
        """What expressions can name here; reading what nobody can know is no question with an answer."""
        for use in read:
            root, member = use.chain[0], use.chain[1] if len(use.chain) > 1 else ""
            if root == "variables" and member in self.loose_variables:
                raise Undetermined(f"it reads the variable {member}")
            if root == "steps" and place.seen.get(member, Told("")) is None:
                raise Undetermined(f"it reads {member}")
        steps = {name: told.outcome for name, told in place.seen.items() if told is not None}
        return {**self.fixed, "variables": self.variables, "steps": steps, **place.names}

    def call(self, step: Raw, config: Raw) -> Told:
        call = Call(step["type"], config.get("action", ""), config.get("params") or config.get("parameters") or {})
        for attempt in range(1, step.get("max_retries", DEFAULT_RETRIES) + 2):
            worked, may_work_later, result = outcome_of_call(call, attempt)
            if worked:
                if call.action == "update_variable":
                    self.variables[call.params["name"]] = call.params["value"]
                return Told(COMPLETED, result)
            if not may_work_later:
                break
        return Told(FAILED)

    def wait(self, step: Raw, config: Raw, place: _Place) -> Told:
        render(dict(config), self.names(place, uses(config)))
        return Told(COMPLETED, {"until": WORDS})

    def approval(self, step: Raw, config: Raw, place: _Place) -> Told:
        decision = decision_on(render(dict(config), self.names(place, uses(config)))["message"])
        if decision == NEVER_DECIDED:
            return Told(WAITING)
        return Told(COMPLETED, {"decision": decision, "comment": "", "by": None})

    # --- containers -------------------------------------------------------------------------------------

    def condition(self, step: Raw, config: Raw, place: _Place) -> Told:
        taken = condition(config["expression"], self.names(place, expression_uses(config["expression"])))
        branch, other = ("then", "else") if taken else ("else", "then")
        path = _path(place.scope, step["name"])
        for left in config.get(other) or ():
            self.told[_path(f"{path}[{other}]", left["name"])] = Told(SKIPPED, reason="branch_not_taken")
        end = _End(COMPLETED)
        if config.get(branch):
            end = self.body(config[branch], _Place(f"{path}[{branch}]", place.names, place.seen))
        return Told(end.status, {"branch": branch, "steps": end.results} if end.status == COMPLETED else None)

    def parallel(self, step: Raw, config: Raw, place: _Place) -> Told:
        path, branches = _path(place.scope, step["name"]), config["branches"]
        wait_for = config.get("wait_for", "all")
        needed = {"all": len(branches), "any": 1}.get(wait_for, wait_for)
        ends = {
            key: self.body(steps, _Place(f"{path}[{key}]", place.names, place.seen)) for key, steps in branches.items()
        }
        won = [key for key, end in ends.items() if end.status == COMPLETED]
        lost = [key for key, end in ends.items() if end.status == FAILED]
        if len(won) > needed:
            raise Undetermined(f"{path} is a race")
        if len(won) < needed and len(branches) - len(lost) >= needed:
            return Told(WAITING)
        if len(won) < needed:
            # It fails as soon as too many have failed; only a single possible order tells how the others stand.
            for key in branches:
                if lost != [key]:
                    self.loosen(f"{path}[{key}]", *branches[key])
            return Told(FAILED)
        for key in branches:
            if key not in won:
                self.loosen(f"{path}[{key}]", *branches[key])
        return Told(COMPLETED, {key: ends[key].results if key in won else None for key in branches})

    def loop(self, step: Raw, config: Raw, place: _Place) -> Told:
        items = config["items"]
        if isinstance(items, str):
            items = evaluate(bare(items), self.names(place, expression_uses(items)))
        else:
            items = render(items, self.names(place, uses(items)))
        if not isinstance(items, list) or len(items) > config.get("max_iterations", 1000):
            return Told(FAILED)
        path, one_by_one = _path(place.scope, step["name"]), config.get("max_concurrency", 1) == 1
        goes_on = config.get("on_item_error", "fail") == "continue"
        results: list[Any] = []
        failed = waits = False
        for index, item in enumerate(items):
            names = {**place.names, "item": item, config.get("as", "item"): item, "index": index}
            inside = _Place(f"{path}[{index}]", names, place.seen)
            end = self.body(config["steps"], inside)
            if end.status == COMPLETED:
                results.append(end.results)
            elif end.status == WAITING:
                waits = True
            elif goes_on:
                results.append({"error": WORDS})
            else:
                failed = True
            if end.status != COMPLETED and one_by_one and not goes_on:
                break
            if end.status == COMPLETED and config.get("until") and index + 1 < len(items):
                if not one_by_one:
                    raise Undetermined(f"{path} ends with the fastest item")
                own = {other["name"]: self.seen_at(_path(inside.scope, other["name"])) for other in config["steps"]}
                own |= self.behind(config["steps"], set(own), inside)
                read = expression_uses(config["until"])
                if condition(config["until"], self.names(_Place("", names, {**place.seen, **own}), read)):
                    break
        if failed and not one_by_one:
            self.loosen(path, *config["steps"])
            self.loose.discard(path)
            self.loose |= {f"{path}[{index}]" for index in range(len(items))}
        if failed:
            return Told(FAILED)
        return Told(WAITING) if waits else Told(COMPLETED, results)


def masked(result: Any) -> Any:
    """A result as the interpreter tells it: messages, moments and persons are not compared."""
    if isinstance(result, Mapping):
        if set(result) == {"error"} and isinstance(result["error"], str):
            return {"error": WORDS}
        if set(result) == {"until"}:
            return {"until": WORDS}
        if "decision" in result:
            return {"decision": result["decision"]}
        return {key: masked(value) for key, value in result.items()}
    return [masked(value) for value in result] if isinstance(result, list) else result


def differences(expected: Expected, status: str, steps: Mapping[str, Told], variables: Raw) -> list[str]:
    """Where an execution did not end as it must, in words; empty when it did."""
    found = []
    if status != expected.status:
        found.append(f"the execution is {status}, not {expected.status}")
    for path in sorted({*expected.steps, *steps}):
        if expected.is_loose(path):
            continue
        must, did = expected.steps.get(path), steps.get(path)
        if must is None or did is None:
            found.append(f"{path} is {did and did.status}, not {must and must.status}")
        elif must.status != did.status:
            found.append(f"{path} is {did.status} ({did.reason}), not {must.status} ({must.reason})")
        elif must.status == SKIPPED and must.reason != did.reason:
            found.append(f"{path} is skipped for {did.reason}, not {must.reason}")
        elif must.status == COMPLETED and did.result is not UNTOLD and masked(did.result) != masked(must.result):
            found.append(f"{path} gave {masked(did.result)!r}, not {masked(must.result)!r}")
    for name in sorted({*expected.variables, *variables} - expected.loose_variables):
        if masked(variables.get(name)) != masked(expected.variables.get(name)):
            found.append(f"variable {name} is {variables.get(name)!r}, not {expected.variables.get(name)!r}")
    return found


def _path(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _only(told: Mapping[str, Told | None], names: set[str]) -> dict[str, Told | None]:
    return {name: value for name, value in told.items() if name in names}


def _bodies(step: Raw) -> dict[str, list[Raw]]:
    config = step["config"]
    if step["type"] == "condition":
        return {key: config[key] for key in ("then", "else") if config.get(key)}
    if step["type"] == "parallel":
        return dict(config["branches"])
    return {"steps": config["steps"]} if step["type"] == "loop" else {}


def _all(steps: Iterable[Raw]) -> Iterable[Raw]:
    for step in steps:
        yield step
        for body in _bodies(step).values():
            yield from _all(body)


def _upstream(name: str, steps: list[Raw]) -> set[str]:
    waits = {step["name"]: step.get("depends_on") or [] for step in steps}
    found: set[str] = set()
    todo = list(waits[name])
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += waits[current]
    return found


def _in_order(steps: list[Raw]) -> list[Raw]:
    ordered: list[Raw] = []
    done: set[str] = set()
    while len(ordered) < len(steps):
        for step in steps:
            if step["name"] not in done and done.issuperset(step.get("depends_on") or ()):
                ordered.append(step)
                done.add(step["name"])
    return ordered
