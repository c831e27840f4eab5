"""Executions in PostgreSQL: the engine's store over `Execution` and `StepExecution` rows.

The first transaction of a worker's turn locks the execution and reads what it is about; those after it cost one
statement each (`writing`), unless the effect of a step talks to the database itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction
from psycopg.pq import TransactionStatus

from coreengine.kernel.models import Event
from workflows import fairness, writing
from workflows.asking import keep_questions
from workflows.engine.definition import INLINE_TYPES, Definition, build_definition
from workflows.engine.ledger import Ledger
from workflows.engine.records import EventRecord, ExecutionRecord, StepRecord
from workflows.engine.rerun import Earlier
from workflows.engine.states import FAILED
from workflows.engine.store import Due, EffectBroken, Lease, Moved, Patience
from workflows.models import WorkflowVersion
from workflows.telling import tell_of_failure
from workflows.writing import STEP_TYPES

STATEMENT_TIMEOUT_MS = 15_000
IDLE_TIMEOUT_MS = 60_000
"""An effect that hangs outside the database loses its transaction, and with it the lock, after this long."""
READY_AT_ONCE = 50

EXECUTION_COLUMNS = (
    "id owner_id actor_id workflow_id version_id status trigger inputs variables connection_id error_message "
    "rerun_of_id rerun_from started_at completed_at deadline_at pauses time_left_s revision"
).split()
STEP_SELECT = ", ".join(f's."{column}"' for column in ("id", *STEP_TYPES))
OPEN_SQL = "('pending', 'running', 'waiting')"
INLINE_SQL = ", ".join(f"'{kind}'" for kind in sorted(INLINE_TYPES))

LIMITS = f"""set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', true),
       set_config('idle_in_transaction_session_timeout', '{IDLE_TIMEOUT_MS}', true)"""
READ_LOCKED = f"""
SELECT {", ".join(f'e."{column}"' for column in EXECUTION_COLUMNS)},
       (SELECT u.is_active FROM accounts_user u WHERE u.id = e.owner_id), clock_timestamp(), {LIMITS}
