"""What a workflow is: steps, what they wait for, and what they are given. Frozen data, checked once.

`parse_definition` is the way in: it answers with a `Definition`, or with every fault at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from coreengine.kernel.expressions import expression_uses, uses
from workflows.engine.retry import RetryPolicy

DEFAULT_TIMEOUT_S = 3600
DEFAULT_STEP_TIMEOUT_S = 300
DEFAULT_MAX_RETRIES = 3

PLUGIN_ACTION = "plugin_action"
SYSTEM_ACTION = "system_action"
AI_AGENT = "ai_agent"
LOOP = "loop"

STEP_TYPES = (PLUGIN_ACTION, SYSTEM_ACTION, AI_AGENT, LOOP)
INLINE_TYPES = frozenset({SYSTEM_ACTION, LOOP})
"""Types that need nothing from outside: they run in the task that finished their predecessor."""

FAIL, CONTINUE = "fail", "continue"


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


@dataclass(frozen=True)
class Step:
    """One step of a definition."""

    name: str
    type: str
    config: Mapping[str, Any]
    """What the step is given, templates and all; a loop's own steps are in `body` instead."""
    depends_on: tuple[str, ...]
    condition: str
    timeout_s: int
    retry: RetryPolicy
    on_error: str
    position: int
    ancestors: tuple[str, ...] = ()
    """The loops around it, outermost first."""
    loop: LoopPlan | None = None
    body: tuple[Step, ...] = ()

    @property
    def is_inline(self) -> bool:
        """Say whether it runs in the task that finished its predecessor."""
        return self.type in INLINE_TYPES

    @cached_property
    def config_chains(self) -> frozenset[tuple[str, ...]]:
        """The paths (`("steps", "fetch", "result")`) that its config reads."""
        if self.loop is not None:
            items = self.loop.items
            read = expression_uses(items) if isinstance(items, str) else uses(items)
        else:
            read = uses(self.config)
        return frozenset(use.chain for use in read)

    @cached_property
    def condition_chains(self) -> frozenset[tuple[str, ...]]:
        """The paths that its condition reads."""
        return frozenset(use.chain for use in expression_uses(self.condition)) if self.condition else frozenset()


@dataclass(frozen=True)
class Trigger:
    """What starts executions by itself: a schedule with a cron line and a time zone."""

    type: str
    cron: str = ""
    time_zone: str = ""


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
    by_name: Mapping[str, Step] = field(repr=False, compare=False, default_factory=dict)

    def step(self, name: str) -> Step:
        """The step of this name, at any depth; names are unique in a definition."""
        return self.by_name[name]

    def siblings(self, step: Step) -> tuple[Step, ...]:
        """The steps of the same body, in the order they are written."""
        return self.by_name[step.ancestors[-1]].body if step.ancestors else self.steps

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
    steps = tuple(_build_step(raw, (), counter) for raw in data["steps"])
    return Definition(
        name=data["name"],
        description=data.get("description") or "",
        version=str(data.get("version", "1.0")),
        variables=data.get("variables") or {},
        inputs=data.get("inputs") or {},
        timeout_s=data.get("timeout", DEFAULT_TIMEOUT_S),
        triggers=tuple(_build_trigger(raw) for raw in data.get("triggers") or ()),
        steps=steps,
        by_name={step.name: step for step in _all_steps(steps)},
    )


def _build_trigger(raw: Mapping[str, Any]) -> Trigger:
    return Trigger(type=raw["type"], cron=raw.get("cron", ""), time_zone=raw.get("time_zone", ""))


def _build_step(raw: Mapping[str, Any], ancestors: tuple[str, ...], counter: Iterator[int]) -> Step:
    position = next(counter)
    config = dict(raw.get("config") or {})
    loop = None
    body: tuple[Step, ...] = ()
    if raw["type"] == LOOP:
        body = tuple(_build_step(child, (*ancestors, raw["name"]), counter) for child in config.pop("steps"))
        loop = LoopPlan(
            items=config.get("items"),
            as_name=config.get("as", "item"),
            max_concurrency=config.get("max_concurrency", 1),
            max_iterations=config.get("max_iterations", 1000),
        )
    return Step(
        name=raw["name"],
        type=raw["type"],
        config=config,
        depends_on=tuple(dict.fromkeys(raw.get("depends_on") or ())),
        condition=(raw.get("condition") or "").strip() if isinstance(raw.get("condition"), str) else "",
        timeout_s=raw.get("timeout", DEFAULT_STEP_TIMEOUT_S),
        retry=RetryPolicy(max_retries=raw.get("max_retries", DEFAULT_MAX_RETRIES)),
        on_error=raw.get("on_error", FAIL),
        position=position,
        ancestors=ancestors,
        loop=loop,
        body=body,
    )


def _all_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _all_steps(step.body)
