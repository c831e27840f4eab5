"""Every execution worked out again from its log, and compared with its rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from django.db.models import BigIntegerField, QuerySet
from django.db.models.functions import Cast

from coreengine.kernel.models import Event
from workflows.engine.records import EventRecord
from workflows.engine.replay import Replay, differences
from workflows.models import Execution, LoopItem, StepExecution
from workflows.store import definition_of

SUBJECT = "workflows.execution"
BATCH = 100
ROWS_AT_ONCE = 500


@dataclass
class Comparison:
    """What came of comparing; `seconds` is how long it took."""

    executions: int = 0
    steps: int = 0
    events: int = 0
    differing: int = 0
    seconds: float = 0.0
    started: float = field(default_factory=time.monotonic, repr=False)

    @property
    def words(self) -> str:
        """The summary in one line."""
        rate = self.events / self.seconds if self.seconds else 0
        result = "no difference" if not self.differing else f"{self.differing:,} of them differ from their log"
        return (
            f"{self.executions:,} executions, {self.steps:,} steps, {self.events:,} events: {result} "
            f"({self.seconds:.1f} s, {rate:,.0f} events a second)"
        )


def compare(executions: QuerySet[Execution], total: Comparison | None = None) -> Iterator[tuple[int, list[str]]]:
    """Fold the log of each execution and give (id, differences) of those where there are any.

    Reads in batches, each in one snapshot of the database, so that it may run beside the workers; holds the steps
    of one execution at a time, without their results. `total` is counted on the way.
    """
    total = total or Comparison()
    last = 0
    while True:
        with snapshot():
            batch = list(executions.filter(pk__gt=last).order_by("pk")[:BATCH])
            if not batch:
                break
            last = batch[-1].pk
            numbers = [e.pk for e in batch]
            logs, rows, items = _logs(numbers), _rows(numbers), _items(numbers)
            for execution in batch:
                found = list(_compare_one(execution, logs, rows, items, total))
                total.seconds = time.monotonic() - total.started
                if found:
                    total.differing += 1
                    yield execution.pk, found


def rebuilt(execution: Execution) -> Replay:
    """An execution as its log alone tells it, results included."""
    fold = Replay(definition_of(execution.version_id), keep_results=True)
    for event in _events_of([execution.pk]):
        fold.apply(_record(event))
    return fold


def _compare_one(
    execution: Execution, logs: _Groups, rows: _Groups, items: _Groups, total: Comparison
) -> Iterator[str]:
    fold = Replay(definition_of(execution.version_id))
    for event in logs.take(execution.pk):
        fold.apply(_record(event))
    total.executions += 1
    total.events += fold.count
    total.steps += len(fold.steps)
    by_loop = groupby(items.take(execution.pk), lambda row: row[1])
    loops = ((path, [value for *_, value in group]) for path, group in by_loop)
    yield from differences(fold, execution, rows.take(execution.pk), loops)


class _Groups:
    """Rows that come sorted by execution, handed out one execution after the other."""

    def __init__(self, rows: Any, key: Any) -> None:
        self._groups = groupby(rows, key)
        self._next: tuple[int, Any] | None = next(self._groups, None)

    def take(self, number: int) -> Iterator[Any]:
        """The rows of one execution; executions are asked for in ascending order."""
        if self._next is not None and self._next[0] == number:
            yield from self._next[1]
            self._next = next(self._groups, None)


@contextmanager
def snapshot() -> Iterator[None]:
    """Read rows and events as they stood at one moment."""
    is_inside = connection.in_atomic_block
    with transaction.atomic():
        if not is_inside:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _events_of(numbers: list[int]) -> Iterator[dict[str, Any]]:
    stream = Event.objects.filter(subject_type=SUBJECT, subject_id__in=[str(number) for number in numbers])
    ordered = stream.annotate(number=Cast("subject_id", BigIntegerField())).order_by("number", "sequence")
    return ordered.values("number", "type", "data", "time", "sequence").iterator(chunk_size=ROWS_AT_ONCE)


def _record(event: dict[str, Any]) -> EventRecord:
    return EventRecord(event["type"], event["data"], event["time"], event["sequence"])


def _logs(numbers: list[int]) -> _Groups:
    return _Groups(_events_of(numbers), lambda event: event["number"])


def _rows(numbers: list[int]) -> _Groups:
    steps = StepExecution.objects.filter(execution_id__in=numbers).order_by("execution_id")
    return _Groups(steps.iterator(chunk_size=ROWS_AT_ONCE), lambda step: step.execution_id)


def _items(numbers: list[int]) -> _Groups:
    items = LoopItem.objects.filter(step__execution_id__in=numbers)
    ordered = items.order_by("step__execution_id", "step_id", "index")
    rows = ordered.values_list("step__execution_id", "step__path", "value")
    return _Groups(rows.iterator(chunk_size=ROWS_AT_ONCE), lambda row: row[0])
