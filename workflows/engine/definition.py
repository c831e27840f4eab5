"""What a workflow is: steps, what they wait for, and what they are given. Frozen data, checked once.

`parse_definition` is the way in: it answers with a `Definition`, or with every fault at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from coreengine.kernel.expressions import expression_uses, uses
from workflows.engine.moments import read_time
from workflows.engine.retry import RETRYABLE, RetryPolicy

DEFAULT_TIMEOUT_S = 3600
DEFAULT_STEP_TIMEOUT_S = 300
DEFAULT_DECISION_S = 7 * 24 * 3600
"""How long a person has for a decision."""
DEFAULT_MAX_RETRIES = 3

PLUGIN_ACTION = "plugin_action"
SYSTEM_ACTION = "system_action"
AI_AGENT = "ai_agent"
CONDITION = "condition"
LOOP = "loop"
PARALLEL = "parallel"
WAIT = "wait"
APPROVAL = "approval"

STEP_TYPES = (PLUGIN_ACTION, SYSTEM_ACTION, AI_AGENT, CONDITION, LOOP, PARALLEL, WAIT, APPROVAL)
CONTAINER_TYPES = frozenset({CONDITION, LOOP, PARALLEL})
"""Types whose work is their own steps."""
PAUSE_TYPES = frozenset({WAIT, APPROVAL})
"""Types that wait, for a time or a person, while no worker is held."""
ENGINE_TYPES = CONTAINER_TYPES | PAUSE_TYPES
"""Types that the engine does by itself: no executor, no attempt that could be lost."""
INLINE_TYPES = frozenset({SYSTEM_ACTION}) | ENGINE_TYPES
"""Types that need nothing from outside: they run in the task that finished their predecessor."""
OUTSIDE_TYPES = tuple(kind for kind in STEP_TYPES if kind not in INLINE_TYPES)
"""Types that another worker does."""

THEN, ELSE = "then", "else"
BODY = "steps"
"""The key of a loop's only body, and where it stands in the config."""
ALL, ANY = "all", "any"
APPROVE, REJECT = "approve", "reject"
FAIL, CONTINUE = "fail", "continue"
RETRY, ASK = "retry", "needs_attention"
"""What follows when nobody knows whether an effect happened that must not happen twice."""
PRIORITIES = {"low": -1, "normal": 0, "high": 1}
MISSED_POLICIES = ("skip", "once", "all")
OVERLAP_POLICIES = ("skip", "queue", "allow")


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a definition: where (`steps[2].config.params.title`) and what, in words.

    `line` and `column` count from 1 in the source, 0 when there is no source text.
    """

    path: str
    message: str
    line: int = 0
    column: int = 0


class DefinitionInvalid(Exception):
    """A definition has faults; all of them are in `faults`."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class LoopPlan:
    """How a loop goes round."""

    items: Any
    """An expression, `{{ expression }}` or a list in which templates may stand."""
    as_name: str
    max_concurrency: int
    max_iterations: int
    until: str = ""
    """An expression looked at after each item that worked: when true, no further item begins."""
    on_item_error: str = FAIL


