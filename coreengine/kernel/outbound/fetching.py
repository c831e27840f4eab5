"""Reading one document at an address that a student gave, such as a calendar."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from coreengine.kernel.outbound.address import Target, read_address, redirect_address
from coreengine.kernel.outbound.body import NoMask, read_pieces
from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.exchange import NoBody, exchange
from coreengine.kernel.outbound.hosts import operator_host

MOST_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
CONDITIONS = {"if-none-match", "if-modified-since"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered, at the last of the addresses that redirects led to. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def fetch(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_bytes: int,
    timeout_s: float,
    key: object = "fetch",
) -> Reply:
    """GET an https address under the rules of every way out: public hosts only, checked where the name resolves to.

    Redirects are followed and checked anew; `timeout_s` bounds all of them together. Nothing of the address but its
    host stands in an error, since the address may be a secret. Connections are kept per `key`.

    Raises:
        RequestFailed: in words; `retryable` says whether later may be better.
    """
    deadline = time.monotonic() + timeout_s
    sent = {"user-agent": "Core-Engine", "accept-encoding": "gzip, deflate", "accept": "*/*", **(headers or {})}
    target = replace(read_address(url, home=""), is_secret=True)
    first = target.host
    for _ in range(MOST_REDIRECTS + 1):
        reply = _ask(target, sent, max_bytes=max_bytes, deadline=deadline, timeout_s=timeout_s, key=key)
        if reply.status not in REDIRECTS:
            return reply
        if not (location := reply.headers.get("location", "")):
            raise RequestFailed("redirect_refused", f"{target.host} sends us on, but does not say where to.")
        target = redirect_address(location, target)
        sent = {name: value for name, value in sent.items() if name not in CONDITIONS or target.host == first}
    raise RequestFailed("redirect_refused", f"{first} sends us on and on; the address leads nowhere.")


def check_target(target: Target) -> str | None:
    """Return how the operator wants the host reached (see `operator_host`).

    Raises:
        RequestFailed: not_https, or host_not_allowed for another port than the usual one.
    """
    mapped = operator_host(target.host)
    if mapped is None and target.scheme != "https":
        raise RequestFailed("not_https", f"{target.host} can only be asked over https.")
    if mapped is None and target.port != 443:
        raise RequestFailed("host_not_allowed", f"Port {target.port} of {target.host} cannot be asked, only https.")
    return mapped


def _ask(
    target: Target, sent: dict[str, str], *, max_bytes: int, deadline: float, timeout_s: float, key: object
) -> Reply:
    mapped = check_target(target)
    with exchange(
        "GET",
        f"{mapped}{target.path}" if mapped else target.url,
        [("host", target.host), *sent.items()],
        NoBody(),
        host=target.host,
        key=key,
        allow_private=mapped is not None,
        deadline=deadline,
        read_timeout_s=timeout_s,
    ) as response:
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status != 200:
            return Reply(response.status, found, b"")
        pieces = read_pieces(
            response.iter_stream(),
            encoding=found.get("content-encoding", "").lower(),
            max_bytes=max_bytes,
            deadline=deadline,
            mask=NoMask(),
            host=target.host,
        )
        return Reply(200, found, b"".join(pieces))
