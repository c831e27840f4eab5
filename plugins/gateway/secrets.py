"""The credential of a connection: put on requests, and kept out of everything that comes back."""

from __future__ import annotations

import base64
import copy
import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from plugins.manifest import Authentication

MASK = "[hidden]"
SHORTEST = 6


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
        found.append(f"{credential['username']}:{credential['password']}")
    if credential.get("url"):
        # A service may repeat its own address in parts: the path alone, or the name of the file at its end.
        path = str(credential["url"]).split("//", 1)[-1].partition("/")[2]
        found += [part for part in (path, path.rsplit("/", 1)[-1]) if len(part) >= 16]
    return found


class Mask:
    """Replaces credentials, in each spelling they may come back in, by [hidden]. Feed it a stream in pieces."""

    def __init__(self, *credentials: Mapping[str, Any]) -> None:
        self._held = b""
        self._words: list[tuple[bytes, bytes]] = []
        self._beginnings: re.Pattern[bytes] | None = None
        for credential in credentials:
            for secret in _secrets(credential):
                self.add(secret)

    def fresh(self) -> Mask:
        """Return a mask of the same secrets for another stream."""
        other = copy.copy(self)
        other._held = b""
        return other

    def add(self, secret: str, shown: str = MASK) -> None:
        """Replace one more secret, by [hidden] or by the name that stands for it."""
        # Anything shorter is found in ordinary text, and masking it would damage what the student wants to see.
        if len(secret) < SHORTEST:
            return
        words = dict(self._words)
        for spelling in _spellings(secret):
            words.setdefault(spelling.encode(), shown.encode())
        self._words = sorted(words.items(), key=lambda word: len(word[0]), reverse=True)
        beginnings = {re.escape(word[:3]) for word in words}
        self._beginnings = re.compile(b"(?=" + b"|".join(sorted(beginnings)) + b")")

    def text(self, text: str) -> str:
        """Return a text with the credential masked."""
        return self._masked(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of a stream; return what is safe to pass on."""
        if self._beginnings is None:
            return data
        data = self._masked(self._held + data)
        # Only a tail that could be the beginning of a secret is held back.
        start = max(0, len(data) - len(self._words[0][0]) + 1)
        cut = len(data)
        for found in self._beginnings.finditer(data, start):
            if self._may_begin(data[found.start() :]):
                cut = found.start()
                break
        for at in (cut - 2, cut - 1) if cut == len(data) else ():
            if at >= 0 and self._may_begin(data[at:]):
                cut = at
                break
        self._held = data[cut:]
        return data[:cut]

    def end(self) -> bytes:
        """Return what was held back at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def _masked(self, data: bytes) -> bytes:
        for word, shown in self._words:
            data = data.replace(word, shown)
        return data

    def _may_begin(self, tail: bytes) -> bool:
        return any(word.startswith(tail) for word, _ in self._words)


def _spellings(secret: str) -> set[str]:
    """Return the ways in which a secret is written: plain, and as JSON, addresses, HTML, base64 and hex write it.

    In base64 a secret within a longer text looks different by where it begins, in three ways.
    """
    raw = secret.encode()
    found = {
        secret,
        quote(secret, safe=""),
        re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), quote(secret, safe="")),
        quote_plus(secret),
        "".join(f"%{byte:02X}" for byte in raw),
        "".join(f"%{byte:02x}" for byte in raw),
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        html.escape(secret),
        raw.hex(),
        raw.hex().upper(),
    }
    for coded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        found |= {coded, coded.rstrip("=")}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        # The letters at both ends also hold bits of what stands beside the secret.
        begin = {0: 0, 1: 2, 2: 3}[shift]
        end = len(coded) - (1 if (len(raw) + shift) % 3 else 0)
        middle = coded[begin:end]
        found |= {middle, middle.replace("+", "-").replace("/", "_")}
    return {each for each in found if len(each) >= SHORTEST}
