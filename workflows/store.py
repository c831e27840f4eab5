"""Executions in PostgreSQL: the engine's store over `Execution` and `StepExecution` rows.

A transaction on an execution costs: one statement that locks it, one that reads the steps it is about, one that
writes every change (a single statement of several parts) and one that appends the events.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from coreengine.kernel.events import EventDraft, record_many
from coreengine.kernel.models import Event
from workflows import fairness
from workflows.asking import keep_questions
from workflows.engine.definition import INLINE_TYPES, Definition, build_definition
from workflows.engine.ledger import Ledger
from workflows.engine.records import EventRecord, ExecutionRecord, StepRecord
from workflows.engine.rerun import Earlier
from workflows.engine.states import FAILED
from workflows.engine.store import Due, Lease, Patience
from workflows.models import WorkflowVersion
from workflows.telling import tell_of_failure

STATEMENT_TIMEOUT_MS = 15_000
IDLE_TIMEOUT_MS = 60_000
"""An effect that hangs outside the database loses its transaction, and with it the lock, after this long."""
READY_AT_ONCE = 20

EXECUTION_COLUMNS = (
    "id owner_id actor_id workflow_id version_id status trigger inputs variables connection_id error_message "
    "rerun_of_id rerun_from started_at completed_at deadline_at pauses time_left_s"
).split()
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
STEP_SELECT = ", ".join(f's."{column}"' for column in ("id", *STEP_TYPES))
RECORD_TYPE = ", ".join(f'"{column}" {kind}' for column, kind in STEP_TYPES.items())
OPEN_SQL = "('pending', 'running', 'waiting')"
INLINE_SQL = ", ".join(f"'{kind}'" for kind in sorted(INLINE_TYPES))

LOCK = f"""
SELECT {", ".join(f'"{column}"' for column in EXECUTION_COLUMNS)}, clock_timestamp(),
       set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', true),
       set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT_MS}', true)
FROM workflows_execution WHERE id = %s FOR UPDATE
"""

UPDATE_STEPS = f"""
UPDATE workflows_stepexecution s SET
  {", ".join(f'"{column}" = r."{column}"' for column in STEP_TYPES if column not in FIXED)},
  result = CASE WHEN r.has_result THEN r.result ELSE s.result END,
  hinted_at = CASE WHEN r.is_hinted THEN r.ready_at_or_now ELSE s.hinted_at END
FROM jsonb_to_recordset(%s::jsonb)
  AS r(id bigint, {RECORD_TYPE}, result jsonb, has_result boolean, is_hinted boolean, ready_at_or_now timestamptz)
WHERE s.id = r.id
"""
INSERT_STEPS = f"""
INSERT INTO workflows_stepexecution (execution_id, {", ".join(f'"{c}"' for c in STEP_TYPES)}, result, hinted_at)
SELECT %s, {", ".join(f'r."{c}"' for c in STEP_TYPES)}, r.result, r.ready_at_or_now
FROM jsonb_to_recordset(%s::jsonb) AS r({RECORD_TYPE}, result jsonb, ready_at_or_now timestamptz)
"""
INSERT_ITEMS = """
INSERT INTO workflows_loopitem (step_id, index, value)
SELECT s.id, r.index, r.value
FROM jsonb_to_recordset(%s::jsonb) AS r(path text, index int, value jsonb)
JOIN workflows_stepexecution s ON s.execution_id = %s AND s.path = r.path
"""
UPDATE_EXECUTION = """
UPDATE workflows_execution SET status = %s, variables = %s::jsonb, error_message = %s, started_at = %s,
  completed_at = %s, deadline_at = %s, pauses = %s, time_left_s = %s
