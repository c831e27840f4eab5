"""The engine without workers in one process on a database of its own: what a table full of old rows costs.

Each line names how many steps a chain has; the answer is the seconds that it took.
"""

from __future__ import annotations

import sys
import time
from typing import Any


def main() -> None:
    """Prepare the database, then answer lines."""
    rows = int(sys.argv[1])
    from bench.engine import worker
    from bench.engine.loads import Ours, chain_of

    assert worker.app
    from django.core.management import call_command
    from django.db import connection

    from workflows.models import Execution
    from workflows.running import runner

    call_command("migrate", verbosity=0)
    ours = Ours()
    hints: list[int] = []
    runner().hints = Collected(hints)
    workflows = {}

    def run(length: int) -> float:
        if length not in workflows:
            workflows[length] = ours.workflow(chain_of(length))
        workflow = workflows[length]
        execution = Execution.objects.create(
            owner=ours.owner, workflow=workflow, version=workflow.version, actor=ours.owner
        )
        began = time.perf_counter()
        hints.append(execution.pk)
        while hints:
            runner().advance(hints.pop())
        seconds = time.perf_counter() - began
        execution.refresh_from_db()
        assert execution.status == "completed"
        return seconds

    run(100)
    if rows:
        _fill(rows, connection)
    print("ready", flush=True)
    for line in sys.stdin:
        print(run(int(line)), flush=True)


class Collected:
    """Hints that this process follows itself."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers

    def advance(self, execution_id: int, *, delay_s: float = 0.0) -> None:
        """Keep it."""
        self.numbers.append(execution_id)

    def run_step(self, execution_id: int, path: str, kind: str, *, delay_s: float = 0.0) -> None:
        """There are no outside steps here."""
        raise AssertionError(path)


def _fill(rows: int, connection: Any) -> None:
    """Copy the one finished execution and its steps until there are that many old steps."""
    from workflows.models import Execution, StepExecution

    pattern = Execution.objects.get()
    whole = ", ".join(f'"{f.column}"' for f in Execution._meta.concrete_fields if not f.primary_key)
    parts = [f.column for f in StepExecution._meta.concrete_fields if not f.primary_key and f.column != "execution_id"]
    steps = ", ".join(f'"{column}"' for column in parts)
    copied = ", ".join(f's."{column}"' for column in parts)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO workflows_execution ({whole}) SELECT {whole} "
            "FROM workflows_execution, generate_series(1, %s)",
            [rows // pattern.steps.count()],
        )
        cursor.execute(
            f"INSERT INTO workflows_stepexecution (execution_id, {steps}) SELECT e.id, {copied} "
            "FROM workflows_execution e, workflows_stepexecution s WHERE s.execution_id = %s AND e.id <> %s",
            [pattern.pk, pattern.pk],
        )
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    main()
