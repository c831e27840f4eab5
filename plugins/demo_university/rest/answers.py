"""How every API call is answered: token, throttle, faults, paging, ETag, in the manner of Canvas."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from ..store import Token
from ..university import University

STRING_IDS = "application/json+canvas-string-ids"
PER_PAGE, MAX_PER_PAGE = 10, 100
MAX_BODY = 65536
BAD_TOKEN = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}


class Refused(Exception):
    """The call ends here with a status and Canvas's own words."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.message, self.headers = status, message, headers or {}


def not_found() -> Refused:
    return Refused(404, "The specified resource does not exist.")


def no_permission() -> Refused:
    """A 401 without WWW-Authenticate: the token is fine, its owner may not do this."""
    return Refused(401, "user not authorized to perform that action")


@dataclass
class Listing:
    """A list that is given out in pages. Where counting would be dear, Canvas names no last page."""

    items: list[Any]
    knows_last: bool = True
    per_page: int = PER_PAGE


@dataclass
class Call:
    """One request to the API, its token already checked."""

    request: Request
    university: University
    includes: set[str] = field(default_factory=set)
    body: bytes = b""

    def path_id(self, name: str) -> int:
        raw = self.request.path_params[name]
        # `1043~127` is how Canvas also writes the id of something on another shard.
        shard, tilde, local = raw.partition("~")
        if not (shard.isdecimal() and (not tilde or local.isdecimal())):
            raise not_found()
        return int(shard) * 10**13 + int(local) if tilde else int(raw)

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def query_list(self, name: str) -> list[str]:
        params = self.request.query_params
        return params.getlist(f"{name}[]") + params.getlist(name)

    def moment(self, name: str, default: datetime) -> datetime:
        raw = self.query(name)
        if not raw:
            return default
        try:
            moment = datetime.fromisoformat(raw.replace("Z", "+00:00"))
        except ValueError:
            raise Refused(400, f"Invalid date or invalid datetime for {name}") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=default.tzinfo)


Handler = Callable[[Call], Any]


def endpoint(handler: Handler, *, status: int = 200) -> Callable[[Request], Any]:
    """An ASGI endpoint of a handler that takes a Call and gives plain data or a Listing."""

    async def answer(request: Request) -> Response:
        university: University = request.app.state.university
        path = request.url.path
        await university.faults.wait()
        body = b"" if request.method == "GET" else (await request.body())[:MAX_BODY]
        try:
            response = _forced(university, path) or _answer(request, university, handler, body, status)
        except Refused as refused:
            body = {"errors": [{"message": refused.message}]}
            if refused.status == 401:
                body["status"] = "unauthenticated" if refused.headers else "unauthorized"  # type: ignore[assignment]
            response = _json(request, body, refused.status, refused.headers)
        _distort(university, response)
        if university.requests.maxlen:
            university.requests.append(
                {
                    "method": request.method,
                    "path": path,
                    "query": request.url.query,
                    "status": response.status_code,
                }
            )
        return response

    return answer


def _distort(university: University, response: Response) -> None:
    """What proxies and other versions make of an answer on its way; harmless to a client that knows HTTP."""
    faults = university.faults
    if faults.rate_limit_remaining is not None:
        response.headers["X-Rate-Limit-Remaining"] = f"{faults.rate_limit_remaining:.6f}"
    if faults.byte_order_mark and response.body:
        response.body = b"\xef\xbb\xbf" + bytes(response.body)
        response.headers["Content-Length"] = str(len(response.body))
    if faults.shouting_headers:
        response.raw_headers = [(name.upper(), value) for name, value in response.raw_headers]


def _forced(university: University, path: str) -> Response | None:
    """The answer that a fault switch asks for, if one applies here."""
    faults = university.faults
    if faults.throttle_next > 0:
        faults.throttle_next -= 1
        return throttled(faults.throttle_status, faults.throttle_retry_after)
    if faults.hits(faults.html_for, path):
        return HTMLResponse("<!doctype html><title>Welcome</title><h1>Welcome to our web site</h1>")
    if faults.hits(faults.malformed, path):
        return Response('[{"id": 41', media_type="application/json")
    if faults.hits(faults.truncated, path):
        return Response(b'[{"id": 41', media_type="application/json", headers={"Content-Length": "4096"})
    if faults.reject_tokens:
        raise Refused(401, "Invalid access token.", BAD_TOKEN)
    if forced := faults.forced_status(path):
        if forced == 401:
            raise no_permission()
        words = {403: "Forbidden", 404: "The specified resource does not exist."}
        raise Refused(forced, words.get(forced, "An error occurred."))
    if any(f"/courses/{course_id}" in f"{path}/" for course_id in faults.drop_courses):
        raise not_found()
    return None


def throttled(status: int, retry_after: float | None = None) -> Response:
    headers = {"X-Rate-Limit-Remaining": "0.0"}
    if retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    words = "403 Forbidden (Rate Limit Exceeded)" if status == 403 else "429 Too Many Requests"
    return PlainTextResponse(f"{words}\n", status, headers)


