"""Performs the requests of one running action: checks, credential, pace, redirects, bounds, record."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpcore

from coreengine.kernel.blobs import store
from coreengine.kernel.errors import TooLarge
from plugins.conf import operator_host, plugin_settings
from plugins.gateway.address import FEED, Target, read_address
from plugins.gateway.body import read_pieces
from plugins.gateway.headers import answer_headers, request_headers, retry_after_s
from plugins.gateway.network import pool_for
from plugins.gateway.pace import Pace
from plugins.gateway.records import Access, AnswerStore, CallNote, KnownAnswer, NoAnswers
from plugins.gateway.secrets import Mask, credential_header, feed_target
from plugins.sandbox.conversation import RequestFailed

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
REDIRECTS = {301, 302, 303, 307, 308}
MAX_REDIRECTS = 5
MAX_TRIES = 4
MAX_REQUEST_BYTES = 10 * 2**20
MAX_KEPT_BYTES = 512 * 1024
KNOWN_FIELDS = {"method", "url", "headers", "query", "body", "json", "as_blob"}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request after every check of what the plugin said."""

    method: str
    target: Target
    headers: list[tuple[str, str]]
    content: bytes
    as_blob: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, before it is put in the plugin's form."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    blob: dict[str, Any] | None = None
    is_from_cache: bool = False


