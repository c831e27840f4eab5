"""What a dry run came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.dry_run.doubles import Deed
from workflows.dry_run.writes import Written, row_words
from workflows.engine.records import StepRecord, parent_of
from workflows.engine.states import CANCELLED, COMPLETED, FAILED, SKIPPED

NEEDS = "needs"
MOST_STEPS = 300


@dataclass(frozen=True)
class Wrote:
    """Rows of one kind: `what` is added, changed or removed."""

    rows: str
    what: str
    count: int


@dataclass(frozen=True)
class DryStep:
    """One step as it would go. `outcome` is its status, or `needs` when it waits for an answer nobody gave."""

    path: str
    name: str
    type: str
    outcome: str
    config: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    error: str = ""
    reason: str = ""
    needs: tuple[str, ...] = ()
    is_called: bool = False
    """Another service would be asked here."""
    stand_in: str = ""
    """Where the answer is from that stands in for the service's; empty when there is none."""
    problem: str = ""
    """Why the call could not be made as things are."""
    wrote: tuple[Wrote, ...] = ()
    worst_usd_micros: int = 0
    until: str = ""
    """Until when it would wait, or could be decided."""

    @property
    def what(self) -> str:
        """What is called: an action, a plugin's action, an agent."""
        if "agent" in self.config:
            return f"agent {self.config['agent']}"
        parts = (self.config.get("plugin"), self.config.get("action"))
        return ", ".join(str(part) for part in parts if part)

    @property
    def depth(self) -> int:
        """How many containers it stands in."""
        return self.path.count("[")


@dataclass(frozen=True)
class DryRun:
    """What would happen. Nothing of it did."""

    status: str
    error: str
    steps: tuple[DryStep, ...]
    wrote: tuple[Wrote, ...]
    notifications: tuple[Mapping[str, str], ...]
    mails: tuple[Mapping[str, str], ...]
    variables: Mapping[str, Any]
    likely_usd_micros: int
    worst_usd_micros: int
    budget_left_usd_micros: int
    stand_ins_of: int | None
    is_cut: bool
    """It was stopped before the end, because it took too long."""
    hidden_steps: int = 0

    @property
    def needs(self) -> list[str]:
        """The steps whose answers are missing to go on, in order."""
        missing = {name: None for step in self.steps for name in step.needs}
        called = {step.name for step in self.steps if step.is_called}
        return [name for name in missing if name in called]

    @property
    def calls(self) -> int:
        """How many times another service would be asked."""
        return sum(1 for step in self.steps if step.is_called)

    @property
    def problems(self) -> list[str]:
        """Why calls could not be made, each once."""
        return list(dict.fromkeys(step.problem for step in self.steps if step.problem))


def wrote_of(written: Written) -> tuple[Wrote, ...]:
    """Counts in the order of the alphabet."""
    return tuple(
        Wrote(row_words(table, is_one=count == 1), what, count) for (table, what), count in sorted(written.items())
    )


def total(deeds: Iterable[Deed]) -> tuple[Wrote, ...]:
    """What all steps write together."""
    return wrote_of(sum((deed.written for deed in deeds), Counter()))


def in_their_containers(order: Iterable[str], records: Mapping[str, StepRecord]) -> list[str]:
    """Paths as they stand in each other: a container, then its items or branches, each with all of its steps."""
    first: dict[str, int] = {}
    keys: dict[str, list[int]] = {}
    for place, path in enumerate(order):
        around = [path]
        while scope := records[around[-1]].scope:
            around += [scope, parent_of(scope)[0]]
        keys[path] = [first.setdefault(part, place) for part in reversed(around)]
    return sorted(keys, key=keys.__getitem__)


def dry_steps(
    order: Iterable[str],
    records: Mapping[str, StepRecord],
    deeds: Mapping[str, Deed],
    needs: Mapping[str, list[str]],
    types: Mapping[str, str],
    waits: Mapping[str, str],
) -> list[DryStep]:
    """Put the steps together in the order in which they came up, those of a container behind it; `waits` has until
    when, by path."""
    steps = []
    for path in in_their_containers(order, records):
        record = records[path]
        if record.is_open or record.status == CANCELLED and record.started_at is None:
            continue
        deed = deeds.get(path, Deed())
        missing = tuple(needs.get(record.name, ())) if record.status == COMPLETED else ()
        steps.append(
            DryStep(
                path=path,
                name=record.name,
                type=types[record.name],
                outcome=NEEDS if missing and not deed.origin else record.status,
                config=deed.config,
                result=record.result,
                error=record.error,
                reason=record.reason if record.status in (SKIPPED, FAILED) else "",
                needs=missing,
                is_called=deed.is_called,
                stand_in=deed.origin,
                problem=deed.problem,
                wrote=wrote_of(deed.written),
                worst_usd_micros=deed.worst_usd_micros,
                until=waits.get(path, ""),
            )
        )
    return steps
