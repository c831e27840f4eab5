"""Named places in a process at which it kills itself, stops or waits when the bench has asked for it.

An order is a file in the folder of its point. The process that gets there first takes it by renaming it, so each
order is obeyed once, whichever process it is; nothing depends on Redis or the database, which may be away.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    "K1": "started and committed, the hint not sent (web)",
    "K2": "the hint sent, the caller not answered (web)",
    "K3": "the hint received, nothing claimed",
    "K4": "a step claimed",
    "K5": "before the step's effect",
    "K6": "after the effect, before its outcome is written",
    "K7": "the outcome written, not committed",
    "K8": "committed, the next hint not sent",
    "K9": "the next hint sent, the message not acknowledged",
    "K10": "the other side is at work",
    "K11": "a retry's time is set, no hint sent for it",
    "K12": "a cancellation under way (web)",
    "K13": "one of two branches reaches the step that joins them",
    "K14": "an agent between its model's answer and the record of its tool",
}
GROUP, CHILD, STOP, HOLD, PASS = "group", "child", "stop", "hold", "pass"
HOLD_AT_MOST_S = 30.0


@dataclass(frozen=True)
class Reached:
    """An order that was obeyed."""

    point: str
    kind: str
    at: float
    execution: int
    path: str
    pid: int
    file: Path


class Points:
    """The orders of one bench, in a folder that every process of it knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done = folder / "done"
        self._numbers = itertools.count(1)

    # --- the bench's side -------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the folders."""
        self.done.mkdir(parents=True)

    def order(self, point: str, kind: str = GROUP, *, times: int = 1, after: int = 0) -> None:
        """Ask for something at the next arrivals at a point, letting `after` of them pass first."""
        folder = self.folder / point
        folder.mkdir(exist_ok=True)
        for what in [PASS] * after + [kind] * times:
            (folder / f"{next(self._numbers):06d}.{what}").touch()

    def cancel_orders(self) -> int:
        """Take back what nobody has come to; returns how many."""
        left = [file for file in self.folder.glob("K*/*") if not file.name.endswith(PASS)]
        for file in self.folder.glob("K*/*"):
            file.unlink(missing_ok=True)
        for folder in self.folder.glob("K*"):
            folder.rmdir()
        return len(left)

    def reached(self, *, since: int = 0) -> list[Reached]:
        """Everything obeyed so far, oldest first, from the given number on; not what was let pass."""
        found = []
        for file in sorted(self.done.iterdir()):
            point, _, what = file.name.partition("-")
            text = file.read_text()
            if what.endswith((PASS, "released")) or not text:
                continue
            said = json.loads(text)
            kind = what.partition(".")[2]
            found.append(Reached(point, kind, said["at"], said["execution"], said["path"], said["pid"], file))
        return sorted(found, key=lambda one: one.at)[since:]

    def release(self, held: Reached) -> None:
        """Let a process go on that was told to wait."""
        held.file.rename(held.file.with_name(f"{held.file.name}.released"))

    # --- the processes' side ----------------------------------------------------------------------------

    def reach(self, point: str, execution: int = 0, path: str = "") -> None:
        """Obey the oldest order for this point, if there is one."""
        folder = self.folder / point
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            return
        for name in names:
            taken = self.done / f"{point}-{name}"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue
            said = {"at": time.clock_gettime(time.CLOCK_REALTIME), "execution": execution, "path": path}
            taken.write_text(json.dumps(said | {"pid": os.getpid()}))
            _obey(name.partition(".")[2], taken)
            return


def _obey(kind: str, taken: Path) -> None:
    if kind == GROUP:
        os.killpg(os.getpgid(0), signal.SIGKILL)
    elif kind == CHILD:
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == STOP:
        os.killpg(os.getpgid(0), signal.SIGSTOP)
    elif kind == HOLD:
        deadline = time.monotonic() + HOLD_AT_MOST_S
        while taken.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
