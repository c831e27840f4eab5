"""A store in memory, for tests, dry runs and reading: the same promises as PostgreSQL's, without lasting."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from workflows.engine.definition import INLINE_TYPES, Definition
from workflows.engine.ledger import Ledger
from workflows.engine.records import EventRecord, ExecutionRecord, StepRecord
from workflows.engine.rerun import Earlier
from workflows.engine.states import EXECUTION_MOVES, OPEN, PENDING, RUNNING, STEP_MOVES, WAITING, check_move
from workflows.engine.store import Due, Lease, Moved, Patience

READY_AT_ONCE = 50


@dataclass
class _Kept:
    execution: ExecutionRecord
    created_at: datetime
    steps: dict[str, StepRecord] = field(default_factory=dict)
    items: dict[tuple[str, int], Any] = field(default_factory=dict)
    events: list[EventRecord] = field(default_factory=list)
    hinted: dict[str, datetime] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


class MemoryStore:
    """Keeps executions in dictionaries. `now` may be set forward by tests."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._kept: dict[int, _Kept] = {}
        self._definitions: dict[int, Definition] = {}
        self._ids = itertools.count(1)
        self.later = timedelta()

    @property
    def now(self) -> datetime:
        """The store's clock."""
        return datetime.now(UTC) + self.later

    def add(self, definition: Definition, **fields: Any) -> int:
        """Keep a new execution of a definition; returns its id."""
        number = next(self._ids)
        self._definitions[number] = definition
        execution = ExecutionRecord(id=number, owner_id=7, actor_id=7, workflow_id=1, version_id=number)
        execution.variables = dict(definition.variables)
        for name, value in fields.items():
            setattr(execution, name, value)
        self._kept[number] = _Kept(execution, self.now)
        return number

    def definition(self, version_id: int) -> Definition:
        """The definition of a version."""
        return self._definitions[version_id]

    @contextmanager
    def open(
        self,
        execution_id: int,
        *,
        paths: Collection[str] = (),
        after: Ledger | None = None,
        wait: bool = True,
    ) -> Iterator[Ledger | None]:
        """Lock an execution; see `Store.open`."""
        kept = self._kept.get(execution_id)
        if kept is None or not kept.lock.acquire(blocking=wait):
            yield None
            return
        try:
            if after is None:
                ledger = self._read(kept, paths)
            elif after.execution.revision != kept.execution.revision:
                raise Moved
            else:
                ledger = after
                ledger.go_on(self.now)
            yield ledger
            self._write(kept, ledger)
            ledger.committed()
        finally:
            kept.lock.release()

    def _read(self, kept: _Kept, paths: Collection[str]) -> Ledger:
        execution, reader = copy.deepcopy(kept.execution), _MemoryReader(kept, lambda: self.now, self)
        definition = self.definition(execution.version_id)
        return Ledger(execution, definition, self.now, reader, reader.steps(paths), self.patience)

    @staticmethod
    def _write(kept: _Kept, ledger: Ledger) -> None:
        if kept.execution.status != ledger.execution.status:
            check_move(EXECUTION_MOVES, kept.execution.status, ledger.execution.status, "execution")
        for path, step in ledger.changed.items():
            old = kept.steps[path]
            if old.status != step.status:
                check_move(STEP_MOVES, old.status, step.status, path)
            new = copy.deepcopy(step)
            if path not in ledger.new_results:
                new.result = old.result
            kept.steps[path] = new
        for path, step in ledger.inserted.items():
            if path in kept.steps:
                raise ValueError(f"step {path} exists already")
            kept.steps[path] = copy.deepcopy(step)
        for step, _delay in ledger.hints:
            kept.hinted[step.path] = ledger.now
        kept.items |= {(item.loop_path, item.index): item.value for item in ledger.new_items}
        kept.events += ledger.events
        kept.execution = copy.deepcopy(ledger.execution)
        kept.execution.revision += ledger.has_changes

    def earlier(self, execution_id: int) -> Earlier | None:
        """An execution that is over, with all there is of it."""
        kept = self._kept.get(execution_id)
        if kept is None:
            return None
        execution, steps, items, events = copy.deepcopy((kept.execution, kept.steps, kept.items, kept.events))
        return Earlier(execution, self.definition(execution.version_id), steps, items, events)

    def time_of(self, ledger: Ledger) -> datetime:
        """The store's clock."""
        return self.now

    def take_queued(self, owner_id: int) -> int | None:
        """Nothing queues here."""
        return None

    def renew(self, leases: Iterable[Lease]) -> None:
        """Prolong leases that are still held."""
        for lease in leases:
            kept = self._kept[lease.execution_id]
            with kept.lock:
                step = kept.steps[lease.path]
                if step.status == RUNNING and step.token == lease.token:
                    step.lease_until = self.now + timedelta(seconds=self.patience.lease_s)

    def due(self, *, limit: int = 500) -> list[Due]:
        """Find work that nobody seems to be doing."""
        found: list[Due] = []
        for number, kept in list(self._kept.items()):
            with kept.lock:
                found += self._due_of(number, kept)
        return found[:limit]

    def _due_of(self, number: int, kept: _Kept) -> Iterator[Due]:
        now, execution = self.now, kept.execution
        patience = timedelta(seconds=self.patience.hint_again_after_s)
        if execution.status not in OPEN:
            return
        if execution.deadline_at is not None and execution.deadline_at <= now:
            yield Due(number, is_expired=True)
            return
        if execution.status == PENDING:
            if kept.hinted.get("", kept.created_at) + patience <= now:
                kept.hinted[""] = now
                yield Due(number)
            return
        for path, step in kept.steps.items():
            late = step.deadline_at is not None and step.deadline_at <= now
            lost = step.lease_until is not None and step.lease_until <= now
            if step.status == RUNNING and (late or lost):
                yield Due(number, path, step.kind, is_expired=True)
                continue
            ready = step.is_ready and step.ready_at is not None and step.ready_at + patience <= now
            again = step.status == WAITING and step.next_attempt_at is not None and step.next_attempt_at <= now
            hinted = kept.hinted.get(path)
            if (ready or again) and (hinted is None or hinted + patience <= now or again):
                kept.hinted[path] = now
                yield Due(number, path, step.kind)

    # --- for tests --------------------------------------------------------------------------------------

    def execution(self, execution_id: int) -> ExecutionRecord:
        """How an execution stands."""
        return copy.deepcopy(self._kept[execution_id].execution)

    def step(self, execution_id: int, path: str) -> StepRecord:
        """How a step stands."""
        return copy.deepcopy(self._kept[execution_id].steps[path])

    def steps(self, execution_id: int) -> Mapping[str, StepRecord]:
        """All steps by path."""
        return copy.deepcopy(self._kept[execution_id].steps)

    def items(self, execution_id: int) -> dict[str, list[Any]]:
        """The items of each loop, by its path, in order."""
        found: dict[str, list[Any]] = {}
        for (path, _index), value in sorted(self._kept[execution_id].items.items(), key=lambda item: item[0]):
            found.setdefault(path, []).append(value)
        return found

    def executions(self) -> list[int]:
        """The ids of all executions."""
        return sorted(self._kept)

    def events(self, execution_id: int) -> list[EventRecord]:
        """The log of an execution."""
        return list(self._kept[execution_id].events)