FROM workflows_execution e WHERE e.id = %s FOR UPDATE
"""
LOCK_FOR_EFFECT = """
SELECT {limits} FROM workflows_execution WHERE id = {id} FOR UPDATE; SAVEPOINT workflow_effect
"""


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
        after: Ledger | None = None,
        wait: bool = True,
    ) -> Iterator[Ledger | None]:
        """A transaction on an execution; see `engine.store.Store.open`.

        With `after` it begins only when it has to: for an effect that talks to the database, or for changes that do
        not fit into one statement.
        """
        with ExitStack() as stack:
            if after is None:
                stack.enter_context(transaction.atomic())
                ledger = self._read(execution_id, paths, wait)
            else:
                ledger = after
                ledger.go_on(self.time_of(ledger))
            if ledger is None:
                yield None
                return
            ledger.reader.enter(stack, is_locked=after is None)
            yield ledger
            if ledger.has_changes:
                self._write(ledger, stack)
        ledger.committed()

    def _read(self, execution_id: int, paths: Collection[str], wait: bool) -> Ledger | None:
        row = _execute(READ_LOCKED + ("" if wait else " SKIP LOCKED"), [execution_id]).fetchone()
        if row is None:
            return None
        reader = DjangoReader(execution_id)
        execution, now = _execution(row), row[len(EXECUTION_COLUMNS) + 1]
        definition, steps = definition_of(execution.version_id), reader.steps(paths) if paths else ()
        ledger = Ledger(execution, definition, now, reader, steps, self.patience)
        ledger.clock = now, time.monotonic()
        return ledger

    def _write(self, ledger: Ledger, stack: ExitStack) -> None:
        """Write every change, in one statement where possible; then see whose turn is next."""
        execution = ledger.execution
        queued, steps_move_on = fairness.queued_steps(ledger)
        ledger.hints = [(step, delay_s) for step, delay_s in ledger.hints if step.path not in queued]
        has_moved = (ledger.was_status, ledger.was_pauses) != (execution.status, execution.pauses)
        has_failed = execution.status != ledger.was_status and execution.status == FAILED
        # Who is next may be asked after the commit: the sweep asks again when that is missed.
        more = has_failed or steps_move_on or ledger.new_items or ledger.questions or ledger.answers
        if more and not ledger.reader.is_locked:
            stack.enter_context(transaction.atomic())
        row = _execute(*writing.changes_of(ledger, may_admit=has_moved)).fetchone()
        if row is None:
            raise Moved
        ledger.clock = row[0], time.monotonic()
        if ledger.new_items:
            _execute(*writing.items_of(ledger))
        if row[1]:
            ledger.admitted += fairness.admit(execution.owner_id)
        if steps_move_on:
            ledger.admitted += fairness.release_steps(execution.owner_id)
        if ledger.questions or ledger.answers:
            keep_questions(ledger)
        if has_failed:
            tell_of_failure(execution)

    def time_of(self, ledger: Ledger) -> datetime:
        """The database's time: as it last said, and the seconds since."""
        moment, since = ledger.clock
        return moment + timedelta(seconds=time.monotonic() - since)

    def take_queued(self, owner_id: int) -> int | None:
        """Admit the student's next execution that queues, for the calling worker itself."""
        return fairness.take(owner_id)

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
                    [writing.json_of(rows)],
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
                    WHERE id = ANY(ARRAY(SELECT id FROM workflows_execution
                                           WHERE status = 'pending' AND admitted_at IS NOT NULL
                                             AND hinted_at <= clock_timestamp() - {patience}
                                           ORDER BY hinted_at LIMIT %s FOR UPDATE SKIP LOCKED))
                    RETURNING id""",
                [limit],
            )
            found += [Due(row[0]) for row in cursor.fetchall()]
            cursor.execute(
                f"""UPDATE workflows_stepexecution SET hinted_at = clock_timestamp()
                    WHERE id = ANY(ARRAY(SELECT id FROM workflows_stepexecution
                                           WHERE status IN ('pending', 'waiting') AND waiting_for = 0
                                             AND hinted_at <= clock_timestamp() - {patience}
                                             AND (next_attempt_at IS NULL OR next_attempt_at <= clock_timestamp())
                                           ORDER BY hinted_at LIMIT %s FOR UPDATE SKIP LOCKED))
                    RETURNING execution_id, path, kind""",
                [limit],
            )
            found += [Due(*row) for row in cursor.fetchall()]
        return found


class DjangoReader:
    """Reads of one execution, and the effects of its steps."""

    def __init__(self, execution_id: int) -> None:
        self.execution_id = execution_id
        self._stack = ExitStack()
        self.is_locked = False

    def enter(self, stack: ExitStack, *, is_locked: bool) -> None:
        """Serve another transaction: `stack` ends it, committing or undoing what is on it."""
        self._stack, self.is_locked = stack, is_locked

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what happened inside, and only that, when it raises.

        Until the database is talked to, nothing is begun. Then the execution is locked, unless it is already, and a
        savepoint is set.
        """
        hooks = len(connection.run_on_commit)
        began = False

        def begin_first(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
            nonlocal began
            if not began:
                began = True
                self._begin_effect()
            return execute(sql, params, many, context)

        with ExitStack() as block:
            if not self.is_locked:
                block.enter_context(transaction.atomic())  # talks to nobody yet
            try:
                with connection.execute_wrapper(begin_first):
                    yield
                if began and _is_broken():
                    raise EffectBroken("It went on after an error of the database.")
            except Exception:
                if began:
                    _execute("ROLLBACK TO SAVEPOINT workflow_effect")
                connection.needs_rollback = False
                del connection.run_on_commit[hooks:]
                if not began:
                    raise
                self._stack.push(block.pop_all())
                raise
            if began or len(connection.run_on_commit) > hooks:
                self._stack.push(block.pop_all())

    def _begin_effect(self) -> None:
        if self.is_locked:
            _execute("SAVEPOINT workflow_effect")
        else:
            self.is_locked = True
            _execute(LOCK_FOR_EFFECT.format(limits=LIMITS, id=int(self.execution_id)))

    def steps(self, paths: Collection[str], *, with_results: bool = False) -> list[StepRecord]:
        """The records of these paths."""
        return self._select("s.path = ANY(%s)", [list(paths)], with_results=with_results)

    def ready_inline(self) -> list[StepRecord]:
        """In-line steps that wait for nothing but a worker."""
        return self._select(
            f"""s.status IN ('pending', 'waiting') AND s.waiting_for = 0 AND s.kind IN ({INLINE_SQL})
                AND (s.next_attempt_at IS NULL OR s.next_attempt_at <= clock_timestamp())
                ORDER BY coalesce(s.next_attempt_at, s.ready_at), s.id LIMIT {READY_AT_ONCE}"""
        )

    def next_queued(self, kind: str) -> StepRecord | None:
        """The outside step of a kind that has queued longest."""
        found = self._select(
            """s.kind = %s AND s.status = 'pending' AND s.waiting_for = 0 AND s.hinted_at IS NULL
               AND s.ready_at IS NOT NULL ORDER BY s.ready_at, s.id LIMIT 1""",
            [kind],
        )
        return found[0] if found else None

    def open_steps(self, below: str = "") -> list[StepRecord]:
        """Every step that is not over and whose path begins so."""
        where = " AND starts_with(s.path, %s)" if below else ""
        return self._select(f"s.status IN {OPEN_SQL}{where}", [below] if below else [])

    def has_open_steps(self, scope: str, besides: Collection[str]) -> bool:
        """Say whether a scope has steps that are not over, leaving some paths out."""
        found: bool = _execute(
            f"""SELECT EXISTS (SELECT 1 FROM workflows_stepexecution
                WHERE execution_id = %s AND scope = %s AND status IN {OPEN_SQL} AND path <> ALL(%s))""",
            [self.execution_id, scope, list(besides)],
        ).fetchone()[0]
        return found

    def steps_below(self, container_path: str) -> list[StepRecord]:
        """All steps inside a container at any depth, with results."""
        return self._select("starts_with(s.scope, %s)", [f"{container_path}["], with_results=True)

    def item(self, loop_path: str, index: int) -> Any:
        """One item of a loop."""
        row = _execute(
            """SELECT i.value FROM workflows_loopitem i JOIN workflows_stepexecution s ON s.id = i.step_id
               WHERE s.execution_id = %s AND s.path = %s AND i.index = %s""",
            [self.execution_id, loop_path, index],
        ).fetchone()
        return _loaded(row[0])

    def earlier(self, execution_id: int) -> Earlier | None:
        """Another execution that is over, with all there is of it."""
        return earlier_of(execution_id)

    def all_steps(self) -> list[StepRecord]:
        """Every step, with results, in the order in which they came into being."""
        return self._select("true ORDER BY s.id", with_results=True)

    def _select(self, where: str, values: Iterable[Any] = (), *, with_results: bool = False) -> list[StepRecord]:
        result = ", s.result" if with_results else ""
        rows = _execute(
            f"SELECT {STEP_SELECT}{result} FROM workflows_stepexecution s WHERE s.execution_id = %s AND {where}",
            [self.execution_id, *values],
        ).fetchall()
        return [_step(row, with_results) for row in rows]


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
    fields = dict(zip((*EXECUTION_COLUMNS, "is_owner_active"), row, strict=False))
    for name in ("trigger", "inputs", "variables"):
        fields[name] = _loaded(fields[name])
    return ExecutionRecord(**fields)


def _step(row: tuple[Any, ...], with_results: bool) -> StepRecord:
    fields: dict[str, Any] = dict(zip(("id", *STEP_TYPES), row, strict=False))
    if with_results:
        fields["result"] = _loaded(row[-1])
    return StepRecord(**fields)


def _execute(sql: str, values: Sequence[Any] | None = None) -> psycopg.Cursor[Any]:
    """Send a statement as psycopg does it, prepared when it comes again; Django's cursors never prepare."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    raw = connection.connection
    if raw.prepare_threshold is None:
        raw.prepare_threshold = 3
    cursor = psycopg.Cursor(raw)
    with connection.wrap_database_errors:
        cursor.execute(sql, values)
    return cursor


def _is_broken() -> bool:
    status: int = connection.connection.info.transaction_status
    return status == TransactionStatus.INERROR


def _loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
