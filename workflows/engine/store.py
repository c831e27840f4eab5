"""Where executions are kept. The engine needs no more of a database than this.

The one rule: every change of an execution or its steps happens inside one transaction of `open`, which either
commits all of it (rows and events) or none, and only if nobody else has changed the execution since it was read:
because it was locked then, or because its revision is still the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from workflows.engine.definition import Definition
from workflows.engine.records import StepRecord

if TYPE_CHECKING:
    from workflows.engine.ledger import Ledger
    from workflows.engine.rerun import Earlier


@dataclass(frozen=True)
class Patience:
    """How long a silence counts as a loss."""

    lease_s: float = 20
    """How long a worker holds a step without renewing; it renews four times in that time."""
    hint_again_after_s: float = 10
    """How long work may wait unclaimed before the sweep sends its hint again."""

    @property
    def renew_every_s(self) -> float:
        """How often leases are renewed."""
        return self.lease_s / 4


@dataclass(frozen=True)
class Due:
    """Work that the sweep found: a step to hint at or to take from a lost worker, or (no path) an execution."""

    execution_id: int
    path: str = ""
    kind: str = ""
    is_expired: bool = False
    has_queued: bool = False
    """It had to wait until others of the same student were over: what need not wait goes before it."""


@dataclass(frozen=True)
class Lease:
    """A worker's hold on one attempt of a step."""

    execution_id: int
    path: str
    token: int


class Moved(Exception):
    """Somebody else has changed the execution since this worker last looked."""


class EffectBroken(Exception):
    """An effect went on after the store had failed it: none of it can be kept."""


class Reader(Protocol):
    """Reads of one execution inside its transaction."""

    def steps(self, paths: Collection[str], *, with_results: bool = False) -> list[StepRecord]:
        """The records of these paths."""

    def ready_inline(self) -> list[StepRecord]:
        """In-line steps that wait for nothing but a worker, the longest ready first, a few of them."""

    def next_queued(self, kind: str) -> StepRecord | None:
        """The outside step of a kind that has queued longest, and that no hint has been sent for."""

    def open_steps(self, below: str = "") -> list[StepRecord]:
        """Every step that is not over and whose path begins so."""

    def has_open_steps(self, scope: str, besides: Collection[str]) -> bool:
        """Say whether a scope has steps that are not over, leaving some paths out."""

    def steps_below(self, container_path: str) -> list[StepRecord]:
        """All steps inside a container at any depth, with results."""

    def item(self, loop_path: str, index: int) -> Any:
        """One item of a loop."""

    def earlier(self, execution_id: int) -> Earlier | None:
        """Another execution that is over, with all there is of it; None when it is not kept any more."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what happened inside, and only that, when it raises.

        Raises:
            EffectBroken: the store had failed something inside, and whoever asked for it went on all the same.
        """


class Store(Protocol):
    """Keeps executions."""

    patience: Patience

    def open(
        self,
        execution_id: int,
        *,
        paths: Collection[str] = (),
        after: Ledger | None = None,
        wait: bool = True,
    ) -> AbstractContextManager[Ledger | None]:
        """Lock an execution and load these steps. Commits when the block ends, or undoes all when it raises.

        None when there is no such execution, or when it is locked and `wait` is false.

        With `after`, the ledger of this worker's last transaction, it goes on from there and neither locks nor
        reads: one statement at the end writes everything, if nobody else has changed the execution since then.

        Raises:
            Moved: somebody has; nothing was written, and `after` is worth nothing any more.
        """

    def definition(self, version_id: int) -> Definition:
        """The definition of a version; versions never change."""

    def time_of(self, ledger: Ledger) -> datetime:
        """The store's time by now, as far as it is known without asking."""

    def take_queued(self, owner_id: int) -> int | None:
        """Admit the student's next execution that queues, for the calling worker itself: no hint is sent."""

    def renew(self, leases: Iterable[Lease]) -> None:
        """Prolong the leases that are still held, by the store's own clock."""

    def due(self, *, limit: int = 500) -> list[Due]:
        """Find work that nobody seems to be doing, and note that it was hinted at now."""
