"""Performs the requests of one running action: checks, credential, pace, redirects, bounds, record."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpcore

from coreengine.kernel.blobs import store
from coreengine.kernel.errors import ExternalError, TooLarge
from coreengine.kernel.outbound.address import FEED, FEED_SHOWN, redirect_address
from coreengine.kernel.outbound.body import read_pieces
from coreengine.kernel.outbound.errors import RequestFailed
from coreengine.kernel.outbound.exchange import exchange
from coreengine.kernel.outbound.hosts import operator_host
from plugins.conf import plugin_settings
from plugins.gateway.allowed import Allowed, path_shape
from plugins.gateway.headers import answer_headers
from plugins.gateway.outgoing import METHODS, BlobSource, NoBlobs, Outgoing, read_request
from plugins.gateway.pace import Pace, PaceStore, Slot
from plugins.gateway.records import (
    Access,
    AnswerStore,
    CallNote,
    HiddenNames,
    KnownAnswer,
    NoAnswers,
    NoHiddenNames,
)
from plugins.gateway.secrets import Mask, credential_header, feed_target
from plugins.gateway.waiting import asked_to_wait, jittered, wait_before_next

REDIRECTS = {301, 302, 303, 307, 308}
MAX_REDIRECTS = 5
MAX_TRIES = 4
MAX_KEPT_BYTES = 512 * 1024
TROUBLE = {500, 502, 503, 504}
TROUBLE_TRIES = 2
TROUBLE_WAIT_S = 0.5
BLOB_TIME_FACTOR = 20
"""A download may take so many times as long as an ordinary request, within its action's time."""


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
        blobs: BlobSource | None = None,
        hidden_names: HiddenNames | None = None,
        pace_store: PaceStore | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._access = access
        self._allowed = Allowed(access)
        self._answers: AnswerStore = NoAnswers() if answers is None else answers
        self._blobs: BlobSource = NoBlobs() if blobs is None else blobs
        self._hidden_names: HiddenNames = NoHiddenNames() if hidden_names is None else hidden_names
        self._wait = wait
        self._settings = plugin_settings()
        self._key = access.key or access.connection_id
        self._pace = Pace(self._key, access.requests_per_minute or self._settings.REQUESTS_PER_MINUTE, pace_store)
        self._credentials = [access.credential]  # the last is the one in use; every one of them is masked
        self._all_masked: Mask | None = None
        self._masked_count = 0
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
        note_count = len(self.notes)
        try:
            answer = self._ask(self._read(params), deadline)
        except RequestFailed as error:
            self.last_failure = error
            if len(self.notes) == note_count:
                self._note_unsent(params, error)
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

    @property
    def _proof(self) -> tuple[str, str] | None:
        """The header that proves who the student is."""
        return credential_header(self._access.authentication, self._credentials[-1])

    def _read(self, params: dict[str, Any]) -> Outgoing:
        return read_request(
            params,
            home=self._access.home,
            credential_name=self._proof[0] if self._proof else "",
            feed_address=feed_target(self._access.authentication, self._access.credential),
            blobs=self._blobs,
            swap=self._swap,
        )

    def _swap(self, value: Any) -> Any:
        """Put what names stand for in their place, wherever a text of a JSON body is such a name."""
        if isinstance(value, str):
            return self._hidden_names.swap(value)
        if isinstance(value, list):
            return [self._swap(item) for item in value]
        if isinstance(value, dict):
            return {name: self._swap(item) for name, item in value.items()}
        return value

    def _mask(self) -> Mask:
        """Return a mask for one answer: it keeps the end of a stream. Names may have been handed out meanwhile."""
        known = self._hidden_names.known()
        if self._all_masked is None or len(known) != self._masked_count:
            self._all_masked, self._masked_count = Mask(*self._credentials), len(known)
            for value, name in known.items():
                self._all_masked.add(value, name)
        return self._all_masked.fresh()

    # --- Asking --------------------------------------------------------------------------------------------

    def _ask(self, outgoing: Outgoing, deadline: float) -> Answer:
        """Ask, follow redirects inside what is allowed, and wait where the other side says so."""
        hops = tries = troubles = 0
        sent_on_by = ""
        while True:
            capability = self._check(outgoing, sent_on_by)
            host = outgoing.target.host
            with self._turn(outgoing, deadline):
                answer = self._ask_once(outgoing, deadline, capability)
            if answer.status in REDIRECTS and "location" in answer.headers:
                hops += 1
                if hops > MAX_REDIRECTS:
                    raise RequestFailed("too_many_redirects", f"{host} redirected more than {MAX_REDIRECTS} times.")
                outgoing, sent_on_by = self._redirected(outgoing, answer), host
                continue
            if _is_rejected(answer) and self._renewed(outgoing):
                continue
            delay = asked_to_wait(answer.status, answer.headers, answer.body, tries)
            # After a 503 nobody knows whether a write was done; after a 429 or 403 it was not.
            if delay is not None and (outgoing.is_reading or answer.status != 503):
                tries += 1
                self._pace.pause(host, delay)
                if tries >= MAX_TRIES:
                    raise _too_many(host, delay)
                self._hold(delay, host, deadline)
                continue
            if answer.status in TROUBLE and outgoing.is_reading and troubles < TROUBLE_TRIES:
                pause = jittered(TROUBLE_WAIT_S, troubles)
                troubles += 1
                if self._has_patience(pause, deadline):
                    self._waited_s += pause
                    self._wait(pause)
                    continue
            if (pause := wait_before_next(answer.headers)) > 0:
                self._pace.pause(host, pause)
            self._check_answer(outgoing, answer)
            return answer

    def _check(self, outgoing: Outgoing, sent_on_by: str) -> str:
        try:
            return self._allowed.check(outgoing.method, outgoing.target, sent_on_by=sent_on_by)
        except RequestFailed as error:
            self._note(outgoing, error_code=error.code)
            raise

    def _ask_once(self, outgoing: Outgoing, deadline: float, capability: str) -> Answer:
        now = time.monotonic()
        deadline = min(deadline, now + self._time_s(outgoing))
        key = self._cache_key(outgoing)
        known = self._answers.find(key) if key else None
        mapped = operator_host(outgoing.target.host)
        mask = self._mask()
        received, status, code = 0, None, ""
        try:
            with exchange(
                outgoing.method,
                f"{mapped}{outgoing.target.path}" if mapped else outgoing.target.url,
                self._headers(outgoing, known),
                outgoing.body,
                host=outgoing.target.host,
                key=self._key,
                allow_private=mapped is not None,
                deadline=deadline,
                read_timeout_s=self._settings.REQUEST_TIMEOUT_S,
            ) as response:
                status = response.status
                shown = answer_headers(response.headers, mask)
                if status == 304 and known is not None:
                    # The rest of a 304 is news: a list whose first page is as it was may have a second one now.
                    news = {name: value for name, value in shown.items() if not name.startswith("content-")}
                    return Answer(200, {**known.headers, **news}, known.body, is_from_cache=True)
                answer = self._receive(outgoing, response, shown, deadline, mask)
                received = answer.blob["size_bytes"] if answer.blob else len(answer.body)
        except RequestFailed as error:
            code = error.code
            raise
        finally:
            self._note(
                outgoing,
                status=status,
                error_code=code,
                bytes_received=received,
                bytes_sent=outgoing.body.size_bytes,
                duration_ms=round((time.monotonic() - now) * 1000),
                is_from_cache=status == 304 and known is not None,
                capability=capability,
            )
        if key and answer.status == 200:
            self._keep(key, answer)
        return answer

    def _time_s(self, outgoing: Outgoing) -> float:
        """Return how long one exchange may take; a file may take longer than an ordinary one."""
        is_large = outgoing.as_blob or outgoing.body.size_bytes > MAX_KEPT_BYTES
        return self._settings.REQUEST_TIMEOUT_S * (BLOB_TIME_FACTOR if is_large else 2)

    def _headers(self, outgoing: Outgoing, known: KnownAnswer | None) -> list[tuple[str, str]]:
        manifest = self._access.manifest
        headers = [
            ("host", outgoing.target.host),
            ("user-agent", f"Core-Engine (plugin {manifest.name} {manifest.version})"),
            ("accept-encoding", "identity" if outgoing.as_blob else "gzip, deflate"),
            *outgoing.headers,
        ]
        if not outgoing.header("accept"):
            headers.append(("accept", "*/*"))
        if known is not None:
            if known.etag:
                headers.append(("if-none-match", known.etag))
            elif known.last_modified:
                headers.append(("if-modified-since", known.last_modified))
        # Only at home, and never again once a redirect led away from it: other allowed hosts (file stores, say) are
        # reached by addresses that carry their own proof.
        proof = self._proof
        if proof and outgoing.target.host == self._access.home and not outgoing.has_left_home:
            headers.append(proof)
        if outgoing.body or outgoing.method in {"POST", "PUT", "PATCH"}:
            headers.append(("content-length", str(outgoing.body.size_bytes)))
        return headers

    def _receive(
        self, outgoing: Outgoing, response: httpcore.Response, headers: dict[str, str], deadline: float, mask: Mask
    ) -> Answer:
        host = outgoing.target.host
        if response.status == 101:
            raise RequestFailed("invalid_answer", f"{host} wanted to speak another protocol.")
        encoding = next(
            (v.decode("latin-1").lower() for n, v in response.headers if n.lower() == b"content-encoding"), ""
        )
        to_blob = outgoing.as_blob and response.status in {200, 206}
        room = self._access.manifest.resources.storage_bytes - self._stored_bytes
        limit = min(self._settings.MAX_BLOB_BYTES, room) if to_blob else self._settings.MAX_BODY_BYTES
        pieces = read_pieces(
            response.iter_stream(),
            encoding=encoding,
            max_bytes=max(0, limit),
            deadline=deadline,
            mask=mask,
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

    # --- Earlier answers -----------------------------------------------------------------------------------

    def _cache_key(self, outgoing: Outgoing) -> str:
        """Return the name of an answer in the cache, "" for a request whose answer is not kept.

        Every header that the plugin set is part of it, so an answer that varies by one is never given for another.
        """
        if outgoing.method != "GET" or outgoing.as_blob or outgoing.header("range"):
            return ""
        if any(name.startswith("if-") for name, _ in outgoing.headers):
            return ""
        proof = "at home" if not outgoing.has_left_home else "away"
        said = [outgoing.target.url, proof, *(f"{name}: {value}" for name, value in sorted(outgoing.headers))]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def _keep(self, key: str, answer: Answer) -> None:
        etag, modified = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
        is_for_once = "no-store" in answer.headers.get("cache-control", "").lower() or "*" in answer.headers.get(
            "vary", ""
        )
        if (etag or modified) and not is_for_once and len(answer.body) <= MAX_KEPT_BYTES:
            self._answers.keep(key, KnownAnswer(etag, modified, answer.headers, answer.body))

    # --- What the other side says --------------------------------------------------------------------------

    def _redirected(self, outgoing: Outgoing, answer: Answer) -> Outgoing:
        here = outgoing.target
        keeps_method = answer.status in {307, 308} or outgoing.is_reading
        try:
            target = redirect_address(answer.headers["location"], here)
            if keeps_method and target.host != here.host and outgoing.body:
                raise RequestFailed(
                    "redirect_refused", f"{here.host} wanted the request's content sent to {target.host}."
                )
        except RequestFailed as error:
            self._note(outgoing, status=answer.status, error_code=error.code)
            raise
        return outgoing.sent_on(target, as_get=not keeps_method)

    def _check_answer(self, outgoing: Outgoing, answer: Answer) -> None:
        host = outgoing.target.host
        if _is_rejected(answer) and self._access.renew is not None:
            raise RequestFailed(
                "reconnect_needed",
                f"{host} does not accept this sign-in any more. Reconnect to sign in again; everything stays as it is.",
            )
        if _is_rejected(answer):
            raise RequestFailed(
                "credential_rejected",
                f"{host} does not accept the token. It may be mistyped, expired or revoked: make a new one there, "
                "and put it in here.",
            )
        accept = outgoing.header("accept")
        wants_json = "json" in accept and "html" not in accept
        is_page = answer.headers.get("content-type", "").lower().startswith("text/html")
        if wants_json and is_page and not outgoing.as_blob and answer.status < 500:
            raise RequestFailed(
                "not_data",
                f"{host} answered with a web page instead of data. Check that it is the address of the service itself.",
            )

    def _renewed(self, outgoing: Outgoing) -> bool:
        """Get another credential for one that was refused at home, once an action; True if the request may go again.

        A request that was refused with 401 was not acted on, so it may be repeated whatever its method.
        """
        is_at_home = outgoing.target.host == self._access.home and not outgoing.has_left_home
        if self._access.renew is None or len(self._credentials) > 1 or not is_at_home:
            return False
        try:
            self._credentials.append(self._access.renew(self._credentials[-1]))
        except ExternalError as error:
            raise RequestFailed(
                error.code, str(error), retryable=error.retryable, retry_after_s=error.retry_after_s
            ) from error
        self._all_masked = None
        return True

    # --- Pace ----------------------------------------------------------------------------------------------

    @contextmanager
    def _turn(self, outgoing: Outgoing, deadline: float) -> Iterator[None]:
        """Wait for this connection's turn; writes to a host come one at a time."""
        host = outgoing.target.host
        if time.monotonic() >= deadline:
            raise RequestFailed("timeout", f"There was no time left to ask {host}.", retryable=True)
        slot = self._pace.take(host, patience_s=self._patience_s(deadline))
        if not slot.is_taken:
            raise _too_many(host, slot.wait_s)
        if slot.wait_s > 0:
            self._hold(slot.wait_s, host, deadline)
        gap_s = self._access.gap_between_writes_s(host)
        if outgoing.is_reading or gap_s is None:
            yield
            return
        slot = self._begin_write(outgoing, deadline)
        try:
            yield
        finally:
            self._pace.end_write(host, slot, gap_s)

    def _begin_write(self, outgoing: Outgoing, deadline: float) -> Slot:
        host = outgoing.target.host
        while True:
            # A worker that is lost in the middle holds the others up no longer than its exchange could have taken.
            slot = self._pace.begin_write(host, min(self._time_s(outgoing), deadline - time.monotonic()) + 1.0)
            if slot.is_taken:
                return slot
            self._hold(slot.wait_s, host, deadline)

    def _hold(self, seconds: float, host: str, deadline: float) -> None:
        """Wait as long as there is patience for; beyond that, say when to come back."""
        if not self._has_patience(seconds, deadline):
            raise _too_many(host, seconds)
        self._waited_s += seconds
        self._wait(seconds)

    def _has_patience(self, seconds: float, deadline: float) -> bool:
        return seconds <= self._patience_s(deadline)

    def _patience_s(self, deadline: float) -> float:
        return min(self._settings.MAX_WAIT_S - self._waited_s, deadline - time.monotonic())

    # --- Record --------------------------------------------------------------------------------------------

    def _note(self, outgoing: Outgoing, **more: Any) -> None:
        mask = self._mask()
        path = mask.text(outgoing.target.shown_path)
        self.notes.append(
            replace(
                _UNSENT,
                method=outgoing.method,
                host=outgoing.target.host,
                path=path,
                shape=path if outgoing.target.is_secret else path_shape(path),
                **more,
            )
        )

    def _note_unsent(self, params: dict[str, Any], error: RequestFailed) -> None:
        """Put what could not even be read on record: what of its address is plain, and never more."""
        method, url = params.get("method", "GET"), params.get("url")
        known = method.upper() if isinstance(method, str) and method.upper() in METHODS else "?"
        host, path = "", "(unreadable)"
        if url == FEED:
            path = FEED_SHOWN
        else:
            try:
                target = self._read({"url": url}).target
                host, path = target.host, self._mask().text(target.shown_path)
            except RequestFailed:
                pass  # the note says so: its path reads (unreadable)
        shape = path_shape(path) if host else path
        self.notes.append(replace(_UNSENT, method=known, host=host, path=path, shape=shape, error_code=error.code))


_UNSENT = CallNote("", "", "", None, "", 0, 0, False)


def _is_rejected(answer: Answer) -> bool:
    """Tell whether the credential was refused. Canvas answers 401 without the header where one may not see a thing."""
    return answer.status == 401 and "www-authenticate" in answer.headers


def _too_many(host: str, seconds: float) -> RequestFailed:
    return RequestFailed(
        "too_many_requests",
        f"{host} is asked too often just now; it can be tried again in {max(1, round(seconds))} s.",
        retryable=True,
        retry_after_s=seconds,
    )


def _text(body: bytes, content_type: str) -> str:
    charset = content_type.partition("charset=")[2].split(";")[0].strip(" \"'") or "utf-8"
    try:
        return body.decode(charset, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