class _MemoryReader:
    def __init__(self, kept: _Kept, now: Callable[[], datetime], store: MemoryStore) -> None:
        self._kept = kept
        self._now = now
        self._store = store

    def steps(self, paths: Collection[str], *, with_results: bool = False) -> list[StepRecord]:
        return [copy.deepcopy(self._kept.steps[path]) for path in paths if path in self._kept.steps]

    def ready_inline(self) -> list[StepRecord]:
        now = self._now()
        ready = [
            step
            for step in self._kept.steps.values()
            if step.kind in INLINE_TYPES
            and (step.is_ready or (step.status == WAITING and (step.next_attempt_at or now) <= now))
        ]
        ready.sort(key=lambda step: step.next_attempt_at or step.ready_at or now)
        return copy.deepcopy(ready[:READY_AT_ONCE])

    def next_queued(self, kind: str) -> StepRecord | None:
        return None  # hints are sent for all of them: nothing queues here

    def open_steps(self, below: str = "") -> list[StepRecord]:
        return [
            copy.deepcopy(step) for path, step in self._kept.steps.items() if step.is_open and path.startswith(below)
        ]

    def has_open_steps(self, scope: str, besides: Collection[str]) -> bool:
        return any(
            step.is_open and step.scope == scope and path not in besides for path, step in self._kept.steps.items()
        )

    def steps_below(self, container_path: str) -> list[StepRecord]:
        return [copy.deepcopy(s) for path, s in self._kept.steps.items() if path.startswith(f"{container_path}[")]

    def item(self, loop_path: str, index: int) -> Any:
        return copy.deepcopy(self._kept.items[loop_path, index])

    def earlier(self, execution_id: int) -> Earlier | None:
        return self._store.earlier(execution_id)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        yield
