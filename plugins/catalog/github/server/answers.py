"""Requests and answers as data, lists in pages, and answers that did not change."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from .store import Repository, Token

API = "https://api.github.com"
DOCS = "https://docs.github.com/rest"


@dataclass
class Asked:
    """One request."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    token: Token | None = None

    @property
    def login(self) -> str | None:
        return self.token.login if self.token else None

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def form(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(self.body.decode()).items()}


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_countable(self) -> bool:
        """Say whether it counts against the hourly limit."""
        return self.status != 304


def data(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    body = b"" if status == 204 else json.dumps(value).encode()
    return Answer(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def error(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> Answer:
    return data({"message": message, "documentation_url": DOCS, "status": str(status), **more}, status, headers)


def not_found() -> Answer:
    """Also what may not be seen: GitHub does not tell the two apart."""
    return error(404, "Not Found")


def moved(repository: Repository, rest: str, status: int = 301) -> Answer:
    """A repository under its old name leads to its number."""
    address = f"{API}/repositories/{repository.id}{rest}"
    return error(status, "Moved Permanently", {"Location": address}, url=address)


def paged(asked: Asked, items: list[Any], *, key: str = "", is_opaque: bool = False, with_last: bool = True) -> Answer:
    """One page of a list, with Link headers; `is_opaque` names pages by cursors, and then there is no last one."""
    size = min(int(asked.query.get("per_page", "30") or 30), 100)
    if is_opaque:
        start = int(base64.urlsafe_b64decode(asked.query.get("after", "") or b"MA==") or 0)
    else:
        start = (max(int(asked.query.get("page", "1") or 1), 1) - 1) * size
    chosen = items[start : start + size]

    def address(position: int) -> str:
        rest = {name: value for name, value in asked.query.items() if name not in ("page", "after")}
        place = (
            {"after": base64.urlsafe_b64encode(str(position).encode()).decode()}
            if is_opaque
            else {"page": str(position // size + 1)}
        )
        return f"{API}{asked.path}?{urlencode({**rest, **place})}"

    links = []
    if start + size < len(items):
        links.append(f'<{address(start + size)}>; rel="next"')
        if with_last and not is_opaque:
            links.append(f'<{address((len(items) - 1) // size * size)}>; rel="last"')
    if start:
        links += [f'<{address(max(0, start - size))}>; rel="prev"', f'<{address(0)}>; rel="first"']
    headers = {"Link": ", ".join(links)} if links else {}
    return data({"total_count": len(items), key: chosen} if key else chosen, headers=headers)


def with_etag(asked: Asked, answer: Answer) -> Answer:
    """Mark a good answer to a GET, and answer 304 where the client has it already."""
    if asked.method != "GET" or answer.status != 200:
        return answer
    etag = f'W/"{hashlib.sha256(answer.body + answer.headers.get("Link", "").encode()).hexdigest()[:40]}"'
    kept = {"ETag": etag, "Cache-Control": "private, max-age=60, s-maxage=60", "Vary": "Accept, Authorization"}
    if asked.headers.get("if-none-match") == etag:
        return Answer(304, b"", kept)
    answer.headers |= kept
    return answer
