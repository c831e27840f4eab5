"""A gateway of a test, and the asking of it: one connection of one student, whose hosts lead to the test's peer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from coreengine.kernel.outbound.errors import RequestFailed
from plugins.gateway.gateway import Gateway
from plugins.gateway.records import Access, KnownAnswer
from plugins.manifest import manifest_from
from plugins.tests.conftest import manifest_document

HOST, OTHER = "canvas.example.edu", "files.example.edu"
TOKEN = "7301~canary-token-b41f9e"
OAUTH2 = {"type": "oauth2", "authorization_url": "https://a.example/auth", "token_url": "https://a.example/token"}


class Store(dict[str, KnownAnswer]):
    """Earlier answers in a dict."""

    def find(self, key: str) -> KnownAnswer | None:
        return self.get(key)

    def keep(self, key: str, answer: KnownAnswer) -> None:
        self[key] = answer


def make_gateway(
    key: object, *, hosts: tuple[str, ...] = (HOST, OTHER), waits: list[float] | None = None, **more: Any
) -> Gateway:
    """Make one that waits for nothing; what it would have waited is noted in `waits`."""
    security = {"network_policy": more.pop("policy", "restricted"), "allowed_hosts": list(hosts)}
    document = manifest_document(
        capabilities=more.pop("capabilities", ["read_files", "write_files"]),
        authentication=more.pop("authentication", {"type": "api_key"}),
        security={**security, **more.pop("security", {})},
        **more.pop("spec", {}),
    )
    credential = more.pop("credential", {"token": TOKEN})
    access = Access(1, manifest_from(document), more.pop("configuration", {}), credential, key=key)
    return Gateway(access, wait=(waits.append if waits is not None else lambda seconds: None), **more)


def ask(gateway: Gateway, url: str = "/a", *, seconds: float = 30, **params: Any) -> dict[str, Any]:
    """Ask as a plugin would, with so much time left."""
    return gateway.serve({"method": "GET", "url": url, **params}, time.monotonic() + seconds)


def refused(gateway: Gateway, url: str = "/a", **params: Any) -> RequestFailed:
    """Ask, and return how it was refused."""
    with pytest.raises(RequestFailed) as refusal:
        ask(gateway, url, **params)
    return refusal.value
