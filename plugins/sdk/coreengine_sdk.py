"""The plugin side of Core Engine, in one file: Python 3.9 or newer, standard library only.

    from coreengine_sdk import Plugin, PluginError

    plugin = Plugin("canvas-integration")

    @plugin.action("get_courses")
    def get_courses(call):
        return list(call.paginate("/api/v1/courses", {"enrollment_state": "active"}))

    plugin.run()

A plugin has no network and sees no credential. What it wants from outside it asks of its host through
`call.http`; the host checks the address, adds the student's credential, waits where the service asks to slow
down, and hands back the answer. The two talk JSON-RPC 2.0, one message a line, over standard input and output.
Whatever the plugin prints goes to standard error, which is its log.
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
import time
import traceback
from urllib.parse import urljoin

TYPE_CHECKING = False  # type checkers take it for true; importing typing would cost every call some milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    _Function = Callable[["Call"], Any]

__version__ = "1.0.0"
__all__ = ["Call", "HttpError", "Plugin", "PluginError", "Response", "Storage"]

MAX_LINE_BYTES = 8 * 1024 * 1024
"""The longest message that either side accepts."""

IDLE_S = 300
"""A plugin that hears nothing for so long ends itself: its host is gone."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, FAILED = -32700, -32600, -32601, -32602, -32000


class PluginError(Exception):
    """What went wrong, in words for the student: name the thing and the next step.

    `code` is for programs (lower case, underscores). `retryable` says that the same call may succeed later,
    `retry_after_s` when.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class HttpError(PluginError):
    """The host could not, or would not, perform a request; the code is the host's: `host_not_allowed`,
    `private_address`, `unreachable`, `timeout`, `too_large`, `too_many_requests`, `credential_rejected`, …"""


class Response:
    """The answer to `call.http`: `status`, `headers` (lower-case names), and `text` or `blob`.

    A blob stays with the host; the plugin gets `{"blob": sha256, "size_bytes": n, "content_type": "…"}` and
    may hand that on in its own result. `from_cache` is true when the service said "not modified".
    """

    def __init__(self, url: str, result: dict[str, Any]) -> None:
        self.url = url
        self.status = result.get("status") or 0
        self.headers = {str(key).lower(): str(value) for key, value in (result.get("headers") or {}).items()}
        self.text = result.get("body") or ""
        self.blob = result.get("blob")
        self.from_cache = bool(result.get("from_cache"))

    @property
    def ok(self) -> bool:
        """True for a status from 200 to 299."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    @property
    def links(self) -> dict[str, str]:
        """The Link header as a dict from relation to absolute address or path."""
        found: dict[str, str] = {}
        for match in _LINK.finditer(self.headers.get("link", "")):
            rel = _REL.search(match.group(2))
            for name in (rel.group(1) or rel.group(2)).lower().split() if rel else ():
                found.setdefault(name, urljoin(self.url, match.group(1).strip()))
        return found

    def json(self) -> Any:
        """The body as JSON; numbers keep every digit.

        Raises:
            PluginError: `malformed_answer`, the body is not JSON.
        """
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            raise PluginError(
                "malformed_answer",
                "The service answered something that is not JSON. Try again later.",
                retryable=True,
            ) from None

    def expect_ok(self) -> Response:
        """This response again if its status is a success.

        Raises:
            PluginError: `credential_rejected`, `permission_denied`, `not_found`, `too_many_requests`,
                `unavailable` (retryable) or `refused`.
        """
        if self.ok:
            return self
        for statuses, code, message, retryable in _STATUS_ERRORS:
            if self.status in statuses:
                raise PluginError(code, message.format(self.status), retryable=retryable)
        raise PluginError("refused", f"The service refused the request with status {self.status}.")


_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,\"]+))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)
_STATUS_ERRORS = (
    ((401,), "credential_rejected", "The service did not accept the credential. Connect again.", False),
    ((403,), "permission_denied", "The service does not allow this with the given credential.", False),
    ((404, 410), "not_found", "The service has no such thing (any more).", False),
    ((429,), "too_many_requests", "The service asks to slow down. Try again in a minute.", True),
    (range(500, 600), "unavailable", "The service has a problem of its own (status {}). Try later.", True),
)


