"""Whose turn it is: what of each student may be under way, so that nobody's flood holds up another's single step.

A hint is sent only for what was *admitted*. Of a student's executions, only so many are in progress at a time, and
only a few lie ahead of the workers not yet begun; of the outside steps, only so many are with workers or on their
way to them. The rest waits in the tables, where it costs nobody anything. Whoever ends or begins something admits
the student's next, in the same transaction; hints at executions that have queued go behind all other messages. The
sweep admits what was missed by two transactions that did not see each other. An execution that waits for a time or a
person holds no place.

The queue of a student goes by priority, then what a person started by hand, then age. The statements are functions
of the database (migration 0010), so that they are planned once.
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

MAY_ADMIT = f"workflows_may_admit(owner_id, id, %s, {FEW_AHEAD})"
"""For RETURNING, when an execution begins, ends or pauses: whether to ask who is next at all."""

OUTSIDE_SQL = ", ".join(f"'{kind}'" for kind in OUTSIDE_TYPES)
OWNERS_WITH_QUEUED_EXECUTIONS = f"""
SELECT DISTINCT owner_id FROM workflows_execution
WHERE admitted_at IS NULL AND status = 'pending' LIMIT {OWNERS_AT_ONCE}
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
    """Admit the next executions of a student for which there is room; the caller hints at them after the commit.

    They count as having queued: one that is admitted the moment it is made has not.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT workflows_admit(%s, %s, %s)", [owner_id, executions_at_once(), MOST_AHEAD])
        return [Due(row[0], has_queued=True) for row in cursor.fetchall()]


def take(owner_id: int) -> int | None:
    """Admit a student's next execution, if there is room and no other student's waits for a worker, for one that
    begins it at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workflows_take(%s, %s)", [owner_id, executions_at_once()])
        number: int | None = cursor.fetchone()[0]
    return number


def release_steps(owner_id: int) -> list[Due]:
    """Let the next outside steps of a student go to workers; the caller hints at them after the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM workflows_release_steps(%s, %s)", [owner_id, settings.WORKFLOWS["STEPS_AT_ONCE"]])
        return [Due(*row) for row in cursor.fetchall()]


def queued_steps(ledger: Ledger) -> tuple[set[str], bool]:
    """Which steps that became ready must queue, and whether the student's queue of steps may move on.

    A step that follows on one that has just ended takes its place without asking, unless its worker took one from
    the queue for that place: neither a chain nor a worker that goes on is counted.
    """
    ready = [step.path for step, delay_s in ledger.hints if not delay_s and is_outside(step) and step.is_ready]
    ended = sum(1 for step in ledger.changed.values() if is_outside(step) and step.status not in (PENDING, RUNNING))
    free = ended - len(ledger.taken)
    if len(ready) <= free:
        return set(), free > len(ready)
    return set(ready), free > 0 or (bool(ready) and not ledger.taken)


def is_outside(step: StepRecord) -> bool:
    """Say whether a step is done by another worker."""
    return step.kind in OUTSIDE_TYPES


def overlooked() -> list[Due]:
    """Admit and release what two transactions at the same moment left to each other; for the sweep."""
    found: list[Due] = []
    with connection.cursor() as cursor:
        cursor.execute(OWNERS_WITH_QUEUED_EXECUTIONS)
        for (owner_id,) in cursor.fetchall():
            found += admit(owner_id)
        cursor.execute(OWNERS_WITH_QUEUED_STEPS)
        for (owner_id,) in cursor.fetchall():
            found += release_steps(owner_id)
    return found
