"""What is kept about an execution and its steps: plain data, the same in every store."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from workflows.engine.states import OPEN, PENDING


@dataclass
class ExecutionRecord:
    """One execution, as read under its lock."""

    id: int
    owner_id: int
    actor_id: int | None
    workflow_id: int
    version_id: int
    status: str = PENDING
    trigger: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    connection_id: int | None = None
    rerun_of_id: int | None = None
    """The execution of which it repeats a part."""
    rerun_from: str = ""
    """The path of the step from which it repeats it; empty to repeat whatever had not finished."""
    error_message: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    deadline_at: datetime | None = None
    """Empty while its clock stands still."""
    pauses: int = 0
    """How many steps wait for a time or a person: as long as there is one, its clock stands still."""
    time_left_s: float | None = None
    """What was left of its timeout when the clock was stopped."""
    revision: int = 0
    """Grows with every transaction: who knows the newest knows how the execution stands without reading it again."""
    is_owner_active: bool = True

    @property
    def is_open(self) -> bool:
        """Say whether it may still change."""
        return self.status in OPEN


@dataclass
class StepRecord:
    """One step of an execution; a step inside a loop has one record for each item."""

    path: str
    """Unique in the execution: `fetch`, `sync_each[3].import`."""
    name: str
    kind: str
    scope: str
    """Where it stands: empty at the top, `sync_each[3]` inside a loop, `decide[then]` inside a branch."""
    position: int
    id: int | None = None
    index: int | None = None
    status: str = PENDING
    waiting_for: int = 0
    """How many of the steps it depends on are not over."""
    attempt: int = 0
    token: int = 0
    """Grows with every claim; an outcome that comes with an older one is refused."""
    lease_until: datetime | None = None
    deadline_at: datetime | None = None
    next_attempt_at: datetime | None = None
    ready_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    execution_time: float | None = None
    result: Any = None
    error: str = ""
    reason: str = ""
    item_count: int | None = None
    items_started: int = 0
    items_done: int = 0
    """Of a loop its items, of a parallel its branches, of a condition the branch it took; failed ones too."""
    items_failed: int = 0
    is_reused: bool = False
    """Its result was taken over from the execution that this one repeats."""
    key_execution_id: int | None = None
    """The execution whose idempotency key it keeps, when it is not its own."""

    @property
    def is_open(self) -> bool:
        """Say whether it may still change."""
        return self.status in OPEN

    @property
    def is_ready(self) -> bool:
        """Say whether a worker may begin it as far as its dependencies go."""
        return self.status == PENDING and self.waiting_for == 0


FIXED = frozenset({"id", "path", "name", "kind", "scope", "position", "index"})
CHANGING = tuple(f.name for f in fields(StepRecord) if f.name not in FIXED | {"result"})
"""What of a step may change, besides its result, which is read only where it is needed."""
state_of = attrgetter(*CHANGING)


@dataclass(frozen=True)
class ItemRecord:
    """One item of a loop."""

    loop_path: str
    index: int
    value: Any


@dataclass(frozen=True)
class Question:
    """What a person is asked while a step waits: to approve, or what became of an attempt."""

    path: str
    kind: str
    """`approval` or `needs_attention`, as the step's reason."""
    message: str
    until: datetime
    timeout_action: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a question; `by` is empty when its time ran out or nobody needs it any more."""

    path: str
    decision: str
    by: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class EventRecord:
    """Something that happened to an execution."""

    type: str
    data: dict[str, Any]
    time: datetime | None = None
    """When it was written, where the store tells."""
    sequence: int = 0
    """Its number in the execution's log, from 1, where the store tells."""


Key = int | str
"""An item of a loop by its number, or a branch by its name."""


def scope_of(container_path: str, key: Key) -> str:
    """The scope of a loop's item or of a branch: `sync_each[3]`, `decide[then]`."""
    return f"{container_path}[{key}]"


def path_in(scope: str, name: str) -> str:
    """The path of a step in a scope."""
    return f"{scope}.{name}" if scope else name


def parent_of(scope: str) -> tuple[str, Key]:
    """The path of the container that a scope belongs to, and the number of the item or the name of the branch."""
    container_path, _, key = scope.removesuffix("]").rpartition("[")
    return container_path, int(key) if key.isdigit() else key
