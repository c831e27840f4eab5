"""Run a program of ours inside the bench: `python -m bench.faults.process MODULE ARGUMENTS...`.

The clock is set wrong, if at all, before anything else has looked at it.
"""

import os
import runpy
import sys
import threading
import time
from pathlib import Path


def skew_clock(offset_s: float, stepped: Path) -> None:
    """Set Python's clock off by so many seconds, and back by an hour more once the file is there."""
    real = time.time

    def skewed() -> float:
        return real() + offset_s - (3600.0 if stepped.exists() else 0.0)

    time.time = skewed

    def skew_django() -> None:
        import datetime

        from django.utils import timezone

        timezone.now = lambda: datetime.datetime.fromtimestamp(time.time(), datetime.UTC)

    skew_django()


def end_with_the_bench(descriptor: int) -> None:
    """Kill this process and its children once the bench, which holds the other end, is gone."""

    def watch() -> None:
        os.read(descriptor, 1)
        os.killpg(os.getpgid(0), 9)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main() -> None:
    """Prepare, then become the program."""
    if lifeline := os.environ.get("FAULTS_LIFELINE"):
        end_with_the_bench(int(lifeline))
    if offset := os.environ.get("FAULTS_CLOCK"):
        skew_clock(float(offset), Path(os.environ["FAULTS_FOLDER"], "clock-stepped"))
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
