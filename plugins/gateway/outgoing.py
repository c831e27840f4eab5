"""What a plugin asks for, read strictly: method, address, headers, and a body that may lie in a blob."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

from coreengine.kernel.outbound.address import FEED, Target, read_address
from coreengine.kernel.outbound.errors import RequestFailed
from plugins.gateway.headers import request_headers

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
MAX_TEXT_BYTES = 10 * 2**20
MAX_PARTS = 10
PIECE_BYTES = 64 * 1024
_FIELDS = {"method", "url", "headers", "query", "body", "json", "body_blob", "body_parts", "as_blob"}
_BODIES = ("body", "json", "body_blob", "body_parts")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# A form that names a method of its own would be one request for our rules and another for the other side.
_METHOD_OVERRIDE = re.compile(r"(^|[&?;\"\s])_method(\"|=|%3d)", re.IGNORECASE)


class BlobSource(Protocol):
    """The bytes that this owner may send."""

    def find(self, sha256: str) -> tuple[int, Callable[[], IO[bytes]]] | None:
        """Return size and a way to open, None if the owner has no such blob."""


class NoBlobs:
    """A source that has nothing."""

    def find(self, sha256: str) -> tuple[int, Callable[[], IO[bytes]]] | None:
        """There is none."""
        return None


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent, in pieces: bytes, or a way to open a file of a known size."""

    pieces: tuple[bytes | Callable[[], IO[bytes]], ...] = ()
    size_bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.pieces)

    def content(self) -> bytes | Iterator[bytes] | None:
        """Return the content for one exchange; a file is read as it is sent, never whole."""
        if not self.pieces:
            return None
        if len(self.pieces) == 1 and isinstance(self.pieces[0], bytes):
            return self.pieces[0]
        return self._stream()

    def _stream(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            with piece() as file:
                while data := file.read(PIECE_BYTES):
                    yield data


NOTHING = Body()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request after every check of what the plugin said."""

    method: str
    target: Target
    headers: tuple[tuple[str, str], ...]
    body: Body
    as_blob: bool
    has_left_home: bool = False

    @property
    def is_reading(self) -> bool:
        """True if it may be asked again without harm."""
        return self.method in {"GET", "HEAD"}

    def header(self, name: str) -> str:
        """Return a header that the plugin set, "" if it did not."""
        return next((value for each, value in self.headers if each == name), "")

    def sent_on(self, target: Target, *, as_get: bool) -> Outgoing:
        """Return this request as it goes on to another address.

        Whatever leaves the host it was made for loses what was meant for that host alone, for good.
        """
        leaves = target.host != self.target.host
        dropped = ("content-",) if as_get else ()
        headers = tuple(
            (name, value)
            for name, value in self.headers
            if not name.startswith(dropped or ("\0",)) and (not leaves or name in _TRAVELS)
        )
        return replace(
            self,
            method="GET" if as_get else self.method,
            target=target,
            headers=headers,
            body=NOTHING if as_get else self.body,
            has_left_home=self.has_left_home or leaves,
        )


_TRAVELS = {"accept", "accept-language", "content-type", "content-language", "range"}


def read_request(
    params: Mapping[str, Any],
    *,
    home: str,
    credential_name: str = "",
    feed_address: str = "",
    blobs: BlobSource,
    swap: Callable[[Any], Any] | None = None,
) -> Outgoing:
    """Read an `http.request`.

    `credential_name` is the header that carries the credential, which a plugin may not set. `swap` replaces names of
    webhook addresses and secrets in JSON that goes home.

    Raises:
        RequestFailed: with a code for the plugin and words for the student.
    """
    unknown = set(params) - _FIELDS
    if unknown:
        raise RequestFailed("invalid_request", f"A request has no field {sorted(unknown)[0][:60]!r}.")
    method = read_method(params)
    headers = request_headers(params.get("headers"), credential_name)
    if params.get("url") == FEED:
        target = _feed(method, params, home, feed_address)
    else:
        target = read_address(params.get("url"), home=home, query=params.get("query"))
    body, content_type = _body(params, blobs, swap if target.host == home else None)
    if content_type and not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", content_type))
    outgoing = Outgoing(method, target, tuple(headers), body, params.get("as_blob") is True, target.host != home)
    _check_override(outgoing)
    return outgoing


def read_method(params: Mapping[str, Any]) -> str:
    """Return the method of a request in capitals.

    Raises:
        RequestFailed: method_not_allowed.
    """
    method = params.get("method", "GET")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise RequestFailed("method_not_allowed", f"A request is one of {', '.join(sorted(METHODS))}.")
    return method.upper()


def _feed(method: str, params: Mapping[str, Any], home: str, address: str) -> Target:
    """Return the secret address that the student pasted; the plugin only ever says `feed:`."""
    if not address:
        raise RequestFailed("invalid_request", "This connection was not made with a feed's address.")
    if method not in {"GET", "HEAD"} or params.get("query"):
        raise RequestFailed("method_not_allowed", "A feed is read as it is: with GET, and without a query.")
    return replace(read_address(address, home=home), is_secret=True)


def _body(params: Mapping[str, Any], blobs: BlobSource, swap: Callable[[Any], Any] | None) -> tuple[Body, str]:
    given = [name for name in _BODIES if params.get(name) is not None]
    if len(given) > 1:
        raise RequestFailed("invalid_request", f"A request has one body, not both {given[0]} and {given[1]}.")
    if not given:
        return NOTHING, ""
    value = params[given[0]]
    match given[0]:
        case "json":
            return _text_body(_json(value, swap)), "application/json"
        case "body":
            if not isinstance(value, str):
                raise RequestFailed("invalid_request", "A body is text; for JSON use the field json.")
            return _text_body(value.encode()), ""
        case "body_blob":
            size, opener = _blob(value, blobs)
            return Body((opener,), size), "application/octet-stream"
    return _multipart(value, blobs, swap)


def _multipart(parts: Any, blobs: BlobSource, swap: Callable[[Any], Any] | None) -> tuple[Body, str]:
    """Put parts together as multipart/related (RFC 2387), as uploads with metadata want it."""
    if not isinstance(parts, list) or not 0 < len(parts) <= MAX_PARTS:
        raise RequestFailed("invalid_request", f"body_parts is a list of 1 to {MAX_PARTS} parts.")
    boundary = f"part-{secrets.token_hex(16)}"
    pieces: list[bytes | Callable[[], IO[bytes]]] = []
    size = 0
    for part in parts:
        if not isinstance(part, Mapping) or set(part) - {"headers", "json", "blob", "text"}:
            raise RequestFailed("invalid_request", "A part has headers and one of json, blob and text.")
        headers = request_headers(part.get("headers"))
        content: bytes | Callable[[], IO[bytes]]
        if part.get("blob") is not None:
            length, content = _blob(part["blob"], blobs)
            kind = "application/octet-stream"
        elif part.get("json") is not None:
            content = data = _json(part["json"], swap)
            length, kind = len(data), "application/json; charset=UTF-8"
        elif isinstance(part.get("text"), str):
            content = data = part["text"].encode()
            length, kind = len(data), "text/plain; charset=UTF-8"
        else:
            raise RequestFailed("invalid_request", "A part has headers and one of json, blob and text.")
        if not any(name == "content-type" for name, _ in headers):
            headers.append(("content-type", kind))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        opening = f"{chr(13) + chr(10) if pieces else ''}--{boundary}\r\n{head}\r\n".encode()
        pieces += [opening, content]
        size += len(opening) + length
    closing = f"\r\n--{boundary}--\r\n".encode()
    return Body((*pieces, closing), size + len(closing)), f"multipart/related; boundary={boundary}"


def _json(value: Any, swap: Callable[[Any], Any] | None) -> bytes:
    try:
        return json.dumps(value if swap is None else swap(value), allow_nan=False).encode()
    except ValueError as error:
        raise RequestFailed("invalid_request", "The body holds a number that JSON does not have.") from error


def _text_body(content: bytes) -> Body:
    if len(content) > MAX_TEXT_BYTES:
        raise RequestFailed("too_large", f"A request has at most {MAX_TEXT_BYTES // 2**20} MiB; send a blob instead.")
    return Body((content,), len(content))


def _blob(value: Any, blobs: BlobSource) -> tuple[int, Callable[[], IO[bytes]]]:
    digest = value.get("blob") if isinstance(value, Mapping) else value
    found = blobs.find(digest) if isinstance(digest, str) and _SHA256.fullmatch(digest) else None
    if found is None:
        raise RequestFailed("blob_unknown", "There is no such file among those that this connection may send.")
    return found


def _check_override(outgoing: Outgoing) -> None:
    query = outgoing.target.path.partition("?")[2]
    texts = [query]
    if outgoing.header("content-type").lower().startswith(_FORMS):
        texts += [piece.decode("latin-1") for piece in outgoing.body.pieces if isinstance(piece, bytes)]
    if any(_METHOD_OVERRIDE.search(text) for text in texts):
        raise RequestFailed("method_not_allowed", "A request says its method once; _method is not sent on.")