@dataclass(frozen=True)
class Step:
    """One step of a definition."""

    name: str
    type: str
    config: Mapping[str, Any]
    """What the step is given, templates and all; a container's own steps are in `bodies` instead."""
    depends_on: tuple[str, ...]
    condition: str
    timeout_s: int | None
    """Of an attempt; of a decision; of the whole of a container, which has none unless it says so."""
    retry: RetryPolicy
    on_error: str
    position: int
    on_unknown: str = ASK
    description: str = ""
    ancestors: tuple[str, ...] = ()
    """The containers around it, outermost first."""
    branches: tuple[str, ...] = ()
    """In which body of each of them it stands."""
    loop: LoopPlan | None = None
    bodies: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    """A container's own steps: `then` and `else`, a parallel's branches, or a loop's `steps`."""

    @property
    def is_inline(self) -> bool:
        """Say whether it runs in the task that finished its predecessor."""
        return self.type in INLINE_TYPES

    @property
    def is_container(self) -> bool:
        """Say whether its work is its own steps."""
        return self.type in CONTAINER_TYPES

    def body(self, key: int | str) -> tuple[Step, ...]:
        """The steps of a branch, or of any item of a loop."""
        return self.bodies.get(BODY if isinstance(key, int) else key, ())

    @cached_property
    def needed(self) -> int:
        """How many branches of a parallel must work."""
        wanted = self.config.get("wait_for", ALL)
        return len(self.bodies) if wanted == ALL else 1 if wanted == ANY else int(wanted)

    @cached_property
    def config_chains(self) -> frozenset[tuple[str, ...]]:
        """The paths (`("steps", "fetch", "result")`) that its config reads."""
        if self.loop is not None:
            items = self.loop.items
            read = expression_uses(items) if isinstance(items, str) else uses(items)
        elif self.type == CONDITION:
            read = expression_uses(self.config["expression"])
        elif self.type == WAIT and self.until_expression:
            read = expression_uses(self.until_expression)
        else:
            read = uses(self.config)
        return frozenset(use.chain for use in read)

    @cached_property
    def condition_chains(self) -> frozenset[tuple[str, ...]]:
        """The paths that its condition reads."""
        return frozenset(use.chain for use in expression_uses(self.condition)) if self.condition else frozenset()

    @cached_property
    def until_chains(self) -> frozenset[tuple[str, ...]]:
        """The paths that a loop's `until` reads."""
        until = self.loop.until if self.loop is not None else ""
        return frozenset(use.chain for use in expression_uses(until)) if until else frozenset()

    @property
    def until_expression(self) -> str:
        """A wait's `until` when it is an expression; empty when it is a time, a template or not there."""
        until = self.config.get("until")
        return until if isinstance(until, str) and "{{" not in until and read_time(until) is None else ""


@dataclass(frozen=True)
class Signature:
    """How the sender of a webhook signs: an HMAC of the body in a header."""

    header: str
    algorithm: str = "sha256"


@dataclass(frozen=True)
class Trigger:
    """What starts executions by itself: a schedule, a webhook or an event. `manual` starts nothing."""

    type: str
    cron: str = ""
    time_zone: str = ""
    missed: str = "once"
    overlap: str = "skip"
    name: str = ""
    signature: Signature | None = None
    delivery_id_header: str = ""
    event: str = ""
    """A type of events, such as `assignment.created` or `assignment.*`."""
    filter: str = ""
    """A CEL condition over `trigger`."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Templates over `trigger`."""


