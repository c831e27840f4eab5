"""Connections that go exactly where they were checked to go, kept open per connection and thread."""

from __future__ import annotations

import threading
from collections import OrderedDict

import httpcore

from coreengine.kernel.outside import network
from coreengine.kernel.outside.network import Resolve, resolve, tls_context, until
from plugins.sandbox.conversation import RequestFailed

__all__ = ["PinnedBackend", "Resolve", "close_pools", "pool_for", "resolve", "tls_context", "until"]

MAX_POOLS = 32
_pools = threading.local()


class PinnedBackend(network.PinnedBackend):
    """The kernel's, whose refusals are told to the plugin that asked."""

    def __init__(self, resolver: Resolve | None = None, *, allow_private: bool = False) -> None:
        super().__init__(resolver or (lambda host, port: resolve(host, port)), allow_private=allow_private)

    def refusal(self, code: str, message: str, *, retryable: bool = False) -> Exception:
        """Make the error that a plugin is told."""
        return RequestFailed(code, message, retryable=retryable)


def pool_for(key: object, *, allow_private: bool = False) -> httpcore.ConnectionPool:
    """Return the kept-open connections of one plugin connection in this thread.

    `allow_private` is for the hosts that the operator named; they have a pool, and so a check, of their own.

    Never shared between students: a kept-open TLS session is as personal as what was said over it.
    """
    found: OrderedDict[object, httpcore.ConnectionPool] | None = getattr(_pools, "found", None)
    if found is None:
        found = _pools.found = OrderedDict()
    key = (key, allow_private)
    pool = found.get(key)
    if pool is None:
        pool = found[key] = httpcore.ConnectionPool(
            ssl_context=tls_context(),
            max_connections=4,
            max_keepalive_connections=4,
            keepalive_expiry=30.0,
            http1=True,
            http2=False,
            retries=0,
            network_backend=PinnedBackend(allow_private=allow_private),
        )
    found.move_to_end(key)
    while len(found) > MAX_POOLS:
        found.popitem(last=False)[1].close()
    return pool


def close_pools() -> None:
    """Close this thread's kept-open connections."""
    for pool in getattr(_pools, "found", {}).values():
        pool.close()
    _pools.found = OrderedDict()
