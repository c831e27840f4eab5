"""The one exchange with a token or revocation endpoint, under the gateway's rules.

The address is checked and pinned as for plugins, redirects are never followed (what is sent is secret), and size and
time are bounded. Nothing of what is sent or answered is logged.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass

import httpcore

from coreengine.kernel.outbound.address import Target, read_address
from coreengine.kernel.outbound.body import read_pieces
from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.hosts import operator_host
from coreengine.kernel.outbound.network import PinnedBackend, tls_context
from plugins.errors import TokenEndpointFailed
from plugins.gateway.secrets import Mask

TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answered."""

    status: int
    content_type: str
    body: bytes


def send(method: str, url: str, *, headers: dict[str, str], content: bytes, timeout_s: float = TIMEOUT_S) -> Reply:
    """Ask once, and never twice: a code, and a refresh token that rotates, are good for one use.

    Raises:
        TokenEndpointFailed: nobody answered, or nobody may be asked there; its words name the host.
    """
    deadline = time.monotonic() + timeout_s
    try:
        target = read_address(url, home="")
        mapped = operator_host(target.host)
        if target.scheme != "https" and not mapped:
            raise RequestFailed("not_https", f"{target.host} can only be asked over https.")
        if target.port != 443 and not mapped:
            raise RequestFailed("host_not_allowed", f"Port {target.port} of {target.host} is not open to sign-in.")
        return _exchange(method, target, mapped, headers, content, deadline)
    except RequestFailed as error:
        raise TokenEndpointFailed(str(error), retryable=error.retryable) from error


def browser_address(url: str) -> str:
    """Return an address as the student's browser reaches it: in development the operator's mapping holds there too."""
    from django.conf import settings

    target = read_address(url, home="")
    mapped = operator_host(target.host)
    return f"{mapped}{target.path}" if mapped and settings.ENVIRONMENT != "production" else target.url


def _exchange(
    method: str, target: Target, mapped: str | None, headers: dict[str, str], content: bytes, deadline: float
) -> Reply:
    sent = {
        "host": target.host,
        "user-agent": "Core-Engine",
        "accept-encoding": "identity",
        "content-length": str(len(content)),
        **headers,
    }
    url = f"{mapped}{target.path}" if mapped else target.url
    left = max(0.1, deadline - time.monotonic())
    timeout = {"connect": min(10.0, left), "read": left, "write": left, "pool": left}
    backend = PinnedBackend(allow_private=mapped is not None)
    # A connection of its own, closed afterwards: these calls are rare, and a kept one may be stale when it is needed.
    with httpcore.ConnectionPool(ssl_context=tls_context(), network_backend=backend, retries=0) as pool:
        try:
            with pool.stream(
                method,
                url,
                headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in sent.items()],
                content=content,
                extensions={"timeout": timeout},
            ) as response:
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                pieces = read_pieces(
                    response.iter_stream(),
                    encoding=found.get("content-encoding", "").lower(),
                    max_bytes=MAX_ANSWER_BYTES,
                    deadline=deadline,
                    mask=Mask(),
                    host=target.host,
                )
                return Reply(response.status, found.get("content-type", "").lower(), b"".join(pieces))
        except httpcore.TimeoutException as error:
            raise RequestFailed("timeout", f"{target.host} did not answer in time.", retryable=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            raise RequestFailed("unreachable", f"{target.host} cannot be reached just now.", retryable=True) from error
