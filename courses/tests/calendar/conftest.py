"""A calendar on a real server that the rules of the way out reach as an outside host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from coreengine.kernel.outbound.network import close_pools

HOST = "calendar.example.edu"


class CalendarServer:
    """What the server answers, and what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"", {}
        self.asked: list[dict[str, str]] = []
        self.address = f"https://{HOST}/private-abcdef/basic.ics"


@pytest.fixture
def calendar_server(settings: Any) -> Iterator[CalendarServer]:
    state = CalendarServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
            tag = state.headers.get("ETag")
            is_known = bool(tag) and self.headers.get("If-None-Match") == tag
            self.send_response(304 if is_known else state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            body = b"" if is_known or state.status in (301, 302) else state.body
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hosts = {HOST: f"http://127.0.0.1:{server.server_address[1]}"}
    settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": hosts}
    yield state
    close_pools()
    server.shutdown()
    server.server_close()
