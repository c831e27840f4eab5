"""How executions and steps stand, and which changes are allowed.

The database holds the same table in a trigger (migration 0002) and refuses what is not in it.
"""

from __future__ import annotations

PENDING = "pending"
"""Not begun: it waits for other steps, or for a worker."""
RUNNING = "running"
"""A worker holds it, or its own steps are under way."""
WAITING = "waiting"
"""Nobody holds it: it waits for its next attempt, for a time, or for a person."""
COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"
SKIPPED = "skipped"

# Reasons: why a step was skipped or cancelled, what it waits for, or what its failure meant.
CONDITION_NOT_MET = "condition_not_met"
BRANCH_NOT_TAKEN = "branch_not_taken"
EXECUTION_CANCELLED = "execution_cancelled"
EXECUTION_FAILED = "execution_failed"
LOOP_ENDED_EARLY = "loop_ended_early"
NOT_NEEDED = "not_needed"
"""Enough of the other branches have worked."""
ITEM_FAILED = "item_failed"
BRANCH_FAILED = "branch_failed"
PAUSE = "wait"
APPROVAL = "approval"
NEEDS_ATTENTION = "needs_attention"
"""Nobody knows what became of an attempt that must not happen twice: a person must say."""
PAUSES = frozenset({PAUSE, APPROVAL, NEEDS_ATTENTION})
"""The reasons of steps that wait for a time or a person; one that waits for its retry has none."""

OPEN = frozenset({PENDING, RUNNING, WAITING})
FINAL = frozenset({COMPLETED, FAILED, CANCELLED, SKIPPED})

EXECUTION_MOVES = {
    (PENDING, RUNNING): "a worker begins",
    (PENDING, COMPLETED): "it began and had nothing to do",
    (PENDING, FAILED): "it could not begin",
    (PENDING, CANCELLED): "someone cancelled it before it began",
    (RUNNING, COMPLETED): "every step is over",
    (RUNNING, FAILED): "a step failed, or the time is up",
    (RUNNING, CANCELLED): "someone cancelled it",
}

STEP_MOVES = {
    (PENDING, RUNNING): "a worker claims it, or its own steps begin",
    (PENDING, WAITING): "it waits for a time or a person",
    (PENDING, COMPLETED): "it had nothing to do, or its result is taken over from an earlier execution",
    (PENDING, SKIPPED): "its condition is not met, or its branch is not taken",
    (PENDING, FAILED): "its condition or its values cannot be worked out",
    (PENDING, CANCELLED): "the execution ended without it",
    (RUNNING, COMPLETED): "it worked",
    (RUNNING, WAITING): "it will be tried again, or a person must say what became of it",
    (RUNNING, FAILED): "it failed for good",
    (RUNNING, CANCELLED): "the execution ended without it",
    (WAITING, RUNNING): "a worker claims it again",
    (WAITING, COMPLETED): "its time has come, or a person decided",
    (WAITING, FAILED): "its time is up, or a person decided so",
    (WAITING, CANCELLED): "the execution ended without it",
}


class IllegalMove(Exception):
    """A change of status that must not happen: a fault of the engine, or a stale worker."""


def check_move(moves: dict[tuple[str, str], str], old: str, new: str, what: str) -> None:
    """Refuse a change of status that is not in the table.

    Raises:
        IllegalMove: it is not.
    """
    if (old, new) not in moves:
        raise IllegalMove(f"{what} cannot go from {old} to {new}")
