"""DBOS at the same three loads. Runs in an environment of its own (see `bench/workflow.py`), not in the project's.

Each line is `chain LENGTH`, `fan WIDTH` or `throughput WORKFLOWS LENGTH`; the answer is the seconds that it took.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS, DBOSConfig

THREADS = 8  # what measured best for it


@DBOS.step()
def nothing() -> None:
    """Do nothing."""


@DBOS.step()
async def nothing_beside_others() -> None:
    """Do nothing."""


@DBOS.workflow()
def steps_in_turn(length: int) -> None:
    """A chain."""
    for _ in range(length):
        nothing()


@DBOS.workflow()
async def steps_side_by_side(width: int) -> None:
    """A fan, and a join."""
    await asyncio.gather(*(nothing_beside_others() for _ in range(width)))
    nothing_in_the_end = nothing_beside_others
    await nothing_in_the_end()


async def fan(width: int) -> None:
    """Start a fan and wait for its end."""
    await steps_side_by_side(width)


def main() -> None:
    """Answer lines."""
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": os.environ["DBOS_DATABASE_URL"],
        "executor_id": sys.argv[1],
        "console_log_level": "ERROR",
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    pool = ThreadPoolExecutor(THREADS)
    loop = asyncio.new_event_loop()
    steps_in_turn(3)
    loop.run_until_complete(fan(3))
    print("ready", flush=True)
    for line in sys.stdin:
        word, *numbers = line.split()
        began = time.perf_counter()
        if word == "chain":
            steps_in_turn(int(numbers[0]))
        elif word == "fan":
            loop.run_until_complete(fan(int(numbers[0])))
        else:
            list(pool.map(steps_in_turn, [int(numbers[1])] * int(numbers[0])))
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
