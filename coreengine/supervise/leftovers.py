"""Finding and ending processes of a run that lost its supervisor.

Every process of a run carries the run's mark in its environment, and passes it on to its own children.
"""

import os
import secrets
import time
from pathlib import Path

import psutil

MARK = "CORE_ENGINE_RUN"


def new_mark() -> str:
    """A name for one run, told from all others on the machine."""
    return secrets.token_hex(8)


def find(mark: str) -> list[psutil.Process]:
    """The processes that carry the mark, ourselves and our ancestors left out."""
    ours = {os.getpid()}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in ours and process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone, or another user's: not one of ours
    return found


def end(mark: str, *, patience_s: float = 8) -> int:
    """Ask the processes of a run to stop, then make them. Returns how many there were."""
    processes = find(mark)
    for process in processes:
        _signal(process, "terminate")
    _, alive = psutil.wait_procs(processes, timeout=patience_s)
    deadline = time.monotonic() + 5
    while alive and time.monotonic() < deadline:
        for process in alive:
            _signal(process, "kill")
        psutil.wait_procs(alive, timeout=1)
        alive = find(mark)  # one that was forked meanwhile is found as well
    return len(processes)


def _signal(process: psutil.Process, method: str) -> None:
    try:
        getattr(process, method)()
    except psutil.Error:
        return  # it was quicker


def read_mark(path: Path) -> str:
    """The mark of the last run that did not end by itself, or nothing."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
