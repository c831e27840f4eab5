"""Recorded HTTP: what a service answered once, kept in a file without secrets, and given back in tests.

    - request: {method: GET, url: https://api.example.com/v1/forecast, query: {city: Lund}}
      response: {status: 200, headers: {content-type: application/json}, json: {days: []}}

A request is found by method, host, path, query and body. The same request recorded several times is answered in turn,
and the last answer stays. `fail: timeout` or `fail: unreachable` in place of a response is a service that is away.
Files are YAML, or JSON where their name ends so.
"""

from __future__ import annotations

import base64
import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import yaml

from plugins.formats import looks_like_credential
from plugins.gateway.secrets import MASK, Mask

KEPT_HEADERS = ("content-type", "etag", "last-modified", "link", "location", "retry-after", "x-poll-interval")
KEPT_PREFIXES = ("x-ratelimit-", "x-rate-limit-")


class UnexpectedRequest(AssertionError):
    """The plugin asked for something that is not in the recording; the message shows the nearest that is."""


class Recording:
    """The exchanges of one file, in the order in which they were made."""

    def __init__(self, exchanges: Iterable[dict[str, Any]] = (), *, path: Path | None = None) -> None:
        self.path = path
        self.exchanges = [_checked(number, exchange) for number, exchange in enumerate(exchanges)]
        self._asked: dict[str, int] = {}

    @classmethod
    def read(cls, path: str | Path) -> Recording:
        """Read a file.

        Raises:
            ValueError: it is not a list of exchanges.
        """
        text = Path(path).read_text(encoding="utf-8")
        found = json.loads(text) if str(path).endswith(".json") else yaml.safe_load(text)
        if not isinstance(found, list):
            raise ValueError(f"{path} is not a list of requests with their responses.")
        return cls(found, path=Path(path))

    @property
    def hosts(self) -> list[str]:
        """The hosts that were asked, in order."""
        return list(dict.fromkeys(urlsplit(each["request"]["url"]).hostname or "" for each in self.exchanges))

    def add(self, request: dict[str, Any], response: dict[str, Any]) -> None:
        """Put one exchange at the end."""
        self.exchanges.append({"request": request, "response": response})

    def write(self) -> None:
        """Write the file, YAML or JSON by its name."""
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.suffix == ".json":
            text = json.dumps(self.exchanges, indent=2, ensure_ascii=False) + "\n"
        else:
            text = yaml.safe_dump(self.exchanges, sort_keys=False, allow_unicode=True, width=110)
        self.path.write_text(text, encoding="utf-8")

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the exchange that answers a request.

        Raises:
            UnexpectedRequest: there is none.
        """
        wanted = _key(request)
        fitting = [each for each in self.exchanges if _key(each["request"]) == wanted]
        if not fitting:
            raise UnexpectedRequest(self._difference(request))
        turn = self._asked.get(wanted, 0)
        self._asked[wanted] = turn + 1
        return fitting[min(turn, len(fitting) - 1)]

    def unused(self) -> list[str]:
        """Name the recorded requests that nobody made."""
        keys = {_key(each["request"]): each["request"] for each in self.exchanges}
        return [f"{each.get('method', 'GET')} {each['url']}" for key, each in keys.items() if key not in self._asked]

    def _difference(self, request: dict[str, Any]) -> str:
        asked = _lines(request)
        known = [_lines(each["request"]) for each in self.exchanges]
        words = f"The plugin asked for what is not recorded{f' in {self.path.name}' if self.path else ''}:\n"
        if not known:
            return words + "\n".join(asked)
        nearest = max(known, key=lambda lines: difflib.SequenceMatcher(None, lines, asked).ratio())
        return words + "\n".join(
            difflib.unified_diff(nearest, asked, "the nearest recorded", "asked", lineterm="", n=99)
        )


class ReplayTransport(httpx.BaseTransport):
    """Answers from a recording; nothing leaves."""

    def __init__(self, recording: Recording, mask: Mask) -> None:
        self._recording, self._mask = recording, mask

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        exchange = self._recording.answer(described(request, self._mask))
        match exchange.get("fail"):
            case "timeout":
                raise httpx.ReadTimeout("recorded as a timeout", request=request)
            case "unreachable":
                raise httpx.ConnectError("recorded as unreachable", request=request)
        response = exchange["response"]
        content = b""
        if "json" in response:
            content = json.dumps(response["json"], ensure_ascii=False).encode()
        elif "base64" in response:
            content = base64.b64decode(response["base64"])
        elif "body" in response:
            content = str(response["body"]).encode()
        headers = {name: str(value) for name, value in (response.get("headers") or {}).items()}
        if "json" in response:
            headers.setdefault("content-type", "application/json")
        return httpx.Response(response.get("status", 200), headers=headers, content=content, request=request)


class RecordTransport(httpx.BaseTransport):
    """Asks the service itself and writes down what it answered, without secrets."""

    def __init__(self, recording: Recording, mask: Mask, inner: httpx.BaseTransport | None = None) -> None:
        self._recording, self._mask = recording, mask
        self._inner = inner or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        answer = self._inner.handle_request(request)
        content = answer.read()
        answer.close()
        headers = {
            name: self._mask.text(value)
            for name, value in answer.headers.items()
            if name in KEPT_HEADERS or name.startswith(KEPT_PREFIXES)
        }
        told: dict[str, Any] = {"status": answer.status_code, "headers": headers, **self._body(content, headers)}
        self._recording.add(described(request, self._mask), told)
        self._recording.write()
        kept = {
            name: value for name, value in answer.headers.items() if name not in ("content-encoding", "content-length")
        }
        return httpx.Response(answer.status_code, headers=kept, content=content, request=request)

    def _body(self, content: bytes, headers: dict[str, str]) -> dict[str, Any]:
        if not content:
            return {}
        try:
            text = self._mask.text(content.decode())
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(content).decode()}
        if "json" in headers.get("content-type", ""):
            try:
                return {"json": without_credentials(json.loads(text))}
            except ValueError:
                pass  # it says that it is JSON and is not: the plugin under test has to meet it as it is
        return {"body": text}

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def described(request: httpx.Request, mask: Mask) -> dict[str, Any]:
    """Return a request as recordings write it: no header, no secret."""
    parts = urlsplit(str(request.url))
    host = request.headers.get("host", parts.netloc)
    told: dict[str, Any] = {"method": request.method, "url": mask.text(f"https://{host}{parts.path}")}
    if parts.query:
        told["query"] = _joined(parse_qsl(mask.text(parts.query), keep_blank_values=True))
    content = request.read()
    if content:
        try:
            told["json"] = without_credentials(json.loads(mask.text(content.decode())))
        except ValueError:
            told["body"] = mask.text(content.decode("utf-8", "replace"))
    return told


def without_credentials(value: Any) -> Any:
    """Put a mask in place of every text whose name says that it is a secret."""
    if isinstance(value, list):
        return [without_credentials(each) for each in value]
    if isinstance(value, dict):
        return {
            name: MASK if isinstance(each, str) and looks_like_credential(name) else without_credentials(each)
            for name, each in value.items()
        }
    return value


def _joined(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
        else:
            found[name] = value
    return found


def _checked(number: int, exchange: Any) -> dict[str, Any]:
    if not isinstance(exchange, dict) or not isinstance(exchange.get("request"), dict):
        raise ValueError(f"Exchange {number} has no request.")
    if "url" not in exchange["request"] or not ("response" in exchange or "fail" in exchange):
        raise ValueError(f"Exchange {number} has no url, or neither a response nor fail.")
    if exchange.get("fail", "timeout") not in ("timeout", "unreachable"):
        raise ValueError(f"Exchange {number} fails in a way that is not known: timeout or unreachable.")
    return exchange


def _canonical(request: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(request["url"])
    query = {**_joined(parse_qsl(parts.query, keep_blank_values=True)), **(request.get("query") or {})}
    return {
        "method": request.get("method", "GET").upper(),
        "host": parts.netloc,
        "path": parts.path or "/",
        "query": {
            name: [str(each) for each in value] if isinstance(value, list) else str(value)
            for name, value in sorted(query.items())
        },
        "body": request.get("json", request.get("body", "")),
    }


def _key(request: dict[str, Any]) -> str:
    return json.dumps(_canonical(request), sort_keys=True, ensure_ascii=False)


def _lines(request: dict[str, Any]) -> list[str]:
    return yaml.safe_dump(_canonical(request), sort_keys=False, allow_unicode=True).splitlines()
