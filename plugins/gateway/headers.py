"""Which headers a plugin may set, and which of an answer it may see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from coreengine.kernel.outbound.errors import RequestFailed
from plugins.gateway.secrets import Mask

_MAY_SET = {
    "accept",
    "accept-language",
    "content-type",
    "content-language",
    "content-md5",
    "content-range",
    "range",
    "idempotency-key",
    "prefer",
}
_MAY_SET_PREFIXES = ("if-", "x-github-", "x-goog-", "x-upload-")
# Not passed on: what would carry a session, and what only concerns the connection between the two hosts.
_HIDDEN = {
    "set-cookie",
    "set-cookie2",
    "cookie",
    "authorization",
    "proxy-authenticate",
    "proxy-authorization",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-encoding",
    "content-length",
    "trailer",
    "upgrade",
    "alt-svc",
    "strict-transport-security",
}
# Whatever a service calls a key, a token or a proof of who asks is the host's to send.
_PROVES = re.compile(r"auth|token|key|secret|cookie|session|signature|user", re.IGNORECASE)
_MAY_PROVE = {"idempotency-key"}
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
MAX_HEADERS = 30
MAX_VALUE_LENGTH = 2_000


def request_headers(given: Any, credential_name: str = "") -> list[tuple[str, str]]:
    """Check the headers that a plugin wants to send; never the one that carries the credential.

    Raises:
        RequestFailed: header_not_allowed, naming the header.
    """
    if given in (None, {}):
        return []
    if not isinstance(given, Mapping) or len(given) > MAX_HEADERS:
        raise RequestFailed("invalid_request", f"Headers must be a mapping of at most {MAX_HEADERS} names to texts.")
    found: list[tuple[str, str]] = []
    for name, value in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise RequestFailed("header_not_allowed", "A header's name has letters, digits and hyphens only.")
        lower = name.lower()
        is_known = lower in _MAY_SET or lower.startswith(_MAY_SET_PREFIXES)
        if not is_known or lower == credential_name.lower() or (_PROVES.search(lower) and lower not in _MAY_PROVE):
            raise RequestFailed("header_not_allowed", f"A plugin may not set the header {name}; the host does.")
        text = str(value)
        if len(text) > MAX_VALUE_LENGTH or not (text.isascii() and text.isprintable()):
            raise RequestFailed("header_not_allowed", f"The value of {name} must be plain printable text.")
        if any(lower == each for each, _ in found):
            raise RequestFailed("header_not_allowed", f"The header {name} is given twice.")
        found.append((lower, text))
    return found


def answer_headers(raw: Iterable[tuple[bytes, bytes]], mask: Mask) -> dict[str, str]:
    """Turn an answer's headers into lower-case names and texts, without those that carry sessions."""
    found: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name = raw_name.decode("latin-1").lower()
        if name in _HIDDEN:
            continue
        value = mask.text(raw_value.decode("latin-1"))
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def retry_after_s(value: str) -> float | None:
    """Read a Retry-After header, seconds or a date; None if it says nothing usable."""
    from email.utils import parsedate_to_datetime

    from django.utils import timezone

    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - timezone.now()).total_seconds())