WHERE id = %s
"""


@dataclass(frozen=True)
class _Person:
    """An owner or actor of whom only the id matters."""

    pk: int | None


@lru_cache(maxsize=256)
def definition_of(version_id: int) -> Definition:
    """The definition of a version. Versions never change, so it is read once in a process."""
    return build_definition(WorkflowVersion.objects.values_list("definition", flat=True).get(pk=version_id))


class DjangoStore:
    """The engine's store in PostgreSQL."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience(settings.WORKFLOWS["LEASE_S"], settings.WORKFLOWS["HINT_AGAIN_AFTER_S"])

    def definition(self, version_id: int) -> Definition:
        """The definition of a version."""
        return definition_of(version_id)

    @contextmanager
    def open(
        self,
        execution_id: int,
        *,
        paths: Collection[str] = (),
        memory: MutableMapping[str, dict[str, Any]] | None = None,
        wait: bool = True,
    ) -> Iterator[Ledger | None]:
        """Lock an execution in a transaction; see `engine.store.Store.open`."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(LOCK + ("" if wait else " SKIP LOCKED"), [execution_id])
                row = cursor.fetchone()
            if row is None:
                yield None
                return
            execution = _execution(row)
            place = (execution.status, execution.pauses)
            reader = DjangoReader(execution_id)
            ledger = Ledger(
                execution,
                definition_of(execution.version_id),
                row[len(EXECUTION_COLUMNS)],
                reader,
                reader.steps(paths) if paths else (),
                memory,
                self.patience,
            )
            yield ledger
            self._write(ledger, place)
        ledger.committed()

    def _write(self, ledger: Ledger, place: tuple[str, int]) -> None:
        """Write every change in one statement, and the events in another; then see whose turn is next.

        `place` is how the execution stood: one that ends, begins or pauses may leave its place to another.
        """
        parts: list[str] = []
        values: list[Any] = []
        queued, steps_move_on = fairness.queued_steps(ledger)
        ledger.hints = [(step, delay_s) for step, delay_s in ledger.hints if step.path not in queued]
        hinted = {step.path for step, _delay in ledger.hints} | set(ledger.ready_inline)
        has_moved = place != (ledger.execution.status, ledger.execution.pauses)
        may_admit = False
        if ledger.changed:
            rows = [_step_row(step, ledger, step.path in hinted) for step in ledger.changed.values()]
            parts.append(UPDATE_STEPS)
            values.append(_json(rows))
        if ledger.inserted:
            parts.append(INSERT_STEPS)
            rows = [_step_row(step, ledger, step.path in hinted) for step in ledger.inserted.values()]
            values += [ledger.execution.id, _json(rows)]
        if ledger.execution_changed:
            execution = ledger.execution
            parts.append(UPDATE_EXECUTION)
            values += [
                execution.status,
                _json(execution.variables),
                execution.error_message,
                execution.started_at,
                execution.completed_at,
                execution.deadline_at,
                execution.pauses,
                execution.time_left_s,
                execution.id,
            ]
            if has_moved:
                parts[-1] += f" RETURNING {fairness.MAY_ADMIT}"
                values.append(fairness.executions_at_once())
        if parts:
            *first, last = parts
            ahead = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(first))
            with connection.cursor() as cursor:
                cursor.execute(f"WITH {ahead} {last}" if ahead else last, values)
                may_admit = has_moved and ledger.execution_changed and cursor.fetchone()[0]
        if ledger.new_items:  # after the steps: their loop may be new as well
            items = [{"path": item.loop_path, "index": item.index, "value": item.value} for item in ledger.new_items]
            with connection.cursor() as cursor:
                cursor.execute(INSERT_ITEMS, [_json(items), ledger.execution.id])
        if may_admit:
            ledger.admitted += fairness.admit(ledger.execution.owner_id)
        if steps_move_on:
            ledger.admitted += fairness.release_steps(ledger.execution.owner_id)
        if ledger.events:
            subject = ("workflows.execution", ledger.execution.id)
            record_many(
                [EventDraft(event.type, subject, event.data) for event in ledger.events],
                actor=_Person(ledger.execution.actor_id),
                owner=_Person(ledger.execution.owner_id),
            )
        if ledger.questions or ledger.answers:
            keep_questions(ledger)
        if ledger.execution.status != ledger.was_status and ledger.execution.status == FAILED:
            tell_of_failure(ledger.execution)

    def renew(self, leases: Iterable[Lease]) -> None:
        """Prolong leases that are still held, by the database's clock."""
        rows = [{"e": lease.execution_id, "p": lease.path, "t": lease.token} for lease in leases]
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"""UPDATE workflows_stepexecution s
                        SET lease_until = clock_timestamp() + interval '{self.patience.lease_s} s'
                        FROM jsonb_to_recordset(%s::jsonb) AS r(e bigint, p text, t int)
                        WHERE s.execution_id = r.e AND s.path = r.p AND s.token = r.t AND s.status = 'running'""",
                    [_json(rows)],
                )
        finally:
            if not connection.in_atomic_block:
                connection.close()  # the keeper's thread needs one every few seconds only

    def due(self, *, limit: int = 500) -> list[Due]:
        """Find work that nobody seems to be doing; two sweeps at once find different work."""
        patience = f"interval '{self.patience.hint_again_after_s} s'"
        with transaction.atomic(), connection.cursor() as cursor:
            found = fairness.overlooked()
            cursor.execute(
                f"""SELECT id FROM workflows_execution
                    WHERE status IN {OPEN_SQL} AND deadline_at <= clock_timestamp() LIMIT %s""",
                [limit],
            )
            found += [Due(row[0], is_expired=True) for row in cursor.fetchall()]
            cursor.execute(
                """SELECT execution_id, path, kind FROM workflows_stepexecution
                   WHERE status = 'running'
                     AND (lease_until <= clock_timestamp()
                          OR (deadline_at <= clock_timestamp() AND (lease_until IS NOT NULL OR item_count IS NOT NULL)))
                   LIMIT %s""",
                [limit],
            )
            found += [Due(number, path, kind, is_expired=True) for number, path, kind in cursor.fetchall()]
            cursor.execute(
                f"""UPDATE workflows_execution SET hinted_at = clock_timestamp()
                    WHERE id IN (SELECT id FROM workflows_execution
                                 WHERE status = 'pending' AND admitted_at IS NOT NULL
                                   AND hinted_at <= clock_timestamp() - {patience}
                                 ORDER BY hinted_at LIMIT %s FOR UPDATE SKIP LOCKED)
                    RETURNING id""",
                [limit],
            )
            found += [Due(row[0]) for row in cursor.fetchall()]
            cursor.execute(
                f"""UPDATE workflows_stepexecution SET hinted_at = clock_timestamp()
                    WHERE id IN (SELECT id FROM workflows_stepexecution
                                 WHERE status IN ('pending', 'waiting') AND waiting_for = 0
                                   AND hinted_at <= clock_timestamp() - {patience}
                                   AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())
                                 ORDER BY hinted_at LIMIT %s FOR UPDATE SKIP LOCKED)
                    RETURNING execution_id, path, kind""",
                [limit],
            )
            found += [Due(*row) for row in cursor.fetchall()]
        return found


