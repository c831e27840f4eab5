"""The parent's side: start the confined child, wait a bounded time, read a bounded answer."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from resources.extract.result import Page

DEADLINE_S = 45.0
# 1,000,000 characters, each at most 12 bytes as an escaped surrogate pair, and some for the frame.
MAX_ANSWER_BYTES = 13_000_000
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """How reading went: `status` is completed, failed or skipped; `reason` is for a person."""

    status: str
    reason: str = ""
    pages: list[Page] = field(default_factory=list)
    page_count: int | None = None
    error: str = ""
    confined_by: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages)


def extract_text(file: IO[bytes], content_type: str, *, deadline_s: float = DEADLINE_S) -> Outcome:
    """Read the text of an open file in a child process that can do nothing else. Never raises for the
    file's sake: a hostile file gives a failed outcome with the reason in words."""
    with _real_file(file) as source:
        child = subprocess.Popen(
            [sys.executable, "-s", "-B", "-m", "resources.extract.child", content_type],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env={"LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
            close_fds=True,
        )
        try:
            answer, in_time = _read_answer(child, time.monotonic() + deadline_s)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
            child.stdout.close()  # type: ignore[union-attr]
    if not in_time or code in (-signal.SIGXCPU, -signal.SIGKILL):
        return Outcome("failed", "Reading the file took too long, so it was stopped.", error=f"exit {code}")
    if len(answer) > MAX_ANSWER_BYTES:
        return Outcome("failed", "The file gave more text than can be kept.", error="answer too long")
    return _understand(answer, code)


def _understand(answer: bytes, code: int) -> Outcome:
    try:
        said = json.loads(answer)
        pages = [Page(str(text), number if isinstance(number, int) else None) for number, text in said.get("pages", [])]
        status = said["status"] if said["status"] in {"completed", "failed", "skipped"} else "failed"
    except (ValueError, KeyError, TypeError):
        return Outcome("failed", "The file is damaged and broke the program that reads it.", error=f"exit {code}")
    count = said.get("page_count")
    return Outcome(
        status=status,
        reason=str(said.get("reason", ""))[:500],
        pages=pages,
        page_count=count if isinstance(count, int) else None,
        error=str(said.get("error", ""))[:500],
        confined_by=tuple(str(layer) for layer in said.get("confined_by", [])),
    )


def _read_answer(child: subprocess.Popen, deadline: float) -> tuple[bytes, bool]:
    """Collect the child's output until it ends, the limit is passed or the time is up."""
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            piece = os.read(child.stdout.fileno(), 65536)  # type: ignore[union-attr]
            if not piece:
                return b"".join(parts), True
            parts.append(piece)
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                return b"".join(parts), True
    return b"".join(parts), False


def _real_file(file: IO[bytes]) -> IO[bytes]:
    """The child needs a descriptor it can seek in; what lies in an object store is copied to one without a name."""
    try:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
    except (OSError, AttributeError, ValueError):
        copy = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
        while piece := file.read(1024 * 1024):
            copy.write(piece)
        copy.flush()
        copy.seek(0)
        return copy
    return open(os.dup(file.fileno()), "rb")
