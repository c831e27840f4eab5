"""What a ledger changed, as one SQL statement.

Its first part moves the execution's revision on, provided that it is still the one that the ledger knows. Every
other part asks whether the first found its row. So the statement writes all or nothing, and needs no transaction
around it: a step of a chain costs one round trip and one commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from coreengine.kernel.events import append_part
from workflows import fairness
from workflows.engine.definition import INLINE_TYPES
from workflows.engine.ledger import Ledger
from workflows.engine.records import StepRecord

STEP_TYPES = {
    "path": "text",
    "name": "text",
    "kind": "text",
    "scope": "text",
    "position": "int",
    "index": "int",
    "status": "text",
    "waiting_for": "int",
    "attempt": "int",
    "token": "int",
    "lease_until": "timestamptz",
    "deadline_at": "timestamptz",
    "next_attempt_at": "timestamptz",
    "ready_at": "timestamptz",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "execution_time": "float8",
    "error": "text",
    "reason": "text",
    "item_count": "int",
    "items_started": "int",
    "items_done": "int",
    "items_failed": "int",
    "is_reused": "boolean",
    "key_execution_id": "bigint",
}
FIXED = frozenset({"path", "name", "kind", "scope", "position", "index", "is_reused", "key_execution_id"})
RECORD_TYPE = ", ".join(f'"{column}" {kind}' for column, kind in STEP_TYPES.items())
ONE_BY_ONE = 6
"""So many changed steps are written each with its own columns, in a statement that is prepared; more of them as one
set with all columns."""

UPDATE_STEPS = f"""
UPDATE workflows_stepexecution s SET
  {", ".join(f'"{column}" = r."{column}"' for column in STEP_TYPES if column not in FIXED)},
  result = CASE WHEN r.has_result THEN r.result ELSE s.result END,
  hinted_at = coalesce(r.hinted_at, s.hinted_at)
FROM head, jsonb_to_recordset(%s::jsonb)
  AS r({RECORD_TYPE}, result jsonb, has_result boolean, hinted_at timestamptz)