class Gateway:
    """The way out of one action. The connection is fixed when it is made; nothing a plugin says can change it."""

    def __init__(
        self,
        access: Access,
        *,
        answers: AnswerStore | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access = access
        self._answers: AnswerStore = NoAnswers() if answers is None else answers
        self._wait = wait
        self._settings = plugin_settings()
        self._pace = Pace(access.key or access.connection_id, self._settings.REQUESTS_PER_MINUTE)
        self._mask = Mask(access.credential)
        self._waited_s = 0.0
        self._stored_bytes = 0
        self.notes: list[CallNote] = []
        self.created_blobs: list[str] = []
        self.last_failure: RequestFailed | None = None

    def serve(self, params: dict[str, Any], deadline: float) -> dict[str, Any]:
        """Perform one `http.request`; `deadline` is on the monotonic clock.

        Raises:
            RequestFailed: with a code for the plugin and words for the student.
        """
        try:
            outgoing = self._read(params)
            answer = self._ask(outgoing, min(deadline, time.monotonic() + self._settings.REQUEST_TIMEOUT_S * 2))
        except RequestFailed as error:
            self.last_failure = error
            raise
        result: dict[str, Any] = {
            "status": answer.status,
            "headers": answer.headers,
            "from_cache": answer.is_from_cache,
        }
        if answer.blob is not None:
            result["blob"] = answer.blob
        else:
            result["body"] = _text(answer.body, answer.headers.get("content-type", ""))
        return result

    # --- What the plugin says ------------------------------------------------------------------------------

    def _read(self, params: dict[str, Any]) -> Outgoing:
        unknown = set(params) - KNOWN_FIELDS
        if unknown:
            raise RequestFailed("invalid_request", f"A request has no field {sorted(unknown)[0][:60]!r}.")
        method = params.get("method", "GET")
        if not isinstance(method, str) or method.upper() not in METHODS:
            raise RequestFailed("method_not_allowed", f"A request is one of {', '.join(sorted(METHODS))}.")
        headers = request_headers(params.get("headers"))
        content = b""
        if params.get("json") is not None:
            content = json.dumps(params["json"]).encode()
            if not any(name == "content-type" for name, _ in headers):
                headers.append(("content-type", "application/json"))
        elif params.get("body") is not None:
            if not isinstance(params["body"], str):
                raise RequestFailed("invalid_request", "A body is text; for JSON use the field json.")
            content = params["body"].encode()
        if len(content) > MAX_REQUEST_BYTES:
            raise RequestFailed("too_large", f"A request has at most {MAX_REQUEST_BYTES // 2**20} MiB.")
        if params.get("url") == FEED:
            target = self._feed(method.upper(), params)
        else:
            target = read_address(params.get("url"), home=self._access.home, query=params.get("query"))
        return Outgoing(method.upper(), target, headers, content, params.get("as_blob") is True)

    def _feed(self, method: str, params: dict[str, Any]) -> Target:
        """Return the secret address that the student pasted; the plugin only ever says `feed:`."""
        address = feed_target(self._access.authentication, self._access.credential)
        if not address:
            raise RequestFailed("invalid_request", "This connection was not made with a feed's address.")
        if method not in {"GET", "HEAD"} or params.get("query"):
            raise RequestFailed("method_not_allowed", "A feed is read as it is: with GET, and without a query.")
        return replace(read_address(address, home=self._access.home), is_secret=True)

    def _check_target(self, target: Target) -> None:
        manifest = self._access.manifest
        if manifest.security.network_policy == "none":
            raise RequestFailed("host_not_allowed", f"{manifest.title} declares that it needs no network.")
        if target.host not in self._access.hosts and not self._access.reaches_everything:
            allowed = ", ".join(self._access.hosts) or "none"
            raise RequestFailed(
                "host_not_allowed",
                f"{target.host} is not among the hosts that {manifest.title} may reach ({allowed}).",
            )
        mapped = operator_host(target.host)
        if target.scheme != "https" and not mapped:
            raise RequestFailed("not_https", f"{target.host} can only be asked over https.")
        if target.port not in {443, 80} and not mapped:
            raise RequestFailed("host_not_allowed", f"Port {target.port} of {target.host} is not open to plugins.")

    # --- Asking --------------------------------------------------------------------------------------------

    def _ask(self, outgoing: Outgoing, deadline: float) -> Answer:
        """Ask, follow redirects inside what is allowed, and wait where the other side says so."""
        first_host = outgoing.target.host
        hops = tries = 0
        while True:
            self._check_target(outgoing.target)
            self._keep_pace(outgoing.target.host, deadline)
            answer = self._ask_once(outgoing, deadline, with_credential=outgoing.target.host == first_host)
            if answer.status in REDIRECTS and "location" in answer.headers:
                hops += 1
                if hops > MAX_REDIRECTS:
                    raise RequestFailed(
                        "too_many_redirects", f"{first_host} redirected more than {MAX_REDIRECTS} times."
                    )
                outgoing = self._redirected(outgoing, answer)
                continue
            delay = _asked_to_wait(answer)
            if delay is not None:
                tries += 1
                if tries >= MAX_TRIES:
                    raise _too_many(outgoing.target.host, delay)
                self._pace.pause(delay)
                self._hold(delay, outgoing.target.host, deadline)
                continue
            self._check_answer(outgoing, answer)
            return answer

    def _ask_once(self, outgoing: Outgoing, deadline: float, *, with_credential: bool) -> Answer:
        target = outgoing.target
        key, known = "", None
        if (
            outgoing.method == "GET"
            and not outgoing.as_blob
            and not any(n.startswith("if-") for n, _ in outgoing.headers)
        ):
            key = _cache_key(outgoing)
            known = self._answers.find(key)
        headers = self._headers(outgoing, known, with_credential)
        started = time.monotonic()
        received, status, code = 0, None, ""
        try:
            with self._stream(outgoing, headers, deadline) as response:
                status = response.status
                shown = answer_headers(response.headers, self._mask)
                if status == 304 and known is not None:
                    # The rest of a 304 is news: a list whose first page is as it was may have a second one now.
                    news = {name: value for name, value in shown.items() if not name.startswith("content-")}
                    return Answer(200, {**known.headers, **news}, known.body, is_from_cache=True)
                answer = self._receive(outgoing, response, shown, deadline)
                received = answer.blob["size_bytes"] if answer.blob else len(answer.body)
        except RequestFailed as error:
            code = error.code
            raise
        finally:
            self.notes.append(
                CallNote(
                    method=outgoing.method,
                    host=target.host,
                    path=self._mask.text(target.shown_path),
                    status=status,
                    error_code=code,
                    bytes_received=received,
                    duration_ms=round((time.monotonic() - started) * 1000),
                    is_from_cache=status == 304 and known is not None,
                )
            )
        if key and answer.status == 200:
            self._keep(key, answer)
        return answer

    def _headers(self, outgoing: Outgoing, known: KnownAnswer | None, with_credential: bool) -> list[tuple[str, str]]:
        manifest = self._access.manifest
        headers = [
            ("host", outgoing.target.host),
            ("user-agent", f"Core-Engine (plugin {manifest.name} {manifest.version})"),
            ("accept-encoding", "identity" if outgoing.as_blob else "gzip, deflate"),
            *outgoing.headers,
        ]
        if not any(name == "accept" for name, _ in outgoing.headers):
            headers.append(("accept", "*/*"))
        if known is not None:
            if known.etag:
                headers.append(("if-none-match", known.etag))
            elif known.last_modified:
                headers.append(("if-modified-since", known.last_modified))
        # Only at home: other allowed hosts (file stores, say) are reached by addresses that carry their own proof.
        if with_credential and outgoing.target.host == self._access.home:
            proof = credential_header(self._access.authentication, self._access.credential)
            if proof is not None:
                headers.append(proof)
        if outgoing.content or outgoing.method in {"POST", "PUT", "PATCH"}:
            headers.append(("content-length", str(len(outgoing.content))))
        return headers

    @contextmanager
    def _stream(
        self, outgoing: Outgoing, headers: list[tuple[str, str]], deadline: float
    ) -> Iterator[httpcore.Response]:
        """Open the exchange, with every failure of the network in words."""
        target = outgoing.target
        mapped = operator_host(target.host)
        url = f"{mapped}{target.path}" if mapped else target.url
        pool = pool_for(self._access.key or self._access.connection_id, allow_private=mapped is not None)
        raw = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers]
        for attempt in (1, 2):
            left = deadline - time.monotonic()
            if left <= 0:
                raise RequestFailed("timeout", f"There was no time left to ask {target.host}.", retryable=True)
            timeout = {
                "connect": min(10.0, left),
                "read": min(self._settings.REQUEST_TIMEOUT_S, left),
                "pool": left,
            }
            timeout["write"] = timeout["read"]
            answered = False
            try:
                with pool.stream(
                    outgoing.method,
                    url,
                    headers=raw,
                    content=outgoing.content or None,
                    extensions={"timeout": timeout},
                ) as response:
                    answered = True
                    yield response
                return
            except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError) as error:
                # A kept-open connection may be closed by the other side at the very moment it is used again.
                if answered or attempt == 2 or outgoing.method not in {"GET", "HEAD"}:
                    raise RequestFailed(
                        "unreachable", f"{target.host} broke off the connection.", retryable=True
                    ) from error
            except httpcore.TimeoutException as error:
                words = "did not answer" if not answered else "stopped answering"
                raise RequestFailed("timeout", f"{target.host} {words} in time.", retryable=True) from error
            except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
                raise _unreachable(target.host, error) from error

    def _receive(
        self, outgoing: Outgoing, response: httpcore.Response, headers: dict[str, str], deadline: float
    ) -> Answer:
        host = outgoing.target.host
        encoding = next(
            (v.decode("latin-1").lower() for n, v in response.headers if n.lower() == b"content-encoding"), ""
        )
        to_blob = outgoing.as_blob and response.status == 200
        room = self._access.manifest.resources.storage_bytes - self._stored_bytes
        limit = min(self._settings.MAX_BLOB_BYTES, room) if to_blob else self._settings.MAX_BODY_BYTES
        pieces = read_pieces(
            response.iter_stream(),
            encoding=encoding,
            max_bytes=max(0, limit),
            deadline=deadline,
            mask=self._mask,
            host=host,
        )
        if not to_blob:
            return Answer(response.status, headers, b"".join(pieces))
        content_type = headers.get("content-type", "").split(";")[0].strip()[:120]
        try:
            blob = store(pieces, content_type=content_type)
        except TooLarge as error:
            raise RequestFailed("too_large", str(error)) from error
        self._stored_bytes += blob.size_bytes
        self.created_blobs.append(blob.sha256)
        reference = {"blob": blob.sha256, "size_bytes": blob.size_bytes, "content_type": content_type}
        return Answer(response.status, headers, blob=reference)

    def _keep(self, key: str, answer: Answer) -> None:
        etag, modified = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
        private = "no-store" in answer.headers.get("cache-control", "")
        if (etag or modified) and not private and len(answer.body) <= MAX_KEPT_BYTES:
            self._answers.keep(key, KnownAnswer(etag, modified, answer.headers, answer.body))

    # --- What the other side says --------------------------------------------------------------------------

    def _redirected(self, outgoing: Outgoing, answer: Answer) -> Outgoing:
        location, here = answer.headers["location"], outgoing.target
        if location.startswith("//"):
            location = f"{here.scheme}:{location}"
        elif not location.startswith(("http://", "https://", "/")):
            raise RequestFailed("redirect_refused", f"{here.host} redirected to something that is not a web address.")
        target = replace(read_address(location, home=here.host), is_secret=here.is_secret)
        if target.host not in self._access.hosts and not self._access.reaches_everything:
            raise RequestFailed(
                "host_not_allowed",
                f"{here.host} sent us on to {target.host}, which {self._access.manifest.title} may not reach. "
                "Check the address: the name of the service itself is needed, not of a sign-in page.",
            )
        if answer.status in {307, 308} or outgoing.method in {"GET", "HEAD"}:
            if target.host != here.host and outgoing.content:
                raise RequestFailed(
                    "redirect_refused", f"{here.host} wanted the request's content sent to {target.host}."
                )
            return Outgoing(outgoing.method, target, outgoing.headers, outgoing.content, outgoing.as_blob)
        headers = [(name, value) for name, value in outgoing.headers if not name.startswith("content-")]
        return Outgoing("GET", target, headers, b"", outgoing.as_blob)

    def _check_answer(self, outgoing: Outgoing, answer: Answer) -> None:
        host = outgoing.target.host
        # Canvas and others: 401 with this header is a bad token; without it, a thing this student may not see.
        if answer.status == 401 and "www-authenticate" in answer.headers:
            raise RequestFailed(
                "credential_rejected",
                f"{host} does not accept the token. It may be mistyped, expired or revoked: make a new one there, "
                "and put it in here.",
            )
        wants_json = any(
            name == "accept" and "json" in value and "html" not in value for name, value in outgoing.headers
        )
        is_page = answer.headers.get("content-type", "").lower().startswith("text/html")
        if wants_json and is_page and not outgoing.as_blob and answer.status < 500:
            raise RequestFailed(
                "not_data",
                f"{host} answered with a web page instead of data. Check that it is the address of the service itself.",
            )

    # --- Pace ----------------------------------------------------------------------------------------------

    def _keep_pace(self, host: str, deadline: float) -> None:
        if (seconds := self._pace.wait_s()) > 0:
            self._hold(seconds, host, deadline)

    def _hold(self, seconds: float, host: str, deadline: float) -> None:
        """Wait as long as there is patience for; beyond that, say when to come back."""
        if self._waited_s + seconds > self._settings.MAX_WAIT_S or time.monotonic() + seconds >= deadline:
            raise _too_many(host, seconds)
        self._waited_s += seconds
        self._wait(seconds)