def _answer(request: Request, university: University, handler: Handler, body: bytes, status: int) -> Response:
    token = _authenticate(request, university)
    if not university.throttle.enter(token.id):
        return throttled(university.options.throttle_status)
    cost = 0.02
    remaining = university.options.high_water
    try:
        params = request.query_params
        call = Call(request, university, set(params.getlist("include[]")) | set(params.getlist("include")), body)
        data = handler(call)
        headers: dict[str, str] = {}
        if isinstance(data, Listing):
            data, headers["Link"] = _page(request, university, data)
            cost += 0.005 * len(data)
    finally:
        remaining = university.throttle.leave(token.id, cost)
    headers |= {"X-Request-Cost": f"{cost:.6f}", "X-Rate-Limit-Remaining": f"{remaining:.6f}"}
    return _json(request, data, status, headers)


def _authenticate(request: Request, university: University) -> Token:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip() if scheme.lower() == "bearer" else request.query_params.get("access_token", "")
    if not secret:
        raise Refused(401, "user authorization required", BAD_TOKEN)
    token = university.store.find(secret)
    if token is None:
        raise Refused(401, "Invalid access token.", BAD_TOKEN)
    if token.is_expired(university.clock()):
        raise Refused(401, "Expired access token.", BAD_TOKEN)
    university.store.last_used[token.id] = university.clock()
    return token


def _page(request: Request, university: University, listing: Listing) -> tuple[list[Any], str]:
    """One page of a list and its Link header, whose bookmarks a client can only follow."""
    raw = request.query_params.get("per_page", "")
    per_page = min(max(int(raw) if raw.isdecimal() else listing.per_page, 1), MAX_PER_PAGE)
    offset = _offset(request.query_params.get("page", ""), per_page)
    items = listing.items[offset : offset + per_page]
    links = {"current": offset}
    path, faults = request.url.path, university.faults
    if faults.hits(faults.empty_first_page, path) and not request.query_params.get("page"):
        items, links["next"] = [], 0
    elif faults.hits(faults.endless_paging, path):
        items = listing.items[:per_page]
        links["next"] = offset if faults.endless_kind == "self" else offset + per_page
    elif offset + per_page < len(listing.items):
        links["next"] = offset + per_page
    if offset > 0:
        links["prev"] = max(offset - per_page, 0)
    links["first"] = 0
    if listing.knows_last:
        links["last"] = max((len(listing.items) - 1) // per_page, 0) * per_page
    base = f"{base_url(request)}{path}"
    kept = [pair for pair in parse_qsl(request.url.query) if pair[0] not in ("page", "per_page", "access_token")]
    return items, ",".join(
        f'<{base}?{urlencode([*kept, ("page", _bookmark(start)), ("per_page", str(per_page))])}>; rel="{rel}"'
        for rel, start in links.items()
    )


def _bookmark(offset: int) -> str:
    return "bookmark:" + base64.urlsafe_b64encode(json.dumps(["o", offset]).encode()).decode().rstrip("=")


def _offset(page: str, per_page: int) -> int:
    if not page:
        return 0
    if page.isdecimal():
        return max(int(page) - 1, 0) * per_page
    try:
        raw = page.removeprefix("bookmark:")
        offset = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))[1]
        return max(int(offset), 0)
    except (binascii.Error, ValueError, IndexError, TypeError, KeyError):
        raise Refused(400, "Invalid page bookmark.") from None


def base_url(request: Request) -> str:
    """The address under which the client knows this server.

    On the machine itself that is plain HTTP; under any other name it is reached through something that
    speaks HTTPS for it, as a real Canvas is.
    """
    host = request.headers.get("host", "127.0.0.1")
    name = host.rsplit(":", 1)[0]
    return f"{'http' if name in ('127.0.0.1', 'localhost', '[::1]') else 'https'}://{host}"


def _json(request: Request, data: Any, status: int, headers: dict[str, str]) -> Response:
    string_ids = STRING_IDS in request.headers.get("accept", "")
    body = json.dumps(_with_string_ids(data) if string_ids else data, ensure_ascii=False).encode()
    media_type = "application/json; charset=utf-8"
    if status != 200 or request.method != "GET":
        return Response(body, status, headers, media_type)
    etag = f'W/"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    headers = headers | {"ETag": etag, "Cache-Control": "max-age=0, private, must-revalidate"}
    if etag in [entry.strip() for entry in request.headers.get("if-none-match", "").split(",")]:
        return Response(b"", 304, headers)
    return Response(body, status, headers, media_type)


def _with_string_ids(data: Any, name: str = "") -> Any:
    if isinstance(data, dict):
        return {key: _with_string_ids(value, key) for key, value in data.items()}
    if isinstance(data, list):
        return [_with_string_ids(value, name) for value in data]
    is_id = name == "id" or name.endswith(("_id", "_ids"))
    return str(data) if is_id and isinstance(data, int) and not isinstance(data, bool) else data
