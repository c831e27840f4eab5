"""The engine in this very process, with nobody else at work: for faults that need a hand on each transaction."""

from __future__ import annotations

from collections import deque
from typing import Any

from django.db import connection

from bench.faults.trial import Trial


class QueuedHints:
    """Hints in a list; those with a delay are left to the sweep."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, str]] = deque()

    def advance(self, execution_id: int, *, delay_s: float = 0.0, **_: Any) -> None:
        if not delay_s:
            self.queue.append((execution_id, ""))

    def run_step(self, execution_id: int, path: str, kind: str, *, delay_s: float = 0.0, **_: Any) -> None:
        if not delay_s:
            self.queue.append((execution_id, path))


def local_runner(hints: Any = None) -> Any:
    """A runner over the real store."""
    from workflows.engine.runner import Runner
    from workflows.steps import EXECUTORS
    from workflows.store import DjangoStore

    return Runner(DjangoStore(), EXECUTORS, hints or QueuedHints())


def alone(trial: Trial) -> None:
    """Stop every process and forget their messages."""
    trial.world.only()
    trial.world.redis.flushall()


def let_time_pass(executions: list[int], seconds: float = 3600) -> None:
    """Move every stored moment of open work into the past: the database's clock decides."""
    with connection.cursor() as cursor:
        for table, key, columns in (
            ("workflows_execution", "id", ("hinted_at",)),
            ("workflows_stepexecution", "execution_id", ("lease_until", "next_attempt_at", "hinted_at")),
        ):
            changes = ", ".join(f"{column} = {column} - interval '{seconds} s'" for column in columns)
            cursor.execute(
                f"UPDATE {table} SET {changes} WHERE {key} = ANY(%s) AND status IN ('pending', 'running', 'waiting')",
                [executions],
            )
