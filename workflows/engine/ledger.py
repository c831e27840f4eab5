"""One transaction on one execution: what was read, what has changed, and what must be told afterwards.

A store fills a ledger, the transitions work on it, and the store writes its changes at the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from workflows.engine.definition import CONTAINER_TYPES, Definition
from workflows.engine.digest import MAX_IN_EVENT, canonical
from workflows.engine.records import (
    CHANGING,
    Answer,
    EventRecord,
    ExecutionRecord,
    ItemRecord,
    Question,
    StepRecord,
    state_of,
)
from workflows.engine.results import compose
from workflows.engine.states import COMPLETED, EXECUTION_MOVES, FINAL, STEP_MOVES, check_move
from workflows.engine.store import Due, Patience, Reader


class Ledger:
    """The working copy of an execution. `now` is the store's clock; workers' clocks decide nothing."""

    def __init__(
        self,
        execution: ExecutionRecord,
        definition: Definition,
        now: datetime,
        reader: Reader,
        steps: Iterable[StepRecord] = (),
        patience: Patience | None = None,
    ) -> None:
        self.execution = execution
        self.definition = definition
        self.now = now
        self.clock: tuple[datetime, float] = (now, 0.0)
        """When the store last told its time, and this worker's monotonic clock then."""
        self.reader = reader
        self.patience = patience or Patience()
        self._steps: dict[str, StepRecord] = {}
        self._stored: dict[str, tuple[Any, ...]] = {}
        self._memory: dict[str, dict[str, Any]] = {}
        self._items: dict[tuple[str, int], Any] = {}
        self._laid_out: set[str] = set()
        self.kept: dict[str, Any] = {}
        """Whatever executors want to keep for the next steps of this worker's turn."""
        self.ready_inline: deque[str] = deque()
        """In-line steps that may begin, as far as this worker knows, in the order in which they became ready."""
        self.has_looked = False
        """Whether those that others made ready before are among them."""
        self.expanding: set[str] = set()
        self.closed_scopes: set[str] = set()
        """Items counted as done: several skipped steps may find their scope over."""
        self._opened: set[str] = set()
        self._variables_told: dict[str, Any] = {}
        self._begin()
        for step in steps:
            self.adopt(step)

    def _begin(self) -> None:
        """Nothing has changed yet in this transaction."""
        self.was_status, self.was_pauses = self.execution.status, self.execution.pauses
        self.execution_changed = False
        self.changed: dict[str, StepRecord] = {}
        self.inserted: dict[str, StepRecord] = {}
        self.new_results: set[str] = set()
        self.new_items: list[ItemRecord] = []
        self.events: list[EventRecord] = []
        self.hints: list[tuple[StepRecord, float]] = []
        self.questions: list[Question] = []
        self.answers: list[Answer] = []
        self.admitted: list[Due] = []
        """Other work of the same student whose turn has come, as the store found when it wrote."""
        self.taken: set[str] = set()
        """Queued outside steps that this worker took without a hint, in the place of the one that it had done."""
        self.shared = 0
        """How many steps began and ended in this transaction, besides the one that it was begun for."""
        self.finished: dict[str, dict[str, Any]] = {}
        """Outcomes that are facts once this transaction commits."""

    # --- from one transaction to the next ---------------------------------------------------------------

    def committed(self) -> None:
        """The store says that everything here is a fact now."""
        self.execution.revision += self.has_changes
        self._memory.update(self.finished)
        for path in (*self.changed, *self.inserted):
            self._stored[path] = state_of(self._steps[path])

    def go_on(self, now: datetime) -> None:
        """Begin the next transaction where the last one ended, reading nothing again."""
        self.now = now
        self._begin()

    @property
    def has_changes(self) -> bool:
        """Say whether there is anything to write."""
        return bool(self.changed or self.inserted or self.execution_changed or self.events)

    def changes_of(self, step: StepRecord) -> dict[str, Any]:
        """What of a step differs from what is stored, besides its result."""
        before, after = self._stored[step.path], state_of(step)
        return {name: new for name, old, new in zip(CHANGING, before, after, strict=True) if old != new}

    # --- steps ------------------------------------------------------------------------------------------

    def step(self, path: str) -> StepRecord:
        """One step's record.

        Raises:
            KeyError: the execution has no such step.
        """
        if path not in self._steps:
            self.load([path])
        return self._steps[path]

    def load(self, paths: Collection[str]) -> None:
        """Read several records at once; what is known already stays."""
        missing = [path for path in paths if path not in self._steps]
        if missing:
            for step in self.reader.steps(missing):
                self.adopt(step)

    def has(self, path: str) -> bool:
        """Say whether the execution has this step by now."""
        self.load([path])
        return path in self._steps

    def adopt(self, step: StepRecord) -> StepRecord:
        """Take a record that was just read, unless there is a copy already."""
        known = self._steps.get(step.path)
        if known is not None:
            return known
        self._steps[step.path] = step
        self._stored[step.path] = state_of(step)
        return step

    def known_open(self, scope: str) -> bool:
        """Say whether a loaded step of this scope is not over; no query."""
        return any(step.is_open and step.scope == scope for step in self._steps.values())

    def scope_is_over(self, scope: str) -> bool:
        """Say whether every step of a scope is over."""
        if self.known_open(scope):
            return False
        if scope in self._laid_out:
            return True
        return not self.reader.has_open_steps(scope, [p for p, s in self._steps.items() if s.scope == scope])

    def open_steps(self, below: str = "") -> list[StepRecord]:
        """Every step that is not over, with this transaction's changes.

        `below` is how their paths begin: `each[` for a container's, `each[3].` for one item's, nothing for all.
        """
        for step in self.reader.open_steps(below):
            self.adopt(step)
        found = (step for path, step in self._steps.items() if step.is_open and path.startswith(below))
        return sorted(found, key=lambda s: (s.position, s.path))

    def insert(self, step: StepRecord) -> None:
        """Add a step to the execution; the log says which scope was laid out."""
        self._steps[step.path] = self.inserted[step.path] = step
        self._laid_out.add(step.scope)
        if step.scope and step.scope not in self._opened:
            self._opened.add(step.scope)
            self._last_event().setdefault("opened", []).append(step.scope)

    def touch(self, step: StepRecord) -> None:
        """Note that a record differs from what is stored."""
        if step.path not in self.inserted:
            self.changed[step.path] = step

    def count_items(self, step: StepRecord, *, begun: int = 0, over: int = 0, failed: int = 0) -> None:
        """Count items or branches that begin or are over; the log says how far the container has come."""
        step.items_started += begun
        step.items_done += over
        step.items_failed += failed
        self.touch(step)
        counts = [step.items_started, step.items_done, step.items_failed]
        self._last_event().setdefault("counts", {})[step.path] = counts

    def move(self, step: StepRecord, status: str) -> None:
        """Change a step's status.

        Raises:
            IllegalMove: the change is not allowed.
        """
        check_move(STEP_MOVES, step.status, status, f"step {step.path}")
        step.status = status
        self.touch(step)

    def set_result(self, step: StepRecord, result: Any) -> None:
        """Keep a step's result."""
        step.result = result
        self.new_results.add(step.path)
        self.touch(step)

    # --- the execution ----------------------------------------------------------------------------------

    def move_execution(self, status: str) -> None:
        """Change the execution's status.

        Raises:
            IllegalMove: the change is not allowed.
        """
        check_move(EXECUTION_MOVES, self.execution.status, status, f"execution {self.execution.id}")
        self.execution.status = status
        self.execution_changed = True

    def set_variables(self, variables: dict[str, Any]) -> None:
        """Keep changed variables; the next event tells which, by their digest where they are long."""
        before, told = self.execution.variables, self._variables_told
        for name, value in variables.items():
            if name not in before or before[name] != value or type(before[name]) is not type(value):
                text = canonical(value)
                if len(text) <= MAX_IN_EVENT:
                    told.setdefault("variables", {})[name] = value
                else:
                    told.setdefault("variables_sha256", {})[name] = sha256(text.encode()).hexdigest()
        if removed := [name for name in before if name not in variables]:
            told["variables_removed"] = removed
        self.execution.variables = variables
        self.execution_changed = True

    def note(self, type: str, **data: Any) -> None:
        """Add an event to the execution's log."""
        if self._variables_told:
            data |= self._variables_told
            self._variables_told = {}
        self.events.append(EventRecord(f"workflow.{type}", data))

    def _last_event(self) -> dict[str, Any]:
        """The data of the event that the present change follows from; there always is one."""
        return self.events[-1].data

    # --- what expressions read --------------------------------------------------------------------------

    def outcomes(self, paths: Collection[str]) -> dict[str, dict[str, Any]]:
        """Path → `{status, result, error, reason, execution_time}` of steps that are there."""
        answer: dict[str, dict[str, Any]] = {}
        missing = []
        for path in paths:
            step = self._steps.get(path)
            if path in self._memory:
                answer[path] = self._memory[path]
            elif step is not None and self._is_known(step):
                answer[path] = outcome_of(step)
            elif path in self.inserted:  # a container that began and ended in this transaction
                answer[path] = outcome_of(self.inserted[path]) | {"result": self._container_result(self.inserted[path])}
            else:
                missing.append(path)
        for step in self.reader.steps(missing, with_results=True) if missing else ():
            current = self._steps.get(step.path, step)
            outcome = outcome_of(current) | {"result": step.result}
            if step.kind in CONTAINER_TYPES:
                outcome["result"] = self._container_result(current)
            answer[step.path] = outcome
            if step.status in FINAL and step.path not in self.changed:
                self._memory[step.path] = outcome
        return answer

    def _is_known(self, step: StepRecord) -> bool:
        """Say whether the result of a record stands in it, rather than in the store."""
        return step.kind not in CONTAINER_TYPES and (step.path in self.inserted or step.path in self.new_results)

    def _container_result(self, container: StepRecord) -> Any:
        return self.composed(container) if container.status == COMPLETED else None

    def composed(self, container: StepRecord) -> Any:
        """What a container gave, put together from its steps."""
        records = {step.path: step for step in self.reader.steps_below(container.path)}
        for path, step in self._steps.items():
            if not path.startswith(f"{container.path}["):
                continue
            is_known = path in self.new_results or path not in records
            records[path] = step if is_known else replace(step, result=records[path].result)
        own = self.new_results & {container.path} or container.path in self.inserted
        kept = container if own else self.reader.steps([container.path], with_results=True)[0]
        return compose(replace(container, result=kept.result), records.values())

    def item(self, loop_path: str, index: int) -> Any:
        """One item of a loop."""
        key = (loop_path, index)
        if key not in self._items:
            self._items[key] = self.reader.item(loop_path, index)
        return self._items[key]

    def insert_items(self, loop_path: str, values: list[Any]) -> None:
        """Keep the items of a loop that begins; the log has them too, by their digest where they are long."""
        text = canonical(values)
        if len(text) <= MAX_IN_EVENT:
            self._last_event().setdefault("loop_items", {})[loop_path] = values
        else:
            digest = sha256(text.encode()).hexdigest()
            self._last_event().setdefault("loop_items_sha256", {})[loop_path] = digest
        for index, value in enumerate(values):
            self._items[loop_path, index] = value
            self.new_items.append(ItemRecord(loop_path, index, value))

    def remember(self, step: StepRecord) -> None:
        """Keep the outcome of a finished step for the next transaction of this worker."""
        if step.kind not in CONTAINER_TYPES and step.path in self.new_results:
            self.finished[step.path] = outcome_of(step)


def outcome_of(step: StepRecord) -> dict[str, Any]:
    """What expressions, API and pages see of a step."""
    return {
        "status": step.status,
        "result": step.result,
        "error": step.error,
        "reason": step.reason,
        "execution_time": step.execution_time,
    }
