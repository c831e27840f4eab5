"""What must be true of executions after a fault, whatever the fault was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import connection

from bench.faults.sink import Sink

OVER = ("completed", "failed", "cancelled", "skipped")
SHOWN = 5


def broken_invariants(executions: Iterable[int]) -> list[str]:
    """Everything that is wrong with logs and rows of these executions, in words."""
    ids = sorted(executions)
    found = [*_gaps(ids), *_after_the_end(ids), *_orphans(ids), *_differs_from_its_log(ids), *_budgets()]
    return found


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def _say(what: str, rows: list[Any]) -> list[str]:
    return [f"{what}: {rows[:SHOWN]}{f' and {len(rows) - SHOWN} more' if len(rows) > SHOWN else ''}"] if rows else []


def _gaps(ids: list[int]) -> list[str]:
    """Each log is numbered 1, 2, 3 … and chained."""
    found = _rows(
        """SELECT subject_id, count(*), min(sequence), max(sequence) FROM kernel_event
           WHERE subject_type = 'workflows.execution' AND subject_id = ANY(%s) GROUP BY subject_id
           HAVING min(sequence) <> 1 OR max(sequence) <> count(*)""",
        [str(number) for number in ids],
    )
    broken = _rows(
        """SELECT id FROM (
             SELECT id, hash, type, data_digest, subject_type, subject_id, sequence,
                    lag(hash, 1, '') OVER (PARTITION BY subject_id ORDER BY sequence) AS previous
             FROM kernel_event WHERE subject_type = 'workflows.execution' AND subject_id = ANY(%s)) chain
           WHERE hash <> kernel_event_hash(previous, subject_type, subject_id, sequence, type, data_digest)""",
        [str(number) for number in ids],
    )
    return [*_say("logs with gaps", found), *_say("logs whose chain is broken", broken)]


def _after_the_end(ids: list[int]) -> list[str]:
    """The last event of an execution that is over says so, and it is said once."""
    found = _rows(
        """SELECT e.id, e.status, array_agg(v.type ORDER BY v.sequence)
                  FILTER (WHERE v.type LIKE 'workflow.execution.%%' AND v.type !~ '(requested|started)$'),
                  (array_agg(v.type ORDER BY v.sequence DESC))[1]
           FROM workflows_execution e
           JOIN kernel_event v ON v.subject_type = 'workflows.execution' AND v.subject_id = e.id::text
           WHERE e.id = ANY(%s) AND e.status = ANY(%s) GROUP BY e.id""",
        ids,
        list(OVER),
    )
    wrong = [row for row in found if (row[2] or [])[-1:] != [row[3]] or row[3] != f"workflow.execution.{row[1]}"]
    twice = [row for row in found if len([t for t in row[2] or [] if t.rpartition(".")[2] in OVER]) > 1]
    return [*_say("executions whose log goes on after their end", wrong), *_say("executions that ended twice", twice)]


def _orphans(ids: list[int]) -> list[str]:
    """Nobody holds what is over, and nothing is open in an execution that is over."""
    open_steps = _rows(
        """SELECT s.execution_id, s.path, s.status FROM workflows_stepexecution s
           JOIN workflows_execution e ON e.id = s.execution_id
           WHERE e.id = ANY(%s) AND e.status = ANY(%s) AND s.status <> ALL(%s)""",
        ids,
        list(OVER),
        list(OVER),
    )
    leases = _rows(
        """SELECT execution_id, path, status FROM workflows_stepexecution
           WHERE execution_id = ANY(%s) AND lease_until IS NOT NULL AND status <> 'running'""",
        ids,
    )
    return [*_say("steps left open", open_steps), *_say("leases left behind", leases)]


def _differs_from_its_log(ids: list[int]) -> list[str]:
    """The log, folded, gives the rows: `manage.py workflows rebuild --check` for these executions."""
    from workflows.models import Execution
    from workflows.rebuild import compare

    return _say("rows that differ from their log", list(compare(Execution.objects.filter(pk__in=ids))))


def _budgets() -> list[str]:
    """No budget of an agent is below nothing."""
    return _say(
        "negative budgets",
        _rows("SELECT owner_id FROM agents_budget WHERE spent_usd_micros < 0 OR reserved_usd_micros < 0"),
    )


def effects(executions: Iterable[int], sink: Sink, *, may_repeat: Iterable[str] = ()) -> tuple[int, list[str]]:
    """How many effects happened twice (or not at all, though their step is done), and which.

    `may_repeat` names unkeyed steps that someone allowed to be done again.
    """
    ids = set(executions)
    inserted: Counter[tuple[int, str]] = Counter()
    for number, path, count in _rows(
        "SELECT execution, path, count(*) FROM bench_effect WHERE execution = ANY(%s) GROUP BY 1, 2", list(ids)
    ):
        inserted[number, path] = count
    asked = sink.of(ids)
    wrong = []
    rows = _rows(
        "SELECT execution_id, path, name, kind, status FROM workflows_stepexecution WHERE execution_id = ANY(%s)",
        list(ids),
    )
    for number, path, name, kind, status in rows:
        if kind == "system_action":
            if inserted[number, path] != (status == "completed"):
                wrong.append((number, path, status, f"{inserted[number, path]} rows"))
        elif kind in ("ai_agent", "plugin_action"):
            calls = asked.get((number, path), [])
            keys = {call.key for call in calls}
            if status == "completed" and not calls:
                wrong.append((number, path, status, "never asked"))
            elif len(keys) > 1:
                wrong.append((number, path, status, f"{len(keys)} keys"))
            elif keys == {""} and len(calls) > 1 and name not in may_repeat:
                wrong.append((number, path, status, f"asked {len(calls)} times without a key"))
    return len(wrong), _say("effects that are not there once", wrong)
