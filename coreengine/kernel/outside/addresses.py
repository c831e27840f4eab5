"""Which network addresses belong to the public internet, and which only look like names."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from django.conf import settings


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


def looks_like_number(host: str) -> bool:
    """Tell whether a host is some spelling of an IPv4 address: dotted, short, octal, hexadecimal, one number."""
    last = host.rstrip(".").rsplit(".", 1)[-1]
    return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last))


def is_public(address: str) -> bool:
    """Tell whether a resolved address belongs to the public internet, and to it alone.

    Addresses that carry another one inside (v4-mapped, 6to4, Teredo, NAT64) are refused whatever they carry.
    """
    try:
        found = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and (
        found.ipv4_mapped or found.sixtofour or found.teredo or any(found in network for network in _CARRIERS)
    ):
        return False
    return (
        found.is_global
        and not found.is_multicast
        and not any(found in network for network in _OFF_LIMITS if network.version == found.version)
    )


_CARRIERS = [ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "fec0::/10")]
_OFF_LIMITS = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT
        "168.63.129.16/32",  # Azure's host
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
        "fd00:ec2::/32",  # Amazon's metadata over IPv6
    )
]
