"""The engine of this process: PostgreSQL, the executors, and Celery for hints."""

from __future__ import annotations

import logging
from functools import lru_cache, partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workflows.engine.runner import Runner
from workflows.fairness import admit
from workflows.steps import EXECUTORS, QUEUES
from workflows.store import DjangoStore

logger = logging.getLogger(__name__)

BEHIND = 6
"""With Redis a larger number goes later; messages without one come first. It has lists for 0, 3, 6 and 9."""
LONGEST_DELAY_S = 60
"""A longer wait is left to the sweep: a message that waits in a worker is redelivered when it waits too long."""


class CeleryHints:
    """Sends hints as Celery messages. A broker that is away loses the hint, and the sweep finds the work."""

    def advance(self, execution_id: int, *, delay_s: float = 0.0, behind: bool = False) -> None:
        """Ask a worker to go on with an execution, `behind` everything else that workers are asked."""
        self._send("workflows.advance_execution", [execution_id], "default", delay_s, BEHIND if behind else None)

    def run_step(self, execution_id: int, path: str, kind: str, *, delay_s: float = 0.0) -> None:
        """Ask a worker of the right queue to do an outside step."""
        self._send("workflows.run_step", [execution_id, path], QUEUES[kind], delay_s)

    def _send(
        self, task: str, arguments: list[object], queue: str, delay_s: float, priority: int | None = None
    ) -> None:
        if delay_s > LONGEST_DELAY_S:
            return

        def send() -> None:
            try:
                current_app.send_task(
                    task, args=arguments, queue=queue, countdown=delay_s or None, retry=False, priority=priority
                )
            except (OperationalError, RedisError, OSError) as error:
                logger.warning("hint %s%s was not sent (%s); the sweep will find the work", task, arguments, error)

        transaction.on_commit(send)  # at once, unless a caller's transaction is still open


@lru_cache(maxsize=1)
def runner() -> Runner:
    """The runner of this process."""
    return Runner(DjangoStore(), EXECUTORS, CeleryHints())


def begin_in_turn(owner_id: int) -> None:
    """Let a student's next executions begin, for which there is room, once the transaction has committed."""
    for due in admit(owner_id):
        transaction.on_commit(partial(runner().hints.advance, due.execution_id))
