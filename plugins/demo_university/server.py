"""Serve the university: in the foreground, or in a thread for tests."""

from __future__ import annotations

import socket

import uvicorn

from .app import make_app
from .university import University


class PortInUse(Exception):
    """Something else listens on the wanted port; the message says so in one line."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    # asyncio switches Nagle's algorithm off only where the protocol is named; without that every answer on a
    # kept-alive connection waits 40 ms for the client's delayed ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUse(f"Port {port} on {host} is in use; choose another with --port.") from error
    listener.listen(128)
    return listener


def make_server(university: University, listener: socket.socket, *, log_level: str = "warning") -> uvicorn.Server:
    """A server that is ready to run on `listener`; links for people lead to it unless told otherwise."""
    if not university.public_url:
        host, port = listener.getsockname()[:2]
        university.public_url = f"http://{host}:{port}"
    config = uvicorn.Config(
        make_app(university),
        log_level=log_level,
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)