class DjangoReader:
    """Reads of one execution; the caller holds its lock."""

    def __init__(self, execution_id: int) -> None:
        self.execution_id = execution_id

    def steps(self, paths: Collection[str], *, with_results: bool = False) -> list[StepRecord]:
        """The records of these paths."""
        return self._select("s.path = ANY(%s)", [list(paths)], with_results=with_results)

    def ready_inline(self) -> list[StepRecord]:
        """In-line steps that wait for nothing but a worker."""
        return self._select(
            f"""s.status IN ('pending', 'waiting') AND s.waiting_for = 0 AND s.kind IN ({INLINE_SQL})
                AND (s.next_attempt_at IS NULL OR s.next_attempt_at <= clock_timestamp())
                ORDER BY s.position, s.id LIMIT {READY_AT_ONCE}"""
        )

    def open_steps(self, below: str = "") -> list[StepRecord]:
        """Every step that is not over and whose path begins so."""
        where = " AND starts_with(s.path, %s)" if below else ""
        return self._select(f"s.status IN {OPEN_SQL}{where}", [below] if below else [])

    def has_open_steps(self, scope: str, besides: Collection[str]) -> bool:
        """Say whether a scope has steps that are not over, leaving some paths out."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT EXISTS (SELECT 1 FROM workflows_stepexecution
                    WHERE execution_id = %s AND scope = %s AND status IN {OPEN_SQL} AND path <> ALL(%s))""",
                [self.execution_id, scope, list(besides)],
            )
            return cursor.fetchone()[0]

    def steps_below(self, container_path: str) -> list[StepRecord]:
        """All steps inside a container at any depth, with results."""
        return self._select("starts_with(s.scope, %s)", [f"{container_path}["], with_results=True)

    def item(self, loop_path: str, index: int) -> Any:
        """One item of a loop."""
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT i.value FROM workflows_loopitem i JOIN workflows_stepexecution s ON s.id = i.step_id
                   WHERE s.execution_id = %s AND s.path = %s AND i.index = %s""",
                [self.execution_id, loop_path, index],
            )
            return _loaded(cursor.fetchone()[0])

    def earlier(self, execution_id: int) -> Earlier | None:
        """Another execution that is over, with all there is of it."""
        return earlier_of(execution_id)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what happened inside when it raises."""
        with transaction.atomic():
            yield

    def all_steps(self) -> list[StepRecord]:
        """Every step, with results, in the order in which they came into being."""
        return self._select("true ORDER BY s.id", with_results=True)

    def _select(self, where: str, values: Iterable[Any] = (), *, with_results: bool = False) -> list[StepRecord]:
        result = ", s.result" if with_results else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {STEP_SELECT}{result} FROM workflows_stepexecution s WHERE s.execution_id = %s AND {where}",
                [self.execution_id, *values],
            )
            return [_step(row, with_results) for row in cursor.fetchall()]


