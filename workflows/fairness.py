"""Whose turn it is: what of each student may be under way, so that nobody's flood holds up another's single step.

A hint is sent only for what was *admitted*. Of a student's executions, only so many are in progress at a time, and
only a few lie ahead of the workers not yet begun; of the outside steps, only so many are with workers or on their
way to them. The rest waits in the tables, where it costs nobody anything. Whoever ends or begins something admits
the student's next, in the same transaction; the sweep admits what was missed by two transactions that did not see
each other. An execution that waits for a time or a person holds no place.

The queue of a student goes by priority, then what a person started by hand, then age.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection

from workflows.engine.definition import OUTSIDE_TYPES
from workflows.engine.ledger import Ledger
from workflows.engine.records import StepRecord
from workflows.engine.states import PENDING, RUNNING
from workflows.engine.store import Due

MOST_AHEAD = 4
"""So many executions of a student may lie in the broker's queue not yet begun."""
FEW_AHEAD = 2
"""No more are admitted before so few are left: two at a time cost half the statements."""
BY_HAND = frozenset({"manual", "api"})
OWNERS_AT_ONCE = 500

OUTSIDE_SQL = ", ".join(f"'{kind}'" for kind in OUTSIDE_TYPES)
IN_PROGRESS = "admitted_at IS NOT NULL AND status IN ('pending', 'running')"
QUEUED = "admitted_at IS NULL AND status = 'pending'"

ADMIT = f"""
UPDATE workflows_execution SET admitted_at = clock_timestamp(), hinted_at = clock_timestamp()
WHERE id IN (
  SELECT id FROM workflows_execution WHERE owner_id = %(owner)s AND {QUEUED}
  ORDER BY queue_rank, id
  LIMIT (SELECT greatest(0, least(%(at_once)s - count(*), {MOST_AHEAD} - count(*) FILTER (WHERE status = 'pending')))
         FROM workflows_execution WHERE owner_id = %(owner)s AND {IN_PROGRESS} AND pauses = 0)
  FOR UPDATE SKIP LOCKED)
RETURNING queue_rank, id
"""
MAY_ADMIT = f"""
EXISTS (SELECT 1 FROM workflows_execution q WHERE q.owner_id = workflows_execution.owner_id AND {QUEUED})
AND (SELECT count(*) FILTER (WHERE q.status = 'pending') <= {FEW_AHEAD} AND count(*) < %s
     FROM workflows_execution q
     WHERE q.owner_id = workflows_execution.owner_id AND {IN_PROGRESS} AND q.pauses = 0
       AND q.id <> workflows_execution.id)
"""
"""For RETURNING, when an execution begins, ends or pauses: is there room for another, and another for the room?"""

RELEASE = f"""
UPDATE workflows_stepexecution SET hinted_at = clock_timestamp()
WHERE id IN (
  SELECT s.id FROM workflows_execution e JOIN workflows_stepexecution s ON s.execution_id = e.id
  WHERE e.owner_id = %(owner)s AND e.{IN_PROGRESS.replace("status", "e.status")}
    AND s.kind IN ({OUTSIDE_SQL}) AND s.status = 'pending' AND s.waiting_for = 0 AND s.hinted_at IS NULL
    AND s.ready_at IS NOT NULL
  ORDER BY e.priority DESC, s.ready_at, s.id
  LIMIT (SELECT greatest(0, %(at_once)s - count(*))
         FROM workflows_execution f JOIN workflows_stepexecution t ON t.execution_id = f.id
         WHERE f.owner_id = %(owner)s AND f.{IN_PROGRESS.replace("status", "f.status")}
           AND t.kind IN ({OUTSIDE_SQL}) AND t.status IN ('pending', 'running') AND t.hinted_at IS NOT NULL)
  FOR UPDATE OF s SKIP LOCKED)
RETURNING ready_at, id, execution_id, path, kind
"""
OWNERS_WITH_QUEUED_STEPS = f"""
SELECT DISTINCT e.owner_id FROM workflows_stepexecution s JOIN workflows_execution e ON e.id = s.execution_id
WHERE s.kind IN ({OUTSIDE_SQL}) AND s.status = 'pending' AND s.waiting_for = 0 AND s.hinted_at IS NULL
  AND s.ready_at IS NOT NULL AND e.status = 'running' LIMIT {OWNERS_AT_ONCE}
"""


def queue_rank(priority: int, trigger: dict[str, Any]) -> int:
    """Where an execution stands in its student's queue, smaller first."""
    return -2 * priority - (1 if trigger.get("type", "manual") in BY_HAND else 0)


def executions_at_once() -> int:
    """How many executions of a student may be in progress."""
    return settings.WORKFLOWS["EXECUTIONS_AT_ONCE"]


def admit(owner_id: int) -> list[Due]:
    """Admit the next executions of a student for which there is room; the caller hints at them after the commit."""
    with connection.cursor() as cursor:
        cursor.execute(ADMIT, {"owner": owner_id, "at_once": executions_at_once()})
        return [Due(number) for _rank, number in sorted(cursor.fetchall())]


def release_steps(owner_id: int) -> list[Due]:
    """Let the next outside steps of a student go to workers; the caller hints at them after the commit."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, {"owner": owner_id, "at_once": settings.WORKFLOWS["STEPS_AT_ONCE"]})
        return [Due(*row[2:]) for row in sorted(cursor.fetchall())]


def queued_steps(ledger: Ledger) -> tuple[set[str], bool]:
    """Which steps that became ready must queue, and whether the student's queue of steps may move on.

    A step that follows on one that has just ended takes its place without asking: a chain is not counted.
    """
    ready = [step.path for step, delay_s in ledger.hints if not delay_s and is_outside(step) and step.is_ready]
    ended = sum(1 for step in ledger.changed.values() if is_outside(step) and step.status not in (PENDING, RUNNING))
    queued = set(ready) if len(ready) > ended else set()
    return queued, bool(queued) or ended > len(ready)


def is_outside(step: StepRecord) -> bool:
    """Say whether a step is done by another worker."""
    return step.kind in OUTSIDE_TYPES


def overlooked() -> list[Due]:
    """Admit and release what two transactions at the same moment left to each other; for the sweep."""
    found: list[Due] = []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT owner_id FROM workflows_execution WHERE {QUEUED} LIMIT {OWNERS_AT_ONCE}")
        for (owner_id,) in cursor.fetchall():
            found += admit(owner_id)
        cursor.execute(OWNERS_WITH_QUEUED_STEPS)
        for (owner_id,) in cursor.fetchall():
            found += release_steps(owner_id)
    return found