class Http:
    """Requests to the outside, performed by the host. An address is absolute (https) or a path on the
    connection's own host."""

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel

    def get(
        self,
        url: str,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        as_blob: bool = False,
    ) -> Response:
        """GET an address; `as_blob` leaves the body with the host and gives a reference to it."""
        return self.request("GET", url, query=query, headers=headers, as_blob=as_blob)

    def post(
        self,
        url: str,
        json: Any = None,
        body: str | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """POST JSON, or a text body."""
        return self.request("POST", url, query=query, headers=headers, json=json, body=body)

    def request(
        self,
        method: str,
        url: str,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        body: str | None = None,
        json: Any = None,
        as_blob: bool = False,
        body_blob: str | None = None,
        body_parts: list[dict[str, Any]] | None = None,
    ) -> Response:
        """Perform one request; an answer of any status is a Response.

        `query` is a dict; a list as value repeats its name. There is one body: a text (`body`), `json`, a file of
        the student (`body_blob`, its SHA-256), or several in one (`body_parts`: each `{"headers": {…}}` and one of
        `json`, `text` and `blob`, sent as multipart/related). In JSON that goes to the connection's own host, the
        texts `webhook-url:NAME` and `webhook-secret:NAME` are replaced by what they name; in answers, the other way.

        Raises:
            HttpError: there is no answer; `code` says why.
        """
        params = {"method": method, "url": url, "headers": headers or {}, "query": query or {}, "as_blob": as_blob}
        if json is not None:
            params["json"] = json
        elif body is not None:
            params["body"] = body
        elif body_blob is not None:
            params["body_blob"] = body_blob
        elif body_parts is not None:
            params["body_parts"] = body_parts
        result = self._channel.ask("http.request", params)
        if not isinstance(result, dict):
            raise HttpError("protocol_broken", "The host gave an answer that is not an object.")
        return Response(url, result)


class Storage:
    """What this connection's plugin keeps between calls, such as the cursor of the last sync.

    A value is JSON of at most 64 KiB, a key has at most 200 characters; 256 keys and 1 MiB in all. What a call
    changes counts once the call has succeeded; a call that fails has changed nothing.
    """

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel

    def get(self, key: str, default: Any = None) -> Any:
        """What was stored under a key, else the default."""
        value = (self._channel.ask("storage.get", {"key": key}) or {}).get("value")
        return default if value is None else value

    def set(self, key: str, value: Any) -> None:
        """Store a value; None deletes the key.

        Raises:
            HttpError: `storage_full`, `key_too_long` or `value_too_large`.
        """
        self._channel.ask("storage.set", {"key": key, "value": value})

    def delete(self, key: str) -> None:
        """Remove a key; harmless where there is none."""
        self._channel.ask("storage.delete", {"key": key})

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with a prefix, in order."""
        return list((self._channel.ask("storage.list", {"prefix": prefix}) or {}).get("keys") or [])


class Call:
    """One call of the host: what it asks, and what the plugin may use to answer.

    `action` (or the webhook's name), `params`, `config` (the connection's settings),
    `payload`, `headers` (those that the manifest keeps, names in lower case) and `event` of a webhook's delivery,
    `idempotency_key` (the same on every attempt of the same step), `authentication` (the `way` that the student chose
    and its `type`: oauth2, api_key, basic_auth or feed_url; never a secret), `http`, `storage`.
    """

    def __init__(
        self,
        channel: _Channel,
        *,
        action: str = "",
        params: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        payload: Any = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        self._channel = channel
        self.action = action
        self.params = params or {}
        self.config = config or {}
        self.payload: Any = {} if payload is None else payload
        self.headers: dict[str, str] = {}
        self.event = str((context or {}).get("event") or "")
        self.idempotency_key = str((context or {}).get("idempotency_key") or "")
        found = (context or {}).get("authentication")
        self.authentication: dict[str, str] = {"way": "", "type": "", **(found if isinstance(found, dict) else {})}
        self.http = Http(channel)
        self.storage = Storage(channel)

    def log(self, message: object, level: str = "info") -> None:
        """Write a line to the run's log; level is debug, info, warning or error."""
        self._channel.notify("log", {"level": level, "message": str(message)})

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the work is."""
        self._channel.notify("progress", {"done": done, "total": total, "message": message})

    def paginate(
        self,
        url: str,
        query: dict[str, Any] | None = None,
        *,
        limit: int | None = None,
        max_pages: int = 100,
        read: Callable[[Response], list[Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Iterator[Any]:
        """Yield the items of a list that comes in pages, following the `next` links of the Link header.

        The links are opaque: nothing is read from them, and a list is over when no `next` is given. `read`
        turns a Response into the page's list; by default the status must be a success and the body a JSON
        list. `limit` ends after so many items.

        Raises:
            PluginError: `paging_never_ends` if a page leads to one already seen, if two pages in a row are the
                same, or after `max_pages`; whatever `read` raises.
        """
        read = read or _read_list
        seen: set[str] = set()
        previous: list[Any] | None = None
        count = 0
        for _ in range(max_pages):
            seen.add(url)
            response = self.http.get(url, query=query, headers=headers)
            items = read(response)
            if items and items == previous and isinstance(items[0], dict):
                raise _endless(url)
            previous = items
            for item in items:
                yield item
                count += 1
                if limit is not None and count >= limit:
                    return
            following = response.links.get("next")
            if not following:
                return
            if following in seen:
                raise _endless(following)
            url, query = following, None  # the link has the query in it
        raise _endless(url)


def _endless(url: str) -> PluginError:
    where = url.split("?")[0]
    return PluginError("paging_never_ends", f"The list at {where} never ends: its pages lead round in a circle.")


def _read_list(response: Response) -> list[Any]:
    items = response.expect_ok().json()
    if not isinstance(items, list):
        raise PluginError("malformed_answer", "The service answered something other than a list. Try again later.")
    return items


class Plugin:
    """A plugin by its manifest's name, with a function for each thing it can do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._actions: dict[str, _Function] = {}
        self._webhooks: dict[str, _Function] = {}
        self._authenticate: _Function | None = None
        self._validate: _Function | None = None
        self._health: _Function | None = None

    def action(self, name: str) -> Callable[[_Function], _Function]:
        """The function that performs an endpoint of the manifest; it takes a Call and returns JSON data."""

        def register(function: _Function) -> _Function:
            self._actions[name] = function
            return function

        return register

    def webhook(self, name: str) -> Callable[[_Function], _Function]:
        """The function that handles a delivery of a webhook; `call.payload` holds what was sent.

        It returns `{"events": [{"type": "push", "data": {…}}], "sync": False}`, or nothing: events start workflows that
        wait for them, and `sync` asks for the sync of the connection.
        """

        def register(function: _Function) -> _Function:
            self._webhooks[name] = function
            return function

        return register

    def authenticate(self, function: _Function) -> _Function:
        """The function that finds out whose credential this is: it returns `{"id": …, "name": …}` or raises."""
        self._authenticate = function
        return function

    def validate(self, function: _Function) -> _Function:
        """The function that checks the settings beyond their schema: it returns `{field: message}`."""
        self._validate = function
        return function

    def health(self, function: _Function) -> _Function:
        """The function that looks whether the service answers: it returns a short text or raises."""
        self._health = function
        return function

    def run(self) -> None:
        """Serve the host until it closes the line, or says nothing for five minutes."""
        _Server(self, _Channel.take_over_stdio()).serve()


class _Gone(Exception):
    """The host closed the line, or has been silent for too long."""


class _Channel:
    """Messages to and from the host. The ids of our own requests are "p1", "p2", …"""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._buffer = bytearray()
        self._last_id = 0

    @classmethod
    def take_over_stdio(cls) -> _Channel:
        """Keep the protocol's output to ourselves: what the plugin prints goes to standard error from here on."""
        outgoing = os.dup(1)
        os.dup2(2, 1)
        return cls(0, outgoing)

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Ask the host for something and wait for the answer."""
        self._last_id += 1
        identifier = f"p{self._last_id}"
        self.send({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})
        while True:
            message = self.receive()
            if "method" in message:
                if "id" in message:
                    self.refuse(message["id"], FAILED, "The plugin is busy with another call.", "busy", retryable=True)
                continue
            if message.get("id") != identifier:
                _note(f"ignored an answer to {message.get('id')!r}, which was not asked")
                continue
            if "error" in message:
                raise _host_error(message["error"])
            return message.get("result")

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the host something that needs no answer."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def answer(self, identifier: str | int, result: Any) -> None:
        """Answer a request of the host."""
        self.send({"jsonrpc": "2.0", "id": identifier, "result": result})

    def refuse(
        self,
        identifier: str | int | None,
        number: int,
        message: str,
        code: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        """Answer a request of the host with an error."""
        data = {"code": code, "retryable": bool(retryable), "retry_after_s": retry_after_s}
        error = {"code": number, "message": message, "data": data}
        self.send({"jsonrpc": "2.0", "id": identifier, "error": error})

    def send(self, message: dict[str, Any]) -> None:
        """Write one message as one line.

        Raises:
            PluginError: `result_too_large` or `not_json`; nothing was written.
        """
        try:
            text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise PluginError("not_json", f"The plugin made something that is not JSON: {error}") from None
        line = text.encode("utf-8", "replace") + b"\n"
        if len(line) > MAX_LINE_BYTES:
            raise PluginError("result_too_large", f"The plugin's answer is larger than {MAX_LINE_BYTES // 2**20} MiB.")
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._outgoing, view) :]
        except OSError:
            raise _Gone from None

    def receive(self) -> dict[str, Any]:
        """The next message that is one; what is not is answered with an error, as JSON-RPC has it."""
        while True:
            line = self._read_line()
            try:
                message = json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError):
                self.refuse(None, PARSE_ERROR, "This line is not JSON.", "parse_error")
                continue
            if (
                isinstance(message, dict)
                and message.get("jsonrpc") == "2.0"
                and ("method" in message or "id" in message)
            ):
                return message
            self.refuse(None, INVALID_REQUEST, "This is not one JSON-RPC 2.0 message.", "invalid_request")

    def _read_line(self) -> bytes:
        """The next line that is not blank. One that is too long is skipped without keeping it in memory."""
        scanned, skipping = 0, False
        while True:
            end = self._buffer.find(b"\n", scanned)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                scanned = 0
                if skipping or len(line) > MAX_LINE_BYTES:
                    skipping = False
                    self.refuse(None, INVALID_REQUEST, "This message is too large.", "message_too_large")
                elif line.strip():
                    return line
                continue
            scanned = len(self._buffer)
            if skipping or scanned > MAX_LINE_BYTES:
                self._buffer.clear()
                scanned, skipping = 0, True
            self._buffer += self._read_chunk()

    def _read_chunk(self) -> bytes:
        deadline = time.monotonic() + IDLE_S
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._incoming], [], [], left)[0]:
                raise _Gone
            chunk = os.read(self._incoming, 65536)
            if not chunk:
                raise _Gone
            return chunk


class _Server:
    """Answers the host's calls, one at a time."""

    def __init__(self, plugin: Plugin, channel: _Channel) -> None:
        self._plugin, self._channel = plugin, channel
        self._methods = {
            "authenticate": self._authenticate,
            "validate_configuration": self._validate,
            "execute_action": self._execute,
            "get_health_status": self._health,
            "handle_webhook": self._webhook,
        }

    def serve(self) -> None:
        try:
            while True:
                self._handle(self._channel.receive())
        except (_Gone, KeyboardInterrupt):
            return

    def _handle(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            _note(f"ignored an answer to {message.get('id')!r}, which was not asked")
            return
        if "id" not in message:
            return  # a notification of the host; there is none that a plugin must know
        identifier, params = message["id"], message.get("params", {})
        if not isinstance(identifier, (str, int)) or isinstance(identifier, bool):
            self._channel.refuse(None, INVALID_REQUEST, "The id is neither text nor a number.", "invalid_request")
            return
        method = self._methods.get(message["method"]) if isinstance(message["method"], str) else None
        if method is None:
            self._channel.refuse(
                identifier, METHOD_NOT_FOUND, f"There is no method {message['method']!r}.", "unknown_method"
            )
            return
        if not isinstance(params, dict) or not isinstance(params.get("config", {}), dict):
            self._channel.refuse(identifier, INVALID_PARAMS, "params and config must be objects.", "invalid_params")
            return
        try:
            self._channel.answer(identifier, method(params))
        except PluginError as error:
            self._channel.refuse(
                identifier,
                FAILED,
                error.message,
                error.code,
                retryable=error.retryable,
                retry_after_s=error.retry_after_s,
            )
        except _Gone:
            raise
        except Exception as error:  # the plugin's own bug: the host gets a short word, the log the whole
            traceback.print_exc(file=sys.stderr)
            words = f"The plugin {self._plugin.name} failed: {type(error).__name__}: {error}"
            self._channel.refuse(identifier, FAILED, words[:500], "plugin_crashed")

    def _call(self, asked: dict[str, Any], **what: Any) -> Call:
        context = asked.get("context") or {}
        if not isinstance(context, dict):
            raise PluginError("invalid_params", "The context of a call must be an object.")
        return Call(self._channel, config=asked.get("config"), context=context, **what)

    def _authenticate(self, params: dict[str, Any]) -> dict[str, Any]:
        identity = {"id": "", "name": ""}
        if self._plugin._authenticate:
            identity = self._plugin._authenticate(self._call(params))
        return {"ok": True, "identity": identity}

    def _validate(self, params: dict[str, Any]) -> dict[str, Any]:
        errors: dict[str, str] = {}
        if self._plugin._validate:
            errors = self._plugin._validate(self._call(params)) or {}
        return {"ok": not errors, "errors": errors}

    def _execute(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params.get("action")
        function = self._plugin._actions.get(name) if isinstance(name, str) else None
        if function is None:
            known = ", ".join(sorted(self._plugin._actions))
            raise PluginError("unknown_action", f"There is no action {name!r}; known are {known}.")
        values = params.get("params") or {}
        if not isinstance(values, dict):
            raise PluginError("invalid_params", f"The parameters of {name} must be an object.")
        return {"data": function(self._call(params, action=str(name), params=values))}

    def _health(self, params: dict[str, Any]) -> dict[str, Any]:
        call = self._call(params)
        try:
            if self._plugin._health:
                detail = self._plugin._health(call) or ""
            elif self._plugin._authenticate:
                detail = f"Signed in as {self._plugin._authenticate(call).get('name', '')}."
            else:
                detail = ""
        except PluginError as error:
            return {"status": "unhealthy", "detail": error.message, "code": error.code}
        return {"status": "healthy", "detail": detail}

    def _webhook(self, params: dict[str, Any]) -> Any:
        name = params.get("name")
        function = self._plugin._webhooks.get(name) if isinstance(name, str) else None
        if function is None:
            known = ", ".join(sorted(self._plugin._webhooks)) or "none"
            raise PluginError("unknown_webhook", f"There is no webhook {name!r}; known are {known}.")
        call = self._call(params, action=str(name), payload=params.get("payload"))
        call.headers = {str(key).lower(): str(value) for key, value in (params.get("headers") or {}).items()}
        return function(call)


def _host_error(error: Any) -> HttpError:
    error = error if isinstance(error, dict) else {}
    data = error.get("data") if isinstance(error.get("data"), dict) else {}
    return HttpError(
        str(data.get("code") or "request_failed"),
        str(error.get("message") or "The host could not perform the request."),
        retryable=data.get("retryable") is True,
        retry_after_s=data.get("retry_after_s"),
    )


def _note(text: str) -> None:
    print(f"coreengine_sdk: {text}", file=sys.stderr, flush=True)
