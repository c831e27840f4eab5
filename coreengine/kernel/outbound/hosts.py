"""Names of hosts, and how the operator wants some of them reached."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label starts with a letter, so no spelling of an IPv4 address is a host name.
HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)+(?=[a-z]){LABEL}")


def is_host(text: str) -> bool:
    """Tell whether text is a lower-case public-style host name (never an address, never one label)."""
    return HOST.fullmatch(text) is not None


def operator_host(host: str) -> str | None:
    """Return how the operator wants a host reached, by GATEWAY_HOSTS.

    None: nothing is said. "" (written `host=allow`): as the name resolves, even if that is a private address.
    Otherwise the origin to ask instead, such as http://127.0.0.1:4567.
    """
    mapped = getattr(settings, "PLUGINS", {}).get("GATEWAY_HOSTS", {}).get(host)
    if mapped is None:
        return None
    if mapped in {"", "allow"}:
        return ""
    parts = urlsplit(mapped)
    return f"{parts.scheme}://{parts.netloc}"
