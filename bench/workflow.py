"""How fast the workflow engine is: chains, fans, many executions at once, beginnings, and whether it stays so.

Starts PostgreSQL, Redis and workers of its own. Every figure is the median of alternating runs of ours and of a
floor; less is better everywhere, since every figure is in seconds:

- `chain40`: from the start call to the end of 40 in-line steps, through a worker. Floor: 40 psycopg transactions
  that each update one row and insert one event. Aim 3.
- `fan40`: 40 outside steps that do nothing, two worker processes, a step that waits for all. Floor: a chord. Aim 1.5.
- `throughput`: seconds per step of 200 executions of 10 steps submitted at once. Floor: the floor's transactions in
  two processes. Aim 2, which is half the floor's steps per second.
- `chain40_alone`, `throughput_alone`: the same with steps that do not share their transaction with others, as steps
  that take long do not: what a step costs that commits by itself. No aim.
- `throughput_vs_celery`: `throughput` against 200 chains of 10 raw Celery tasks. Aim below 1.
- `first_step`: from the return of the start call to the first step's `started` event. Aim 0.015 s.
- `flat`: seconds per step in one execution of 10,000 steps over those in executions of 100. Aim 1.5.
- `flat_rows`: seconds per step beside a million old step rows over those in an empty table. Aim 1.5.

`--peer dbos` installs DBOS into var/bench/dbos and adds `dbos_chain40`, `dbos_fan40` and `dbos_throughput`, where
the floor is DBOS. `--only NAME,NAME` measures some of them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from bench.engine.site import Site, other_database, own_site
from bench.harness import LEAST_RUNS, Figure, report
from bench.running import ROOT

LENGTH = 40
EXECUTIONS, STEPS = 200, 10
OLD_ROWS = 1_000_000
DBOS_PYTHON = ROOT / "var" / "bench" / "dbos" / "bin" / "python"
DBOS_VERSION = "3.4.0"


def main() -> None:
    """Start everything, measure, print the line, end everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=["dbos"])
    parser.add_argument("--only", default="", help="names of figures, separated by commas")
    options = parser.parse_args()
    wanted = set(options.only.split(",")) - {""}
    if options.peer:
        install_dbos()
    with own_site() as site:
        measure = Measure(site, peer=bool(options.peer), wanted=wanted)
        figures = {}
        for name, figure in measure.figures():
            figures[name] = figure
            print(name, figure.as_json(), file=sys.stderr, flush=True)
    report("workflow", figures)


