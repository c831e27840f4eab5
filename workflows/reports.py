"""What an execution came to, put together from its steps."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.db.models.expressions import Func
from django.db.models.fields import BigIntegerField

from workflows.engine.definition import LOOP
from workflows.engine.ledger import compose_loop
from workflows.engine.records import StepRecord
from workflows.models import Execution, StepExecution

MOST_RESULT_BYTES = 8_000_000
"""Loops together larger than this are left to the list of steps, which comes page by page."""


class StoredSize(Func):
    """How many bytes a value takes in the table."""

    function = "pg_column_size"
    output_field = BigIntegerField()


def results_of(execution: Execution) -> dict[str, dict[str, Any]]:
    """Step → `{status, result, error, reason, execution_time}`; a loop's result is a list with an item each."""
    top = list(execution.steps.top_level().in_order())
    results = {step.name: step.as_outcome() for step in top}
    loops = [step for step in top if step.kind == LOOP and not step.is_open]
    if loops:
        inner = execution.steps.exclude(scope="")
        size = inner.aggregate(size=Sum(StoredSize("result")))["size"] or 0
        if size <= MOST_RESULT_BYTES:
            rows = [_record(step) for step in inner]
            for loop in loops:
                below = [row for row in rows if row.scope.startswith(f"{loop.path}[")]
                results[loop.name]["result"] = compose_loop(loop.path, below)
    return results


def _record(step: StepExecution) -> StepRecord:
    return StepRecord(
        path=step.path, name=step.name, kind=step.kind, scope=step.scope, position=step.position, result=step.result
    )
