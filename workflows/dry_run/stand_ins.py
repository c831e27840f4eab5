"""Answers that take the place of those of other services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.dry_run.unknowns import OUTSIDE
from workflows.models import Execution

MOST_RESULTS = 500


@dataclass(frozen=True)
class StandIn:
    """One answer, and in words where it is from."""

    result: Any
    origin: str


@dataclass(frozen=True)
class StandIns:
    """Answers by path (`each[3].fetch`) or by name (`fetch`, for every item); those given by hand come first."""

    by_hand: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution | None = None
    recorded: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, *, by_hand: Mapping[str, Any] | None = None, execution: Execution | None = None) -> StandIns:
        """Take the answers that services gave to an earlier execution, and those given by hand."""
        recorded: dict[str, Any] = {}
        if execution is not None:
            steps = execution.steps.filter(kind__in=OUTSIDE, status="completed").order_by("pk")
            recorded = dict(steps.values_list("path", "result")[:MOST_RESULTS])
        return cls(dict(by_hand or {}), execution, recorded)

    @property
    def names(self) -> set[str]:
        """The names of the steps that have an answer."""
        return {path.rpartition(".")[2] for path in [*self.by_hand, *self.recorded]}

    def find(self, path: str, name: str) -> StandIn | None:
        """The answer for one step; without one of its own item, that of another item."""
        for key in (path, name):
            if key in self.by_hand:
                return StandIn(self.by_hand[key], "given by hand")
        if self.execution is None:
            return None
        words = f"from execution {self.execution.pk}"
        if path in self.recorded:
            return StandIn(self.recorded[path], words)
        other = next((key for key in self.recorded if key.rpartition(".")[2] == name), None)
        return None if other is None else StandIn(self.recorded[other], f"{words}, step {other}")