@dataclass(frozen=True)
class Definition:
    """A whole workflow."""

    name: str
    description: str
    version: str
    variables: Mapping[str, Any]
    inputs: Mapping[str, Any]
    timeout_s: int
    triggers: tuple[Trigger, ...]
    steps: tuple[Step, ...]
    priority: int = 0
    error_workflow: str = ""
    """The name of the workflow that starts when an execution of this one fails."""
    by_name: Mapping[str, Step] = field(repr=False, compare=False, default_factory=dict)

    def step(self, name: str) -> Step:
        """The step of this name, at any depth; names are unique in a definition."""
        return self.by_name[name]

    def siblings(self, step: Step) -> tuple[Step, ...]:
        """The steps of the same body, in the order they are written."""
        return self.by_name[step.ancestors[-1]].bodies[step.branches[-1]] if step.ancestors else self.steps

    def is_last(self, step: Step) -> bool:
        """Say whether nothing in its body waits for it: only when such a step ends can the body be over."""
        return step.name not in self._dependants

    def is_only_last(self, step: Step) -> bool:
        """Say whether the body is over as soon as this step is: every other comes before it."""
        if step.name not in self._only_last:
            others = (other for other in self.siblings(step) if other.name != step.name)
            self._only_last[step.name] = self.is_last(step) and not any(self.is_last(other) for other in others)
        return self._only_last[step.name]

    @cached_property
    def _only_last(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _dependants(self) -> Mapping[str, tuple[Step, ...]]:
        found: dict[str, list[Step]] = {}
        for step in self.by_name.values():
            for name in step.depends_on:
                found.setdefault(name, []).append(step)
        return {name: tuple(steps) for name, steps in found.items()}

    def dependants(self, name: str) -> tuple[Step, ...]:
        """The steps that wait for this one."""
        return self._dependants.get(name, ())


def parse_definition(data: Any, catalogue: Any = None) -> Definition:
    """Check a definition and build it.

    `catalogue` (see `validation.Catalogue`) says which plugins, actions and agents exist; without one, their
    names are not checked.

    Raises:
        DefinitionInvalid: with every fault.
    """
    from workflows.engine.validation import find_faults  # the checks need the names above

    faults = find_faults(data, catalogue)
    if faults:
        raise DefinitionInvalid(faults)
    return build_definition(data)


def build_definition(data: Mapping[str, Any]) -> Definition:
    """Build a definition from data that was checked before, as a stored version was."""
    counter = iter(range(1_000_000))
    steps = _build_body(data["steps"], (), (), counter)
    return Definition(
        name=data["name"],
        description=data.get("description") or "",
        version=str(data.get("version", "1.0")),
        variables=data.get("variables") or {},
        inputs=data.get("inputs") or {},
        timeout_s=data.get("timeout", DEFAULT_TIMEOUT_S),
        triggers=tuple(_build_trigger(raw) for raw in data.get("triggers") or ()),
        steps=steps,
        priority=PRIORITIES[data.get("priority", "normal")],
        error_workflow=data.get("error_workflow") or "",
        by_name={step.name: step for step in _all_steps(steps)},
    )


def _build_trigger(raw: Mapping[str, Any]) -> Trigger:
    texts = ("cron", "time_zone", "missed", "overlap", "name", "delivery_id_header", "event", "filter")
    return Trigger(
        type=raw["type"],
        signature=Signature(**raw["signature"]) if raw.get("signature") else None,
        inputs=raw.get("inputs") or {},
        **{key: raw[key] for key in texts if raw.get(key)},
    )


def _build_body(
    raw: list[Mapping[str, Any]], ancestors: tuple[str, ...], branches: tuple[str, ...], counter: Iterator[int]
) -> tuple[Step, ...]:
    return tuple(_build_step(step, ancestors, branches, counter) for step in raw)


def _build_step(
    raw: Mapping[str, Any], ancestors: tuple[str, ...], branches: tuple[str, ...], counter: Iterator[int]
) -> Step:
    position, kind = next(counter), raw["type"]
    config = dict(raw.get("config") or {})
    bodies = {
        key: _build_body(steps, (*ancestors, raw["name"]), (*branches, key), counter)
        for key, steps in take_bodies(kind, config).items()
    }
    return Step(
        name=raw["name"],
        type=kind,
        config=config,
        depends_on=tuple(dict.fromkeys(raw.get("depends_on") or ())),
        condition=(raw.get("condition") or "").strip() if isinstance(raw.get("condition"), str) else "",
        timeout_s=raw.get("timeout", _default_timeout(kind)),
        retry=RetryPolicy(
            max_retries=raw.get("max_retries", DEFAULT_MAX_RETRIES),
            retry_on=frozenset(raw["retry_on"]) if raw.get("retry_on") is not None else RETRYABLE,
        ),
        on_error=raw.get("on_error", FAIL),
        on_unknown=raw.get("on_unknown", ASK),
        description=raw.get("description") or "",
        position=position,
        ancestors=ancestors,
        branches=branches,
        loop=_build_loop(config) if kind == LOOP else None,
        bodies=bodies,
    )


def take_bodies(kind: str, config: dict[str, Any]) -> dict[str, list[Any]]:
    """Take a container's own steps out of its config: body → steps as they are written."""
    if kind == LOOP:
        return {BODY: config.pop(BODY, None) or []}
    if kind == CONDITION:
        return {key: config.pop(key) or [] for key in (THEN, ELSE) if key in config}
    if kind == PARALLEL:
        return dict(config.pop("branches", None) or {})
    return {}


def _build_loop(config: Mapping[str, Any]) -> LoopPlan:
    return LoopPlan(
        items=config.get("items"),
        as_name=config.get("as", "item"),
        max_concurrency=config.get("max_concurrency", 1),
        max_iterations=config.get("max_iterations", 1000),
        until=config.get("until") or "",
        on_item_error=config.get("on_item_error", FAIL),
    )


def _default_timeout(kind: str) -> int | None:
    if kind == APPROVAL:
        return DEFAULT_DECISION_S
    return None if kind in ENGINE_TYPES else DEFAULT_STEP_TIMEOUT_S


def _all_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        for body in step.bodies.values():
            yield from _all_steps(body)