def _asked_to_wait(answer: Answer) -> float | None:
    """Return the seconds to wait if the answer says that we ask too much, else None."""
    throttled = answer.status == 429 or (answer.status == 403 and b"Rate Limit Exceeded" in answer.body[:2000])
    if not throttled and not (answer.status == 503 and "retry-after" in answer.headers):
        return None
    asked = retry_after_s(answer.headers.get("retry-after", ""))
    return 1.0 if asked is None else max(0.1, asked)


def _too_many(host: str, seconds: float) -> RequestFailed:
    return RequestFailed(
        "too_many_requests",
        f"{host} is asked too often just now; it can be tried again in {max(1, round(seconds))} s.",
        retryable=True,
        retry_after_s=seconds,
    )


def _unreachable(host: str, error: Exception) -> RequestFailed:
    if isinstance(error, ssl.SSLError) or "CERTIFICATE" in str(error).upper() or "SSL" in str(error).upper():
        return RequestFailed("tls_failed", f"{host} has no valid certificate, so nothing was sent to it.")
    return RequestFailed(
        "unreachable", f"{host} cannot be reached. Check the address, or try again later.", retryable=True
    )


def _cache_key(outgoing: Outgoing) -> str:
    accept = next((value for name, value in outgoing.headers if name == "accept"), "")
    language = next((value for name, value in outgoing.headers if name == "accept-language"), "")
    return hashlib.sha256("\n".join((outgoing.target.url, accept, language)).encode()).hexdigest()


def _text(body: bytes, content_type: str) -> str:
    charset = content_type.partition("charset=")[2].split(";")[0].strip(" \"'") or "utf-8"
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