WHERE s.execution_id = %s AND s.path = r.path
"""
INSERT_STEPS = f"""
INSERT INTO workflows_stepexecution (execution_id, {", ".join(f'"{c}"' for c in STEP_TYPES)}, result, hinted_at)
SELECT head.id, {", ".join(f'r."{c}"' for c in STEP_TYPES)}, r.result, r.hinted_at
FROM head, jsonb_to_recordset(%s::jsonb) AS r({RECORD_TYPE}, result jsonb, hinted_at timestamptz)
"""
INSERT_ITEMS = """
INSERT INTO workflows_loopitem (step_id, index, value)
SELECT s.id, r.index, r.value
FROM jsonb_to_recordset(%s::jsonb) AS r(path text, index int, value jsonb)
JOIN workflows_stepexecution s ON s.execution_id = %s AND s.path = r.path
"""
EXECUTION_CHANGES = (
    ", status = %s, variables = %s::jsonb, error_message = %s, started_at = %s, completed_at = %s, deadline_at = %s, "
    "pauses = %s, time_left_s = %s"
)

Statement = tuple[str, list[Any]]


def changes_of(ledger: Ledger, *, may_admit: bool = False) -> Statement:
    """The statement. It answers with no row when the execution has moved on.

    Else with the database's time, and whether another execution of the student may begin, if that is asked.
    """
    parts = [_head(ledger, may_admit), *_steps(ledger)]
    if ledger.events:
        rows = json_of([{"type": event.type, "data": event.data} for event in ledger.events])
        execution = ledger.execution
        subject = ("workflows.execution", execution.id)
        parts.append(append_part(rows, actor=execution.actor_id, owner=execution.owner_id, subject=subject))
    names = ("head", *(f"part{number}" for number in range(1, len(parts))))
    ahead = ", ".join(f"{name} AS ({sql})" for name, (sql, _values) in zip(names, parts, strict=True))
    values = [value for _sql, values in parts for value in values]
    return f"WITH {ahead} SELECT clock_timestamp(), may_admit FROM head", values


def items_of(ledger: Ledger) -> Statement:
    """The statement that keeps the items of loops; it comes after the other, since their loop may be new as well."""
    items = [{"path": item.loop_path, "index": item.index, "value": item.value} for item in ledger.new_items]
    return INSERT_ITEMS, [json_of(items), ledger.execution.id]


def _head(ledger: Ledger, may_admit: bool) -> Statement:
    execution = ledger.execution
    changes = ""
    values: list[Any] = []
    if ledger.execution_changed:
        changes = EXECUTION_CHANGES
        values = [
            execution.status,
            json_of(execution.variables),
            execution.error_message,
            execution.started_at,
            execution.completed_at,
            execution.deadline_at,
            execution.pauses,
            execution.time_left_s,
        ]
    sql = f"UPDATE workflows_execution SET revision = revision + 1{changes} WHERE id = %s AND revision = %s"
    values += [execution.id, execution.revision]
    if not may_admit:
        return f"{sql} RETURNING id, false AS may_admit", values
    return f"{sql} RETURNING id, {fairness.MAY_ADMIT} AS may_admit", [*values, fairness.executions_at_once()]


def _steps(ledger: Ledger) -> list[Statement]:
    parts: list[Statement] = []
    waits = {step.path for step, _delay in ledger.hints} | ledger.taken
    if len(ledger.changed) <= ONE_BY_ONE:
        for step in ledger.changed.values():
            parts += _one(ledger, step, step.path in waits)
    else:
        rows = [_row(ledger, step, step.path in waits) for step in ledger.changed.values()]
        parts.append((UPDATE_STEPS, [json_of(rows), ledger.execution.id]))
    if ledger.inserted:
        rows = [_row(ledger, step, step.path in waits) for step in ledger.inserted.values()]
        parts.append((INSERT_STEPS, [json_of(rows)]))
    return parts


def _one(ledger: Ledger, step: StepRecord, waits: bool) -> list[Statement]:
    changes = ledger.changes_of(step)
    if waits or ("ready_at" in changes and step.kind in INLINE_TYPES):
        changes["hinted_at"] = _hinted_at(ledger, step)
    columns, values = [f'"{column}" = %s' for column in changes], list(changes.values())
    if step.path in ledger.new_results:
        columns.append("result = %s::jsonb")
        values.append(json_of(step.result))
    if not columns:
        return []
    # The number as a value, not from `head`: joined, a plan made when the table was small reads the whole table.
    sql = f"UPDATE workflows_stepexecution s SET {', '.join(columns)} FROM head"
    return [(f"{sql} WHERE s.execution_id = %s AND s.path = %s", [*values, ledger.execution.id, step.path])]


def _row(ledger: Ledger, step: StepRecord, waits: bool) -> Mapping[str, Any]:
    row = {column: getattr(step, column) for column in STEP_TYPES}
    is_new = step.path in ledger.inserted
    is_ready = step.ready_at is not None if is_new else "ready_at" in ledger.changes_of(step)
    row["has_result"] = step.path in ledger.new_results
    row["result"] = step.result
    is_hinted = waits or (is_ready and step.kind in INLINE_TYPES)
    row["hinted_at"] = _hinted_at(ledger, step) if is_hinted else None
    return row


def _hinted_at(ledger: Ledger, step: StepRecord) -> datetime:
    """When a step was hinted at, as the sweep counts: one that waits long is out of its sight until then."""
    if step.next_attempt_at is None:
        return ledger.now
    return max(ledger.now, step.next_attempt_at - timedelta(seconds=ledger.patience.hint_again_after_s))


def json_of(value: Any) -> str:
    """JSON with times as ISO 8601."""
    return json.dumps(value, ensure_ascii=False, default=_text_of)


def _text_of(moment: datetime) -> str:
    return moment.isoformat()
