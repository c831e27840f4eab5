"""The other side: an HTTP server that records each request and honours idempotency keys.

A request's effect is a fact the moment it arrives; the answer may be delayed, refused or held back by the bench.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Call:
    """One request."""

    at: float
    execution: int
    path: str
    key: str
    attempt: int


class Sink:
    """What the other side knows."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.effects: dict[str, int] = {}
        self.closed = threading.Event()
        """While it is set, requests that ask at the gate are refused: try again later."""
        self._lock = threading.Lock()
        self._count = 0
        self.address = ""

    def take(self, call: Call) -> int:
        """Do it, or, for a key that is known, give what was done before."""
        with self._lock:
            self.calls.append(call)
            if call.key and call.key in self.effects:
                return self.effects[call.key]
            self._count += 1
            if call.key:
                self.effects[call.key] = self._count
            return self._count

    def of(self, executions: set[int]) -> dict[tuple[int, str], list[Call]]:
        """The requests of these executions, by step."""
        found: dict[tuple[int, str], list[Call]] = defaultdict(list)
        with self._lock:
            for call in self.calls:
                if call.execution in executions:
                    found[call.execution, call.path].append(call)
        return found

    def count(self, executions: set[int]) -> Counter[tuple[int, str]]:
        """How many requests each step made."""
        return Counter({step: len(calls) for step, calls in self.of(executions).items()})

    def forget(self) -> None:
        """Begin anew, for the next fault."""
        with self._lock:
            self.calls.clear()
        self.closed.clear()


@contextmanager
def running_sink() -> Iterator[Sink]:
    """Serve on a free port until the block ends."""
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if (body.get("gate") and sink.closed.is_set()) or body.get("refuse_first", 0) >= body["attempt"]:
                self._answer(503, {"retry_after_s": body.get("retry_after_s", 0)})
                return
            key = self.headers.get("Idempotency-Key", "")
            call = Call(time.time(), body["execution"], body["path"], key, body["attempt"])
            effect = sink.take(call)
            if delay := body.get("delay_s"):
                time.sleep(delay)
            self._answer(200, {"effect": effect})

        def _answer(self, status: int, document: dict[str, object]) -> None:
            raw = json.dumps(document).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                self.close_connection = True  # whoever asked was killed

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            pass  # a client that was killed in the middle

    server = Server(("127.0.0.1", 0), Handler)
    sink.address = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, name="sink", daemon=True).start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
