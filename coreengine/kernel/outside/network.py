"""Connections that go exactly where they were checked to go, and end at a deadline."""

from __future__ import annotations

import functools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any

import httpcore

from coreengine.kernel.outside.addresses import is_public

Resolve = Callable[[str, int], list[str]]
_resolving = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")
_bounds = threading.local()


class OutsideRefused(Exception):
    """A host may not be asked, or is not there."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver; return addresses, first the one to prefer."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class TimedStream(httpcore.NetworkStream):
    """A connection whose every read and write ends at this thread's deadline, see `until`.

    The client counts its time anew with every piece, so a peer that sends a letter now and then could hold a worker
    for as long as it likes.
    """

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, before the deadline."""
        return self._inner.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it, before the deadline."""
        self._inner.write(buffer, _bounded(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on encrypted, with the same bounds."""
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Ask the connection itself."""
        return self._inner.get_extra_info(info)


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Bound everything that this thread reads and writes by a moment of the monotonic clock."""
    before = getattr(_bounds, "deadline", None)
    _bounds.deadline = deadline
    try:
        yield
    finally:
        _bounds.deadline = before


def _bounded(timeout: float | None, error: type[Exception]) -> float | None:
    deadline: float | None = getattr(_bounds, "deadline", None)
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise error("the time is over")
    return left if timeout is None else min(timeout, left)


class PinnedBackend(httpcore.NetworkBackend):
    """Resolve a name once, refuse it if any of its addresses is off limits, and connect to what was checked.

    The check and the connection are one step, so a name that changes its answer in between gains nothing. TLS and
    the Host header still carry the name.
    """

    def refusal(self, code: str, message: str, *, retryable: bool = False) -> Exception:
        """Make the error that says why a host is not asked."""
        return OutsideRefused(code, message, retryable=retryable)

    def __init__(self, resolver: Resolve | None = None, *, allow_private: bool = False) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a name; see the class."""
        addresses = self._look_up(host, port, timeout or 10.0)
        if not self._allow_private:
            forbidden = [address for address in addresses if not is_public(address)]
            if forbidden or not addresses:
                where = f"the private address {forbidden[0]}" if forbidden else "no address"
                raise self.refusal(
                    "private_address",
                    f'"{host}" leads to {where}; only public hosts can be asked. '
                    "An operator can allow the host in GATEWAY_HOSTS.",
                )
        problem: Exception | None = None
        for address in addresses[:3]:
            try:
                return TimedStream(self._inner.connect_tcp(address, port, timeout, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem or httpcore.ConnectError(f"{host} has no address")

    def _look_up(self, host: str, port: int, timeout_s: float) -> list[str]:
        future = _resolving.submit(self._resolver or resolve, host, port)
        try:
            return future.result(timeout=timeout_s)
        except FutureTimeout as error:
            raise httpcore.ConnectTimeout(f"{host} was not found in time") from error
        except OSError as error:
            raise self.refusal(
                "unreachable", f'There is no host "{host}". Check how it is spelled.', retryable=True
            ) from error

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        """Refuse: nobody outside is behind a socket of this machine."""
        raise self.refusal("host_not_allowed", "Only hosts on the network can be asked.")


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the one TLS context: the system's certificates and the bundled ones, TLS 1.2 or later."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
