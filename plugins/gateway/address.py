"""Where a request goes: one strict reading of its address, and which network addresses are off limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from coreengine.kernel.outside.addresses import is_public, looks_like_number
from plugins.formats import is_host
from plugins.sandbox.conversation import RequestFailed

__all__ = ["Target", "is_public", "looks_like_number", "read_address", "redirect_address"]

MAX_URL_LENGTH = 8_000
FEED = "feed:"
FEED_SHOWN = "(feed address)"
# Printable ASCII without what readers of addresses disagree about: white space, backslash, quotes, angle brackets.
_ADDRESS = re.compile(r"(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?([/?][!#-;=?-\[\]-~]*)?")
_PLAIN_HOST = re.compile(r"https?://[A-Za-z0-9.:-]+[/?]")
_SAFE = "/?&=%:@!$'()*+,;~-._[]|"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
# Bytes that begin an overlong spelling: some readers take %c0%ae for a dot.
_OVERLONG = re.compile(rb"[\xc0\xc1]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]")
MAX_DECODINGS = 4


@dataclass(frozen=True, slots=True)
class Target:
    """One place to ask: what the plugin means by an address, in parts. `path` holds the query too.

    `is_secret`: the address is the credential itself, which the plugin asked for as `feed:`.
    What is checked is what is sent: both read these parts, and nobody reads the text again.
    """

    scheme: str
    host: str
    port: int
    path: str
    is_secret: bool = False

    @property
    def url(self) -> str:
        """The address in its one canonical spelling."""
        usual = {"https": 443, "http": 80}[self.scheme]
        return f"{self.scheme}://{self.host}{'' if self.port == usual else f':{self.port}'}{self.path}"

    @property
    def bare_path(self) -> str:
        """The path without its query, in its one canonical spelling."""
        return self.path.split("?", 1)[0]

    @property
    def shown_path(self) -> str:
        """The path for records, without its query, which may hold secrets."""
        return FEED_SHOWN if self.is_secret else self.bare_path[:500]


def read_address(text: Any, *, home: str, query: Any = None) -> Target:
    """Read an absolute https address, or a path on the connection's home host.

    Only names are hosts: every spelling of a network address is refused, as are user names, fragments, white
    space and anything that two readers of addresses could understand differently.

    Raises:
        RequestFailed: invalid_request, host_not_allowed or private_address, in words.
    """
    if not isinstance(text, str) or not text or len(text) > MAX_URL_LENGTH:
        raise RequestFailed("invalid_request", f"A request needs an address of at most {MAX_URL_LENGTH} characters.")
    if text.startswith("/") and not text.startswith("//"):
        if not home:
            raise RequestFailed("host_not_allowed", "This connection has no host of its own; give a whole address.")
        text = f"https://{home}{text}"
    path = text.split("#", 1)[0]
    if _PLAIN_HOST.match(path):  # names of files are in every language; hosts stay as they are
        path = re.sub(r"[^\x00-\x7f]+", lambda found: quote(found[0], errors="replace"), path)
    match = _ADDRESS.fullmatch(path)
    if match is None:
        raise RequestFailed("invalid_request", f"{_shown(text)} is not an address that can be asked.")
    scheme, host, port = match[1], match[2].lower(), match[3]
    if looks_like_number(host):
        raise RequestFailed("private_address", f"{_shown(host)} is a network address; only named hosts can be asked.")
    if not is_host(host):
        raise RequestFailed("host_not_allowed", f"{_shown(host)} is not the name of a public host.")
    number = int(port) if port else {"https": 443, "http": 80}[scheme]
    if not 0 < number < 65536:
        raise RequestFailed("invalid_request", f"{port} is not a port.")
    return Target(scheme, host, number, _path(match[4] or "/", query))


def redirect_address(location: str, here: Target) -> Target:
    """Read where an answer sends us on to, which may be relative to the address that was asked.

    Raises:
        RequestFailed: redirect_refused, or as `read_address`.
    """
    if location.startswith("//"):
        location = f"{here.scheme}:{location}"
    elif location.startswith("?"):
        location = f"{here.bare_path}{location}"
    elif not location.startswith(("http://", "https://", "/")):
        if not location or ":" in location.split("/", 1)[0]:
            raise RequestFailed("redirect_refused", f"{here.host} redirected to something that is not a web address.")
        location = f"{here.bare_path.rsplit('/', 1)[0]}/{location.removeprefix('./')}"
    if location.startswith("/"):
        # On the same origin: the port and scheme stay.
        return replace(here, path=read_address(location, home=here.host).path)
    return replace(read_address(location, home=here.host), is_secret=here.is_secret)


def _path(path: str, query: Any) -> str:
    bare, mark, own_query = path.partition("?")
    bare = _canonical(bare if bare.startswith("/") else f"/{bare}")
    path = f"{bare}{mark}{quote(own_query, safe=_SAFE)}"
    pairs = _pairs(query)
    if not pairs:
        return path
    found = f"{path}{'&' if mark else '?'}{urlencode(pairs)}"
    if len(found) > MAX_URL_LENGTH:
        raise RequestFailed("invalid_request", "The address with its query is too long.")
    return found


def _canonical(path: str) -> str:
    """Spell a path in the one way it is checked and sent: plain letters plain, escapes in capitals.

    Raises:
        RequestFailed: invalid_request; some reader could find a step upwards or a control character in it.
    """
    path = _ESCAPE.sub(_escape, quote(path, safe=_SAFE))
    if "%" not in path and "." not in path and "\\" not in path:
        return path
    decoded = path.encode()
    for _ in range(MAX_DECODINGS):
        before, decoded = decoded, unquote_to_bytes(decoded)
        if decoded == before:
            break
    else:
        raise RequestFailed("invalid_request", "The path is escaped too often to be clear.")
    steps = (step.split(b";", 1)[0] for step in re.split(rb"[/\\]", decoded))
    if any(step in {b".", b".."} for step in steps):
        raise RequestFailed("invalid_request", "A path has no steps such as . or .., in no spelling.")
    if _OVERLONG.search(decoded) or any(byte < 0x20 or byte == 0x7F for byte in decoded):
        raise RequestFailed("invalid_request", "The path has characters that a path cannot have.")
    return path


def _escape(found: re.Match[str]) -> str:
    if found[1] is None:
        return "%25"
    byte = int(found[1], 16)
    return chr(byte) if byte in _UNRESERVED else f"%{found[1].upper()}"


def _pairs(query: Any) -> list[tuple[str, str]]:
    """Flatten {"a": 1, "b[]": [2, 3]} or [["a", 1]] into pairs of text; None is left out."""
    if not query:
        return []
    items = query.items() if isinstance(query, Mapping) else query
    found: list[tuple[str, str]] = []
    try:
        for key, value in items:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, bool):
                    found.append((str(key), "true" if item else "false"))
                elif isinstance(item, str | int | float):
                    found.append((str(key), str(item)))
                elif item is not None:
                    raise TypeError(item)
    except (TypeError, ValueError) as error:
        raise RequestFailed("invalid_request", "The query must be a mapping of names to texts or numbers.") from error
    return found


def _shown(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:100])
    return f'"{shown}"'
