"""What an execution came to, put together from its steps."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum
from django.db.models.expressions import Func
from django.db.models.fields import BigIntegerField

from workflows.engine.definition import CONTAINER_TYPES
from workflows.engine.results import compose
from workflows.models import Execution

MOST_RESULT_BYTES = 8_000_000
"""Results in loops larger than this are left to the list of steps, which comes page by page."""


class StoredSize(Func):
    """How many bytes a value takes in the table."""

    function = "pg_column_size"
    output_field = BigIntegerField()


def results_of(execution: Execution) -> dict[str, dict[str, Any]]:
    """Step → `{status, result, error, reason, execution_time}`; a container's result holds those of its steps."""
    top = list(execution.steps.top_level().in_order())
    results = {step.name: step.as_outcome() for step in top}
    containers = [step for step in top if step.kind in CONTAINER_TYPES]
    for container in containers:
        results[container.name]["result"] = None
    finished = [step for step in containers if not step.is_open]
    if finished:
        inner = execution.steps.exclude(scope="")
        size = inner.aggregate(size=Sum(StoredSize("result")))["size"] or 0
        if size <= MOST_RESULT_BYTES:
            rows = list(inner)
            for container in finished:
                below = [row for row in rows if row.scope.startswith(f"{container.path}[")]
                results[container.name]["result"] = compose(container, below)
    return results
