"""What every benchmark shares: alternating runs, medians, the machine, the one line of output."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

LEAST_RUNS = 5


@dataclass(frozen=True)
class Figure:
    """One result: ours against a floor."""

    ours: float
    floor: float
    unit: str = "s"

    def as_json(self) -> dict[str, object]:
        """With the ratio of ours to the floor."""
        ratio = self.ours / self.floor if self.floor else 0.0
        return {"ours": round(self.ours, 4), "floor": round(self.floor, 4), "ratio": round(ratio, 2), "unit": self.unit}


def alternate(
    ours: Callable[[], object],
    floor: Callable[[], object],
    *,
    runs: int = LEAST_RUNS,
    clock: Callable[[], float] = time.perf_counter,
) -> Figure:
    """Time both in turn and compare the medians, so that a busy moment hits both alike.

    `clock=time.process_time` counts this process's own work only, which a busy machine disturbs less.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(max(runs, LEAST_RUNS)):
        for call, kept in zip((ours, floor), times, strict=True):
            began = clock()
            call()
            kept.append(clock() - began)
    return Figure(statistics.median(times[0]), statistics.median(times[1]))


def report(name: str, figures: dict[str, Figure]) -> None:
    """Print the line."""
    machine = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": psutil.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
    }
    line = {"bench": name, "machine": machine, "figures": {key: f.as_json() for key, f in figures.items()}}
    print(json.dumps(line))
