"""What a container gave, composed of what its steps gave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from workflows.engine.definition import CONDITION, CONTAINER_TYPES, LOOP
from workflows.engine.records import scope_of
from workflows.engine.states import (
    BRANCH_FAILED,
    CANCELLED,
    COMPLETED,
    FAILED,
    ITEM_FAILED,
    LOOP_ENDED_EARLY,
    NOT_NEEDED,
)


class Row(Protocol):
    """A step as a record or as a database row."""

    path: str
    name: str
    kind: str
    scope: str
    position: int
    status: str
    reason: str
    error: str
    result: Any
    items_started: int


def compose(container: Row, below: Iterable[Row]) -> Any:
    """The result of a container, from every step inside it at any depth.

    A loop gives a list with `{step: result}` for each item begun; a failed item is `{"error": words}`. A parallel
    gives `{branch: {step: result}}`, a condition `{"branch": name, "steps": {step: result}}`. An item or branch
    that was cut off or failed otherwise is null, as is the result of a step that did not complete.
    """
    by_scope: dict[str, list[Row]] = {}
    for row in below:
        by_scope.setdefault(row.scope, []).append(row)

    def result_of(row: Row) -> Any:
        if row.kind not in CONTAINER_TYPES:
            return row.result
        if row.status != COMPLETED:
            return None
        if row.kind == LOOP:
            return [scope(scope_of(row.path, index)) for index in range(row.items_started)]
        if row.kind == CONDITION:
            branch = row.result["branch"]
            return {"branch": branch, "steps": scope(scope_of(row.path, branch)) or {}}
        return {branch: scope(scope_of(row.path, branch)) for branch in row.result}

    def scope(path: str) -> dict[str, Any] | None:
        rows = sorted(by_scope.get(path, ()), key=lambda row: row.position)
        if not rows or any(row.status == CANCELLED and row.reason in (LOOP_ENDED_EARLY, NOT_NEEDED) for row in rows):
            return None
        for row in rows:
            if row.status == FAILED and row.reason == ITEM_FAILED:
                return {"error": f"Step “{row.name}” failed. {row.error}"}
            if row.status == FAILED and row.reason == BRANCH_FAILED:
                return None
        return {row.name: result_of(row) for row in rows}

    return result_of(container)
