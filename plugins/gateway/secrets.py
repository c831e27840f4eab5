"""The credential of a connection: put on requests, and kept out of everything that comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from plugins.manifest import Authentication

MASK = "[hidden]"


def credential_header(authentication: Authentication | None, credential: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the header that proves who the student is, or None where there is nothing to prove it with."""
    if authentication is None or not credential:
        return None
    if authentication.type == "basic_auth":
        pair = f"{credential.get('username', '')}:{credential.get('password', '')}"
        return "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"
    if authentication.type == "oauth2":
        token = str(credential.get("access_token", ""))
        return ("Authorization", f"Bearer {token}") if token else None
    token = str(credential.get("token", ""))
    if not token or authentication.type != "api_key":
        return None
    usual = "Bearer" if authentication.header.lower() == "authorization" else ""
    prefix = authentication.prefix if authentication.prefix is not None else usual
    return authentication.header, f"{prefix} {token}".strip()


def feed_target(authentication: Authentication | None, credential: Mapping[str, Any]) -> str:
    """Return the secret address that `feed:` stands for, "" where the connection has none."""
    is_feed = authentication is not None and authentication.type == "feed_url"
    return str(credential.get("url", "")) if is_feed else ""


def _secrets(credential: Mapping[str, Any]) -> list[str]:
    names = ("token", "password", "access_token", "refresh_token", "url")
    found = [str(credential[name]) for name in names if credential.get(name)]
    if credential.get("username") and credential.get("password"):
        pair = f"{credential['username']}:{credential['password']}"
        found.append(base64.b64encode(pair.encode()).decode())
    if credential.get("url"):
        # A service may repeat its own address in parts: the path alone, or the name of the file at its end.
        path = str(credential["url"]).split("//", 1)[-1].partition("/")[2]
        found += [part for part in (path, path.rsplit("/", 1)[-1]) if len(part) >= 16]
    return found


class Mask:
    """Replaces credentials, in each spelling it may come back in, by [hidden]. Feed it a stream in pieces."""

    def __init__(self, *credentials: Mapping[str, Any]) -> None:
        spellings: set[str] = set()
        for secret in [secret for credential in credentials for secret in _secrets(credential)]:
            # Anything shorter is found in ordinary text, and masking it would damage what the student wants to see.
            if len(secret) >= 6:
                encoded = base64.b64encode(secret.encode()).decode()
                spellings |= {
                    secret,
                    quote(secret, safe=""),
                    json.dumps(secret)[1:-1],
                    encoded,
                    encoded.rstrip("="),
                }
        self._needles = sorted((spelling.encode() for spelling in spellings), key=len, reverse=True)
        self._longest = max((len(needle) for needle in self._needles), default=0)
        self._held = b""

    def text(self, text: str) -> str:
        """Return a text with the credential masked."""
        for needle in self._needles:
            text = text.replace(needle.decode(), MASK)
        return text

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of a stream; return what is safe to pass on."""
        if not self._needles:
            return data
        data = self._masked(self._held + data)
        keep = min(self._longest - 1, len(data))
        # Only a tail that could be the beginning of a secret is held back.
        while keep and not any(needle.startswith(data[-keep:]) for needle in self._needles):
            keep -= 1
        cut = len(data) - keep
        self._held = data[cut:]
        return data[:cut]

    def end(self) -> bytes:
        """Return what was held back at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def _masked(self, data: bytes) -> bytes:
        for needle in self._needles:
            data = data.replace(needle, MASK.encode())
        return data
