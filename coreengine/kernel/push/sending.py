"""One push: encrypted for one browser (RFC 8291), signed for its service (RFC 8292), and handed over.

The library makes the bytes and the headers and has no network of its own; the address is the browser's word, so it is
asked under the same rules as any host of the outside: https only, pinned, no private address, no redirects.
"""

from __future__ import annotations

import json
import ssl
import time
from datetime import timedelta
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

import httpcore
from django.conf import settings
from django.core.exceptions import ValidationError

from coreengine.kernel.models import PushSubscription
from coreengine.kernel.outbound.address import looks_like_number
from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.hosts import operator_host
from coreengine.kernel.outbound.network import PinnedBackend, tls_context, until
from coreengine.kernel.push.keys import current_key

TIMEOUT_S = 10.0
LONGEST_WAIT = timedelta(hours=1)
MAX_ADDRESS = 2_000


class PushFailed(Exception):
    """A push service did not take a push."""

    def __init__(self, message: str, *, retryable: bool, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.retryable, self.wait = retryable, wait


class BrowserGone(Exception):
    """The browser does not listen any more."""


def check_endpoint(address: str) -> str:
    """Check an address that a browser gave as its push service's; return its host.

    Raises:
        ValidationError: it is no plain https address of a named host.
    """
    parts = urlsplit(address if len(address) <= MAX_ADDRESS and address.isascii() and address.isprintable() else "")
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    is_plain = not parts.username and not parts.fragment and "@" not in parts.netloc and " " not in address
    is_named = "." in host and not looks_like_number(host) and ":" not in host
    mapped = operator_host(host)
    if not (is_plain and is_named and parts.path) or (
        mapped is None and (parts.scheme != "https" or port not in (None, 443))
    ):
        raise ValidationError({"endpoint": "This is no address of a push service: https and a public name are needed."})
    return host


def send(subscription: PushSubscription, payload: dict[str, Any], *, ttl_s: int) -> None:
    """Hand one push over.

    Raises:
        BrowserGone: the service knows the browser no more (404, 410).
        PushFailed: it was not taken, in words.
    """
    from webpush import WebPush, WebPushSubscription

    key = current_key()
    sender = WebPush(
        private_key=str(key.private_pem).encode(),
        public_key=key.public_pem.encode(),
        subscriber=parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
        ttl=ttl_s,
    )
    try:
        endpoint = str(subscription.endpoint)
        host = check_endpoint(endpoint)
        browser = WebPushSubscription.model_validate({"endpoint": endpoint, "keys": subscription.keys})
        message = sender.get(json.dumps(payload, ensure_ascii=False), browser)
    except (ValidationError, ValueError) as error:
        raise PushFailed(f"Nothing can be encrypted for this browser: {error}", retryable=False) from error
    status, wait = _post(endpoint, host, dict(message.headers), message.encrypted)
    if status in (404, 410):
        raise BrowserGone
    if not 200 <= status < 300:
        retryable = status in (408, 429) or status >= 500
        raise PushFailed(f"{host} answered {status}.", retryable=retryable, wait=wait)


def _post(endpoint: str, host: str, headers: dict[str, str], body: bytes) -> tuple[int, timedelta | None]:
    mapped = operator_host(host)
    parts = urlsplit(endpoint)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    url = f"{mapped}{path}" if mapped else endpoint
    sent = {"host": parts.netloc, "user-agent": "Core-Engine", "content-length": str(len(body)), **headers}
    sent["content-type"] = "application/octet-stream"
    timeout = {"connect": 5.0, "read": TIMEOUT_S, "write": TIMEOUT_S, "pool": TIMEOUT_S}
    backend = PinnedBackend(allow_private=mapped is not None)
    # A connection of its own, closed afterwards: pushes are rare, and the hosts are the browsers' choice.
    with httpcore.ConnectionPool(ssl_context=tls_context(), network_backend=backend, retries=0) as pool:
        try:
            with (
                until(time.monotonic() + TIMEOUT_S),
                pool.stream(
                    "POST",
                    url,
                    headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in sent.items()],
                    content=body,
                    extensions={"timeout": timeout},
                ) as response,
            ):
                found = {name.lower(): value for name, value in response.headers}
                return response.status, _wait(found.get(b"retry-after", b"").decode("latin-1"))
        except RequestFailed as error:
            raise PushFailed(str(error), retryable=error.retryable) from error
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            words = "has no valid certificate" if isinstance(error, ssl.SSLError) else "cannot be reached just now"
            raise PushFailed(f"{host} {words}.", retryable=True) from error


def _wait(retry_after: str) -> timedelta | None:
    """Read how long a service wants to be left alone, in seconds; an hour at most."""
    return min(timedelta(seconds=int(retry_after)), LONGEST_WAIT) if retry_after.isdecimal() else None
