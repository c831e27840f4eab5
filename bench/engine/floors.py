"""The floor of durability: psycopg transactions that each update one row and insert one event, with no engine.

As a process of its own it does as many as each line says and answers with the seconds they took.
"""

from __future__ import annotations

import os
import sys
import time

import psycopg
from psycopg.types.json import Jsonb

TABLES = """
CREATE TABLE IF NOT EXISTS bench_row (id bigint PRIMARY KEY, status text, result jsonb, finished_at timestamptz);
CREATE TABLE IF NOT EXISTS bench_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time timestamptz NOT NULL DEFAULT now(), type text, subject bigint, data jsonb);
"""


class Floor:
    """A connection and its own rows."""

    def __init__(self, address: str, offset: int = 0) -> None:
        self.offset = offset
        self.connection = psycopg.connect(address, autocommit=True)
        self.connection.execute(TABLES)
        self.connection.execute(
            "INSERT INTO bench_row (id, status) SELECT %s + n, 'pending' FROM generate_series(0, 999) n",
            [offset],
        )

    def run(self, count: int) -> float:
        """Do that many transactions; returns the seconds."""
        began = time.perf_counter()
        connection = self.connection
        for number in range(count):
            row = self.offset + number % 1000
            with connection.transaction():
                connection.execute(
                    "UPDATE bench_row SET status = %s, result = %s, finished_at = now() WHERE id = %s",
                    ["completed", Jsonb({}), row],
                )
                connection.execute(
                    "INSERT INTO bench_event (type, subject, data) VALUES (%s, %s, %s)",
                    ["workflow.step.completed", row, Jsonb({"path": f"s{number}", "result": {}})],
                )
        return time.perf_counter() - began


def main() -> None:
    """Answer lines."""
    floor = Floor(os.environ["DATABASE_URL"], int(sys.argv[1]))
    floor.run(20)
    print("ready", flush=True)
    for line in sys.stdin:
        print(floor.run(int(line)), flush=True)


if __name__ == "__main__":
    main()
