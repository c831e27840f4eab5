"""Keep one evaluating child process, ask it, and kill it when it takes too long."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .values import Refused

TIME_LIMIT_S = 3.0
START_LIMIT_S = 20.0
_SCRIPT = Path(__file__).with_name("child.py")


class KillableEvaluator:
    """A persistent child of this process; started on first use, replaced after a kill or a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner_pid = 0

    def evaluate(self, source: str, context: dict[str, Any], *, time_limit_s: float | None = None) -> Any:
        """Evaluate in the child.

        Raises:
            Refused: no value, or not within the time limit, or out of memory.
        """
        limit = TIME_LIMIT_S if time_limit_s is None else time_limit_s
        request = json.dumps({"source": source, "context": context}).encode() + b"\n"
        with self._lock:
            child = self._running_child()
            try:
                answer = self._exchange(child, request, limit)
            except _NoAnswer as silence:
                self._stop(child)
                raise Refused(str(silence)) from None
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the child, if this process has one."""
        with self._lock:
            if self._child is not None and self._owner_pid == os.getpid():
                self._stop(self._child)

    def _running_child(self) -> subprocess.Popen[bytes]:
        # After a fork the child belongs to the parent process: two processes must not share its pipe.
        if self._child is None or self._owner_pid != os.getpid() or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-I", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath},
                start_new_session=True,
            )
            self._owner_pid = os.getpid()
            try:
                self._read_line(self._child, time.monotonic() + START_LIMIT_S)
            except _NoAnswer:
                self._stop(self._child)
                raise Refused("The expression evaluator did not start; try again.") from None
        return self._child

    def _exchange(self, child: subprocess.Popen[bytes], request: bytes, limit: float) -> dict[str, Any]:
        assert child.stdin is not None
        deadline = time.monotonic() + limit
        # A child that crashed at once does not read: the write fails, or its answer never comes.
        writer = threading.Thread(target=self._write, args=(child, request), daemon=True)
        writer.start()
        return self._read_line(child, deadline)

    @staticmethod
    def _write(child: subprocess.Popen[bytes], request: bytes) -> None:
        assert child.stdin is not None
        try:
            child.stdin.write(request)
            child.stdin.flush()
        except OSError:
            return  # the reader meets the end of the output and reports it

    @staticmethod
    def _read_line(child: subprocess.Popen[bytes], deadline: float) -> dict[str, Any]:
        assert child.stdout is not None
        descriptor = child.stdout.fileno()
        received = bytearray()
        while not received.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise _NoAnswer("The expression took too long and was stopped. Loop over fewer items.")
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise _NoAnswer("The expression needs too much memory and was stopped.")
            received += chunk
        return json.loads(received)

    def _stop(self, child: subprocess.Popen[bytes]) -> None:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # unsent bytes for a dead child
        self._child = None


class _NoAnswer(Exception):
    """The child did not answer."""


evaluator = KillableEvaluator()
atexit.register(evaluator.close)