def earlier_of(execution_id: int) -> Earlier | None:
    """An execution that is over, with all there is of it: what an execution that repeats it takes over."""
    with connection.cursor() as cursor:
        columns = ", ".join(f'"{column}"' for column in EXECUTION_COLUMNS)
        cursor.execute(f"SELECT {columns} FROM workflows_execution WHERE id = %s", [execution_id])
        row = cursor.fetchone()
        if row is None:
            return None
        execution = _execution(row)
        cursor.execute(
            """SELECT s.path, i.index, i.value FROM workflows_loopitem i
               JOIN workflows_stepexecution s ON s.id = i.step_id WHERE s.execution_id = %s""",
            [execution_id],
        )
        items = {(path, index): _loaded(value) for path, index, value in cursor.fetchall()}
    steps = DjangoReader(execution_id).all_steps()
    stream = Event.objects.filter(subject_type="workflows.execution", subject_id=str(execution_id)).order_by("sequence")
    events = [EventRecord(type, data) for type, data in stream.values_list("type", "data")]
    return Earlier(execution, definition_of(execution.version_id), {s.path: s for s in steps}, items, events)


def _execution(row: tuple[Any, ...]) -> ExecutionRecord:
    fields = dict(zip(EXECUTION_COLUMNS, row, strict=False))
    for name in ("trigger", "inputs", "variables"):
        fields[name] = _loaded(fields[name])
    return ExecutionRecord(**fields)


def _step(row: tuple[Any, ...], with_results: bool) -> StepRecord:
    fields: dict[str, Any] = dict(zip(("id", *STEP_TYPES), row, strict=False))
    if with_results:
        fields["result"] = _loaded(row[-1])
    return StepRecord(**fields)


def _step_row(step: StepRecord, ledger: Ledger, is_hinted: bool) -> Mapping[str, Any]:
    row = {column: getattr(step, column) for column in STEP_TYPES}
    row["id"] = step.id
    row["has_result"] = step.path in ledger.new_results
    row["result"] = step.result
    row["is_hinted"] = is_hinted
    row["ready_at_or_now"] = _hinted_at(step, ledger) if is_hinted else None
    return row


def _hinted_at(step: StepRecord, ledger: Ledger) -> datetime:
    """When a step was hinted at, as the sweep counts: one that waits long is out of its sight until then."""
    if step.next_attempt_at is None:
        return ledger.now
    return max(ledger.now, step.next_attempt_at - timedelta(seconds=ledger.patience.hint_again_after_s))


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=lambda moment: moment.isoformat())
