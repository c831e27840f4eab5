"""The command: runs the faults one after the other, a line for each, and JSON at the end."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import platform
import random
import signal
import sys
import time
from typing import Any

from bench.faults.world import Patience, running_world

SHORT = Patience(lease_s=3, hint_again_s=1.5, sweep_s=1, visibility_s=1800)
SMOKE = ("R01", "R05", "R20", "R21", "R22", "R23", "R24", "R34")


def main() -> int:
    """Run what was asked for; 1 when anything was lost, doubled or too slow."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    random.seed(options.seed)
    began = time.monotonic()
    results = []
    logging.disable(logging.CRITICAL)  # of this process, which meets faults on purpose; the others keep their logs
    with running_world(Patience() if options.full else SHORT) as world:
        from bench.faults.families import FAULTS
        from bench.faults.trial import Result, Size, run_fault

        names = options.only or (list(SMOKE) if options.smoke else sorted(FAULTS))
        unknown = [name for name in names if name not in FAULTS]
        if unknown:
            print(f"Known faults: {' '.join(sorted(FAULTS))}", file=sys.stderr)
            return 2
        size = Size(options.full, 0.3 if options.smoke else options.scale, options.seed)
        print(f"{'':4} {'executions':>10} {'kills':>6} {'lost':>5} {'doubled':>8} {'slowest':>9} {'took':>7}  fault")
        for name in names:
            result: Result = run_fault(name, world, size)
            results.append(result)
            _print(result)
            if options.keep_logs and not result.passed:
                print(world.last_words(4000))
    ok = all(result.passed for result in results)
    print(json.dumps(_line(results, options, time.monotonic() - began, ok)))
    return 0 if ok else 1


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="script/bench faults", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.upper().split(","), help="names of faults: R01,R05")
    parser.add_argument("--scale", type=float, default=1.0, help="how many times the default counts")
    parser.add_argument("--full", action="store_true", help="the installed patience, and the counts of the list")
    parser.add_argument("--smoke", action="store_true", help="a few faults, small: about two minutes")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000, help="of everything random")
    parser.add_argument("--keep-logs", action="store_true", help="show what the processes wrote when a fault fails")
    return parser.parse_args()


def _print(result: Any) -> None:
    print(
        f"{result.name:4} {result.executions:>10} {result.kills:>6} {result.lost:>5} {result.duplicated:>8} "
        f"{result.slowest_s:>7.1f} s {result.seconds:>5.0f} s  {result.title}"
        + (f"  {result.notes}" if result.notes else ""),
        flush=True,
    )
    for problem in result.problems:
        print(f"     FAILED: {problem}", flush=True)


def _line(results: list[Any], options: Any, seconds: float, ok: bool) -> dict[str, Any]:
    load = 0.0
    with contextlib.suppress(OSError):
        load = os.getloadavg()[0]
    return {
        "bench": "faults",
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "load": round(load, 2),
        },
        "size": "full" if options.full else "smoke" if options.smoke else options.scale,
        "seed": options.seed,
        "passed": ok,
        "seconds": round(seconds, 1),
        "faults": {
            result.name: {
                "executions": result.executions,
                "kills": result.kills,
                "lost": result.lost,
                "duplicated": result.duplicated,
                "slowest_s": round(result.slowest_s, 1),
                "seconds": round(result.seconds, 1),
                "passed": result.passed,
                **({"problems": result.problems} if result.problems else {}),
                **({"notes": result.notes} if result.notes else {}),
            }
            for result in results
        },
    }


if __name__ == "__main__":
    sys.exit(main())
