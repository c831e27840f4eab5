"""How long `script/server` takes with everything installed, from the command to READY, and to stop.

The floor is one boot of Django that answers one request: no way of serving pages can be quicker.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import running
from bench.harness import LEAST_RUNS, Figure, report
from bench.running import ROOT

FLOOR = (
    "import django; from django.test import Client; django.setup(); "
    "assert Client(headers={'host': '127.0.0.1'}).get('/health').status_code == 200"
)


def main() -> None:
    with running.folder_for_servers() as var:
        first, _ = _start_and_stop(var)
        starts, stops, floors = [], [], []
        for _ in range(LEAST_RUNS):
            start, stop = _start_and_stop(var)
            starts.append(start)
            stops.append(stop)
            floors.append(_floor())
    floor = statistics.median(floors)
    report(
        "start",
        {
            "start_to_ready": Figure(statistics.median(starts), floor),
            "first_start_to_ready": Figure(first, floor),
            "stop": Figure(statistics.median(stops), floor),
        },
    )


def _start_and_stop(var: Path) -> tuple[float, float]:
    began = time.perf_counter()
    server = running.start(var)
    ready = time.perf_counter()
    time.sleep(3)  # what goes on in the background after READY is no part of the next figure
    stopping = time.perf_counter()
    running.stop(server)
    return ready - began, time.perf_counter() - stopping


def _floor() -> float:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "coreengine.settings.dev",
        "DATABASE_URL": "postgresql://nobody@localhost/none",
        "REDIS_URL": "redis://localhost:1",
    }
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", FLOOR], cwd=ROOT, env=environment, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
