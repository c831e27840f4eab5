"""An execution rebuilt from its events alone: the log folded, one event after the other.

The rows say how an execution stands, the log says how it came to stand so. Both are written in one transaction;
`Replay` works the rows out again from the log, and `differences` names every place where the two disagree.
An event tells what happened to a step (`step.completed`), and under `opened` and `counts` what followed from it at
once: the scopes that were laid out, and how many items of a loop had begun and ended by then. Results and variables
that are too long for an event stand in it by their digest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from workflows.engine.definition import CONTAINER_TYPES, Definition, Step
from workflows.engine.digest import digest_of
from workflows.engine.records import EventRecord, ExecutionRecord, StepRecord, parent_of, path_in
from workflows.engine.states import (
    CANCELLED,
    COMPLETED,
    EXECUTION_MOVES,
    FAILED,
    FINAL,
    NEEDS_ATTENTION,
    OPEN,
    PAUSES,
    RUNNING,
    SKIPPED,
    STEP_MOVES,
    WAITING,
)

LONGEST_TRANSACTION = timedelta(seconds=90)
"""An event carries the time of its insertion, a row the time at which its transaction began."""
MOST_FAULTS = 50

EXECUTION_EVENTS = {"started": RUNNING, "completed": COMPLETED, "failed": FAILED, "cancelled": CANCELLED}
STEP_EVENTS = {
    "started": RUNNING,
    "retrying": WAITING,
    "waiting": WAITING,
    "completed": COMPLETED,
    "failed": FAILED,
    "skipped": SKIPPED,
    "cancelled": CANCELLED,
}
CONTAINER_EVENTS = ("loop.started", "condition.decided", "parallel.started")
NOTHING: Any = object()


class Row(Protocol):
    """A step as a store has it: a record, or a database row with the same names."""

    path: str
    status: str
    result: Any


class Replay:
    """The fold. `apply` takes the events in order; `execution`, `steps` and `faults` tell what they come to."""

    def __init__(self, definition: Definition, *, keep_results: bool = False) -> None:
        self.definition = definition
        self.execution = ExecutionRecord(id=0, owner_id=0, actor_id=None, workflow_id=0, version_id=0)
        self.execution.variables = dict(definition.variables)
        self.steps: dict[str, StepRecord] = {}
        self.digests: dict[str, str] = {}
        """Path → digest of the result; the results themselves are kept only when asked for."""
        self.items: dict[str, str] = {}
        """Path of a loop → digest of its items."""
        self.variable_digests: dict[str, str] = {}
        """The variables that the log knows by digest only."""
        self.faults: list[str] = []
        """What the log itself does wrong: gaps, moves that are not allowed, events after the end."""
        self.requested: dict[str, Any] = {}
        self.count = 0
        self.keep_results = keep_results
        self._scopes: set[str] = set()

    # --- events -----------------------------------------------------------------------------------------

    def apply(self, event: EventRecord) -> None:
        """Take the next event into account."""
        self.count += 1
        if event.sequence and event.sequence != self.count:
            self._fault(f"event {self.count} has the number {event.sequence}")
            self.count = event.sequence
        if self.execution.status in FINAL:
            self._fault(f"{event.type} comes after the end")
        subject, _, what = event.type.removeprefix("workflow.").partition(".")
        if subject == "execution" and what == "requested":
            self._request(event)
        elif subject == "execution" and what in EXECUTION_EVENTS:
            self._move_execution(event, EXECUTION_EVENTS[what])
        elif subject == "step" and what in STEP_EVENTS:
            self._move_step(event, what, STEP_EVENTS[what])
        elif event.type.removeprefix("workflow.") in CONTAINER_EVENTS:
            self._begin_container(event)
        elif subject == "step" and what == "decided":
            self._step(event.data["path"]).reason = ""
        else:
            self._fault(f"{event.type} is not an event that can be folded (engine/replay.py)")
        self._variables(event)
        for scope in event.data.get("opened", ()):
            self._open(scope)
        self.items |= event.data.get("loop_items_sha256", {})
        self.items |= {path: digest_of(values) for path, values in event.data.get("loop_items", {}).items()}
        for path, (begun, over, failed) in event.data.get("counts", {}).items():
            container = self._step(path)
            container.items_started, container.items_done, container.items_failed = begun, over, failed

    def _request(self, event: EventRecord) -> None:
        if self.requested:
            self._fault("it was requested twice")
        self.requested = event.data
        execution = self.execution
        execution.workflow_id = event.data.get("workflow", 0)
        execution.version_id = event.data.get("version", 0)
        execution.inputs = event.data.get("inputs", {})
        execution.trigger = event.data.get("trigger", {})

    def _move_execution(self, event: EventRecord, status: str) -> None:
        execution = self.execution
        if (execution.status, status) not in EXECUTION_MOVES:
            self._fault(f"the execution goes from {execution.status} to {status}")
        execution.status = status
        if status == RUNNING:
            execution.started_at = event.time
            self._open("")
        else:
            execution.completed_at = event.time
            execution.error_message = event.data.get("error", "")

    def _move_step(self, event: EventRecord, what: str, status: str) -> None:
        data = event.data
        step = self._step(data["path"])
        is_answered_late = what == "retrying" and step.reason == NEEDS_ATTENTION
        if (step.status, status) not in STEP_MOVES and not is_answered_late:
            self._fault(f"step {step.path} goes from {step.status} to {status}")
        step.status = status
        if status == RUNNING or (what == "waiting" and step.attempt == 0):
            if data["attempt"] != step.attempt + 1:
                self._fault(f"attempt {data['attempt']} of step {step.path} follows attempt {step.attempt}")
            step.attempt = step.token = data["attempt"]
            step.started_at = step.started_at or event.time
            step.error = ""
        if "error" in data:
            step.error = data["error"]
        if "reason" in data or status in FINAL or what == "retrying":
            step.reason = data.get("reason", "")
        if "items" in data:
            step.item_count = data["items"]
        if status == COMPLETED and not step.attempt and "reused" not in data:
            self._fault(f"step {step.path} completed, and no attempt began")
        if "reused" in data:
            self._take_over(step, data)
        elif status == COMPLETED and step.kind not in CONTAINER_TYPES:
            self._result(step, data)
        if status == FAILED:
            self.digests.pop(step.path, None)
        if status in FINAL:
            step.finished_at = event.time

    def _take_over(self, step: StepRecord, data: dict[str, Any]) -> None:
        step.is_reused = True
        if "result" in data or "result_sha256" in data:
            self._result(step, data)

    def _begin_container(self, event: EventRecord) -> None:
        step = self._step(event.data["path"])
        step.item_count = event.data["items"]
        if "result" in event.data:
            self._result(step, event.data)

    def _result(self, step: StepRecord, data: dict[str, Any]) -> None:
        if "result_sha256" in data:
            self.digests[step.path] = data["result_sha256"]
        elif "result" in data:
            self.digests[step.path] = digest_of(data["result"])
            if self.keep_results:
                step.result = data["result"]
        else:
            self._fault(f"step {step.path} completed, and its event has no result")

    def _variables(self, event: EventRecord) -> None:
        for name, value in event.data.get("variables", {}).items():
            self.execution.variables[name] = value
            self.variable_digests.pop(name, None)
        for name, digest in event.data.get("variables_sha256", {}).items():
            self.execution.variables[name] = None
            self.variable_digests[name] = digest
        for name in event.data.get("variables_removed", ()):
            self.execution.variables.pop(name, None)
            self.variable_digests.pop(name, None)

    # --- steps ------------------------------------------------------------------------------------------

    def _open(self, scope: str) -> None:
        """Lay out the steps of a scope. A step whose event came first (skipped at once) is there already."""
        if scope in self._scopes:
            self._fault(f"the scope {scope or 'of the execution'} is opened twice")
            return
        self._scopes.add(scope)
        for step in self._body(scope):
            self._lay_out(scope, step)

    def _body(self, scope: str) -> Collection[Step]:
        if not scope:
            return self.definition.steps
        path, key = parent_of(scope)
        return self.definition.step(path.rpartition(".")[2]).body(key)

    def _lay_out(self, scope: str, step: Step) -> StepRecord:
        path = path_in(scope, step.name)
        if path not in self.steps:
            key = parent_of(scope)[1] if scope else None
            index = key if isinstance(key, int) else None
            self.steps[path] = StepRecord(
                path=path, name=step.name, kind=step.type, scope=scope, position=step.position, index=index
            )
        return self.steps[path]

    def _step(self, path: str) -> StepRecord:
        if path in self.steps:
            return self.steps[path]
        scope, _, name = path.rpartition(".")
        return self._lay_out(scope, self.definition.step(name))

    @property
    def pauses(self) -> int:
        """How many steps wait for a time or a person."""
        return sum(1 for step in self.steps.values() if step.status == WAITING and step.reason in PAUSES)

    def waiting_for(self, step: StepRecord) -> int:
        """How many of the steps that a step depends on are not over."""
        before = (self.steps[path_in(step.scope, name)] for name in self.definition.step(step.name).depends_on)
        return sum(1 for other in before if other.is_open)

    def _fault(self, words: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(words)


def replay(events: Iterable[EventRecord], definition: Definition, *, keep_results: bool = False) -> Replay:
    """Fold a whole log."""
    fold = Replay(definition, keep_results=keep_results)
    for event in events:
        fold.apply(event)
    return fold


# --- the comparison ----------------------------------------------------------------------------------------


def differences(
    fold: Replay, execution: Any, steps: Iterable[Row], items: Iterable[tuple[str, list[Any]]] | None = None
) -> Iterator[str]:
    """Say in words where rows differ from what the log comes to, and what is wrong with the log itself.

    `items` are those of each loop, by its path, in order; without them they are not compared.
    """
    yield from fold.faults
    told = fold.execution
    pairs: list[tuple[str, Any, Any]] = [
        ("status", told.status, execution.status),
        ("error", told.error_message, execution.error_message),
        ("pauses", fold.pauses, execution.pauses),
    ]
    if fold.requested:
        pairs += [
            (name, getattr(told, name), getattr(execution, name))
            for name in ("workflow_id", "version_id", "inputs", "trigger")
        ]
    yield from _unequal("execution", pairs)
    yield from _unequal_times("execution", told, execution, ("started_at", "completed_at"))
    yield from _unequal_variables(fold, execution.variables)
    seen = set()
    for row in steps:
        seen.add(row.path)
        record = fold.steps.get(row.path)
        if record is None:
            yield f"step {row.path} is {row.status} in the table, and the log does not know it"
        else:
            yield from _unequal_step(fold, record, row)
    for path in fold.steps.keys() - seen:
        yield f"step {path} is {fold.steps[path].status} in the log, and the table does not have it"
    if items is not None:
        kept = {path: digest_of(values) for path, values in items}
        for path in sorted(path for path in kept.keys() | fold.items.keys() if kept.get(path) != fold.items.get(path)):
            yield f"step {path}: its items in the table are not those in the log"


COMPARED = (
    *("name", "kind", "scope", "position", "index", "status", "attempt", "token", "error", "reason"),
    *("item_count", "items_started", "items_done", "items_failed", "is_reused"),
)


def _unequal_step(fold: Replay, told: StepRecord, row: Any) -> Iterator[str]:
    what = f"step {row.path}"
    pairs = [(name, getattr(told, name), getattr(row, name)) for name in COMPARED]
    if told.status in OPEN and told.path in fold.steps:
        pairs.append(("waiting_for", fold.waiting_for(told), row.waiting_for))
    yield from _unequal(what, pairs)
    yield from _unequal_times(what, told, row, ("started_at", "finished_at"))
    expected = fold.digests.get(row.path)
    if expected is None:
        if row.result is not None:
            yield f"{what}: it has a result in the table, and none in the log"
    elif digest_of(row.result) != expected:
        yield f"{what}: the result in the table is not the one in the log"


def _unequal(what: str, pairs: Iterable[tuple[str, Any, Any]]) -> Iterator[str]:
    for name, told, kept in pairs:
        if told != kept:
            yield f"{what}: {name} is {_short(kept)} in the table, {_short(told)} in the log"


def _unequal_times(what: str, told: Any, row: Any, names: Collection[str]) -> Iterator[str]:
    for name in names:
        logged: datetime | None = getattr(told, name)
        kept: datetime | None = getattr(row, name)
        if logged is None or told.status == "":
            continue  # events of the store in memory carry no times
        if kept is None or not logged - LONGEST_TRANSACTION <= kept <= logged + timedelta(seconds=1):
            yield f"{what}: {name} is {kept} in the table, about {logged} in the log"


def _unequal_variables(fold: Replay, variables: dict[str, Any]) -> Iterator[str]:
    told = fold.execution.variables
    for name in told.keys() | variables.keys():
        kept = variables.get(name, NOTHING)
        if name in fold.variable_digests:
            same = kept is not NOTHING and digest_of(kept) == fold.variable_digests[name]
        else:
            same = kept is not NOTHING and name in told and digest_of(kept) == digest_of(told[name])
        if not same:
            yield f"execution: the variable {name} in the table is not the one in the log"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "…"