class Measure:
    """The site with its workers, and every figure."""

    def __init__(self, site: Site, *, peer: bool, wanted: set[str]) -> None:
        from bench.engine.floors import Floor
        from bench.engine.loads import Ours, Raw, chain_of, fan_of

        self.site, self.peer, self.wanted = site, peer, wanted
        site.celery("bench.engine.worker", "default,plugins,agents", "ours")
        site.celery("bench.engine.raw", "raw", "raw")
        self.floor = Floor(site.environment["DATABASE_URL"], 10_000)
        self.ours, self.raw = Ours(), Raw()
        self.one, self.chain = self.ours.workflow(chain_of(1)), self.ours.workflow(chain_of(LENGTH))
        self.fan, self.ten = self.ours.workflow(fan_of(LENGTH)), self.ours.workflow(chain_of(STEPS))
        self.alone = {length: self.ours.workflow(chain_of(length, alone=True)) for length in (LENGTH, STEPS)}
        self.raw.warm()
        for workflow in (self.one, self.ten, self.chain, self.fan, *self.alone.values()) * 3:
            self.ours.run(workflow)

    def wants(self, *names: str) -> bool:
        """Say whether one of these figures was asked for."""
        return not self.wanted or bool(self.wanted & set(names))

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Every figure that was asked for."""
        dbos = self._dbos()
        yield from self._of_one(dbos)
        yield from self._of_many(dbos)
        if self.wants("first_step"):
            ours, floor = in_turn(lambda: self.ours.start_to_started(self.one), self.raw.start, runs=41)
            yield "first_step", Figure(ours, floor)
        if self.wants("flat"):
            yield "flat", self._flat()
        if self.wants("flat_rows"):
            yield "flat_rows", self._flat_rows()

    def _of_one(self, dbos: Callable[[str], float] | None) -> Iterator[tuple[str, Figure]]:
        loads = [
            ("chain40", self.chain, lambda: self.floor.run(LENGTH), f"chain {LENGTH}"),
            ("chain40_alone", self.alone[LENGTH], lambda: self.floor.run(LENGTH), ""),
            ("fan40", self.fan, lambda: self.raw.fan(LENGTH), f"fan {LENGTH}"),
        ]
        for name, workflow, floor, words in loads:
            if self.wants(name, f"dbos_{name}"):
                runs = [lambda w=workflow: self.ours.run(w), floor]
                ours, least, *peer = in_turn(*runs, *([lambda w=words: dbos(w)] if dbos and words else []), runs=11)
                yield name, Figure(ours, least)
                if peer:
                    yield f"dbos_{name}", Figure(ours, peer[0])

    def _of_many(self, dbos: Callable[[str], float] | None) -> Iterator[tuple[str, Figure]]:
        if not self.wants("throughput", "throughput_alone", "throughput_vs_celery", "dbos_throughput"):
            return
        steps = EXECUTIONS * STEPS
        floors = [self.site.python("bench.engine.floors", str(place * 1000)) for place in (20, 21)]
        for floor in floors:
            floor.hear()

        def transactions() -> float:
            for floor in floors:
                floor.tell(steps // 2)
            return max(float(floor.hear()) for floor in floors)

        calls = [
            lambda: self.ours.run_many(self.ten, EXECUTIONS),
            transactions,
            lambda: self.ours.run_many(self.alone[STEPS], EXECUTIONS),
            lambda: self.raw.chains(EXECUTIONS, STEPS),
            *([lambda: dbos(f"throughput {EXECUTIONS} {STEPS}")] if dbos else []),
        ]
        ours, least, alone, celery, *peer = (seconds / steps for seconds in in_turn(*calls))
        yield "throughput", Figure(ours, least, "s/step")
        yield "throughput_alone", Figure(alone, least, "s/step")
        yield "throughput_vs_celery", Figure(ours, celery, "s/step")
        if peer:
            yield "dbos_throughput", Figure(ours, peer[0], "s/step")

    def _flat(self) -> Figure:
        from bench.engine.loads import rounds_of

        long, short = self.ours.workflow(rounds_of(5_000)), self.ours.workflow(rounds_of(50))
        ours, floor = in_turn(
            lambda: self.ours.seconds_inside(long) / 10_000,
            lambda: sum(self.ours.seconds_inside(short) for _ in range(10)) / 1_000,
        )
        return Figure(ours, floor, "s/step")

    def _flat_rows(self) -> Figure:
        from django.db import connection

        address = self.site.environment["DATABASE_URL"]
        sides = []
        for name, rows in (("bench_full", OLD_ROWS), ("bench_empty", 0)):
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
            sides.append(self.site.python("bench.engine.inline", str(rows), DATABASE_URL=other_database(address, name)))
        for side in sides:
            side.hear()
        full, empty = (lambda side=side: float(side.ask(200)) / 200 for side in sides)
        return Figure(*in_turn(full, empty, runs=15), unit="s/step")

    def _dbos(self) -> Callable[[str], float] | None:
        """DBOS in two processes, the load shared out for throughput; the slower one's seconds."""
        if not self.peer:
            return None
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE bench_dbos")
        address = other_database(self.site.environment["DATABASE_URL"], "bench_dbos")
        script = str(ROOT / "bench" / "engine" / "peer_dbos.py")
        helpers = []
        for name in ("one", "two"):
            helpers.append(self.site.helper([str(DBOS_PYTHON), script, name], DBOS_DATABASE_URL=address))
            helpers[-1].hear()

        def ask(words: str) -> float:
            word, *numbers = words.split()
            if word != "throughput":
                return float(helpers[0].ask(words))
            for helper in helpers:
                helper.tell(word, int(numbers[0]) // 2, numbers[1])
            return max(float(helper.hear()) for helper in helpers)

        return ask


def in_turn(*calls: Callable[[], object], runs: int = LEAST_RUNS) -> list[float]:
    """Medians of calls in turn. A call that returns a number has measured itself."""
    kept: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for call, times in zip(calls, kept, strict=True):
            began = time.perf_counter()
            told = call()
            times.append(told if isinstance(told, float) else time.perf_counter() - began)
    return [statistics.median(times) for times in kept]


def install_dbos() -> None:
    """Into an environment of its own: its pins are not ours."""
    if DBOS_PYTHON.exists():
        return
    folder = DBOS_PYTHON.parents[1]
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(DBOS_PYTHON), "-m", "pip", "install", "-q", f"dbos=={DBOS_VERSION}"], check=True)


if __name__ == "__main__":
    main()
