"""A small HTTP server on a real socket that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Peer:
    """The server of a test: `answers` by path, `asked` with method, path and headers of every request."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    counts_only: bool = False
    """Count bodies and take their digests instead of keeping them."""
    sizes: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


def text(body: str | bytes = "{}", *, status: int = 200, **headers: str) -> Answer:
    """Answer with a body and headers (`retry_after="1"` is Retry-After)."""
    content = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names.setdefault("Content-Type", names.pop("content-type", "application/json"))
        for name, value in {**names, "Content-Length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def one_after_the_other(*answers: Answer) -> Answer:
    """Give the answers in turn; the last one stays."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


@contextmanager
def running_peer() -> Iterator[Peer]:
    """Serve on a free port until the end of the block."""
    peer = Peer(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self._count(length) if peer.counts_only else self.rfile.read(length)
            peer.asked.append((self.command, self.path, dict(self.headers), body))
            try:
                peer.answers.get(self.path.split("?")[0], text("{}", status=404))(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _count(self, length: int) -> bytes:
            digest, left = hashlib.sha256(), length
            while left and (piece := self.rfile.read(min(left, 65536))):
                digest.update(piece)
                left -= len(piece)
            peer.sizes.append(length - left)
            peer.digests.append(digest.hexdigest())
            return b""

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    peer.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
