"""The workflow engine under faults, small: what `script/bench faults --smoke` does, in about two minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 420
"""On a quiet machine it ends after a quarter of this."""


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_processes_are_killed_and_statements_fail() -> None:
    command = [sys.executable, "-m", "bench.faults", "--smoke", "--keep-logs"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    figures = [line for line in done.stdout.splitlines() if line.startswith(("R", "     FAILED"))]
    assert done.returncode == 0, "\n".join([*figures, done.stdout[-8000:], done.stderr[-4000:]])
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["passed"] is True
    assert len(told["faults"]) >= 8
    assert all(fault["lost"] == fault["duplicated"] == 0 for fault in told["faults"].values())
    assert sum(fault["kills"] for fault in told["faults"].values()) >= 40
