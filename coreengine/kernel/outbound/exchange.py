"""One request and its answer over the wire, with every failure of the network in words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import httpcore

from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.network import pool_for, until

CONNECT_S = 10.0


class Body(Protocol):
    """What is sent; asked anew for every attempt."""

    def content(self) -> bytes | Iterator[bytes] | None:
        """Return the content for one exchange."""


class NoBody:
    """Nothing is sent."""

    def content(self) -> None:
        """There is none."""
        return None


@contextmanager
def exchange(
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    body: Body,
    *,
    host: str,
    key: object,
    allow_private: bool,
    deadline: float,
    read_timeout_s: float,
) -> Iterator[httpcore.Response]:
    """Open an exchange on the kept-open connections of `key`; it is over at the deadline, whatever still comes.

    Raises:
        RequestFailed: unreachable, tls_failed, timeout, private_address.
    """
    pool = pool_for(key, allow_private=allow_private)
    raw = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers]
    for attempt in (1, 2):
        left = deadline - time.monotonic()
        if left <= 0:
            raise RequestFailed("timeout", f"There was no time left to ask {host}.", retryable=True)
        timeout = {
            "connect": min(CONNECT_S, left),
            "read": min(read_timeout_s, left),
            "write": min(read_timeout_s, left),
            "pool": left,
        }
        answered = False
        try:
            with (
                until(deadline),
                pool.stream(
                    method, url, headers=raw, content=body.content(), extensions={"timeout": timeout}
                ) as response,
            ):
                answered = True
                yield response
            return
        except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError) as error:
            # A kept-open connection may be closed by the other side at the very moment it is used again.
            if answered or attempt == 2 or method not in {"GET", "HEAD"}:
                raise RequestFailed("unreachable", f"{host} broke off the connection.", retryable=True) from error
        except httpcore.TimeoutException as error:
            words = "did not answer" if not answered else "stopped answering"
            raise RequestFailed("timeout", f"{host} {words} in time.", retryable=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            raise _unreachable(host, error) from error


def _unreachable(host: str, error: Exception) -> RequestFailed:
    if isinstance(error, ssl.SSLError) or "CERTIFICATE" in str(error).upper() or "SSL" in str(error).upper():
        return RequestFailed("tls_failed", f"{host} has no valid certificate, so nothing was sent to it.")
    return RequestFailed(
        "unreachable", f"{host} cannot be reached. Check the address, or try again later.", retryable=True
    )
