"""The host's side of the talk with one plugin child: JSON-RPC 2.0, one message a line, nothing trusted.

Everything that arrives was written by someone else: its size is checked before it is parsed, its shape before
it is used, and whatever breaks the rules ends the conversation with one clear error.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from coreengine.kernel.outbound.errors import RequestFailed
from plugins.contract import DEFAULT_LIMITS, Limits
from plugins.errors import PluginFailed, PluginTimedOut
from plugins.sandbox.base import Child

INVALID_PARAMS, METHOD_NOT_FOUND, HOST_ERROR = -32602, -32601, -32000
_CALL_ID = 1


class PluginRefused(Exception):
    """The plugin answered the call with an error of its own; a proper answer, not a broken rule."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "plugin_error",
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Progress:
    """How far the plugin says it is."""

    done: float = 0
    total: float | None = None
    message: str = ""


Serve = Callable[[dict[str, Any], float], dict[str, Any]]


class Conversation:
    """One call to one child. `serve` performs an `http.request`: (params, deadline) -> result.

    `methods` are further words that the plugin may say, by name.
    """

    def __init__(
        self,
        child: Child,
        *,
        serve: Serve,
        methods: Mapping[str, Serve] | None = None,
        on_log: Callable[[str, str], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._child = child
        self._methods = {**(methods or {}), "http.request": serve}
        self._http_count = 0
        self._on_log = on_log or (lambda level, message: None)
        self._on_progress = on_progress or (lambda progress: None)
        self._limits = limits
        self._outgoing = bytearray()
        self._line = bytearray()
        self._seen_ids: set[str | int] = set()
        self._message_count = 0
        self._output_bytes = 0
        self._log_bytes = 0
        self._log_lines = 0
        self._log_heard = 0
        self._log_tail = bytearray()

    def call(
        self, method: str, params: dict[str, Any], *, timeout_s: float, first: Callable[[], object] | None = None
    ) -> Any:
        """Ask the plugin for one thing and return its result.

        `first` is called, and over, before anything that the plugin says is looked at; within a second in any case.

        Raises:
            PluginRefused: it answered with an error.
            PluginTimedOut: it did not answer in time.
            PluginFailed: it crashed, or broke the protocol or a limit.
        """
        deadline = time.monotonic() + timeout_s
        self._send({"jsonrpc": "2.0", "id": _CALL_ID, "method": method, "params": params})
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self._drain_log()
                raise PluginTimedOut(f"The plugin did not answer within {timeout_s:g} s.")
            is_asked = not self._outgoing
            chunks = self._child.pump(self._outgoing, min(left, 1.0))
            if first is not None and (chunks or is_asked):
                first()
                first = None
            for chunk in chunks:
                if chunk.stream == "log":
                    self._take_log(chunk.data)
                    continue
                if not chunk.data:
                    raise self._ended()
                self._output_bytes += len(chunk.data)
                if self._output_bytes > self._limits.output_bytes:
                    raise PluginFailed(
                        f"The plugin wrote more than {self._limits.output_bytes // 2**20} MiB and was stopped.",
                        retryable=False,
                        code="plugin_flooded",
                    )
                done, result = self._take_output(chunk.data, deadline)
                if done:
                    return result

    # --- What arrives --------------------------------------------------------------------------------------

    def _take_output(self, data: bytes, deadline: float) -> tuple[bool, Any]:
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._extend_line(data[start:end])
            line, self._line = bytes(self._line), bytearray()
            start = end + 1
            if line.strip():
                done, result = self._take_message(line, deadline)
                if done:
                    return True, result
        self._extend_line(data[start:])
        return False, None

    def _extend_line(self, data: bytes) -> None:
        if len(self._line) + len(data) > self._limits.line_bytes:
            raise PluginFailed(
                f"The plugin sent a message larger than {self._limits.line_bytes // 2**20} MiB and was stopped.",
                retryable=False,
                code="message_too_large",
            )
        self._line += data

    def _take_message(self, line: bytes, deadline: float) -> tuple[bool, Any]:
        self._message_count += 1
        if self._message_count > self._limits.message_count:
            raise PluginFailed(
                f"The plugin sent more than {self._limits.message_count} messages and was stopped.",
                retryable=False,
                code="plugin_flooded",
            )
        message = self._parse(line)
        if "method" in message:
            self._take_request(message, deadline)
            return False, None
        return True, self._take_answer(message)

    def _parse(self, line: bytes) -> dict[str, Any]:
        # A value of three bytes takes a hundred once it is an object, so what is too many is not even read.
        if sum(map(line.count, (b",", b"[", b"{"))) > self._limits.value_count:
            raise PluginFailed(
                f"The plugin sent a message of more than {self._limits.value_count:,} values and was stopped.",
                retryable=False,
                code="message_too_large",
            )
        try:
            message = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise _protocol(f"sent a line that is not JSON ({_short(line)})") from error
        if isinstance(message, list):
            raise _protocol("sent a batch, which this protocol does not have")
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise _protocol(f"sent a line that is not JSON-RPC 2.0 ({_short(line)})")
        try:
            return storable(message, self._limits.nesting)
        except RecursionError as error:
            raise _protocol(f"sent a message nested deeper than {self._limits.nesting} levels") from error

    def _take_answer(self, message: dict[str, Any]) -> Any:
        identifier = message.get("id")
        if identifier != _CALL_ID or isinstance(identifier, bool):
            raise _protocol(f"answered a call that was not made (id {_short(str(identifier).encode())})")
        if ("result" in message) == ("error" in message):
            raise _protocol("sent an answer that must have either a result or an error")
        if "result" in message:
            return message["result"]
        raise _refusal(message["error"])

    def _take_request(self, message: dict[str, Any], deadline: float) -> None:
        method, params, identifier = message["method"], message.get("params", {}), message.get("id")
        if not isinstance(method, str) or not isinstance(params, dict):
            raise _protocol("sent a request whose method or params have the wrong type")
        if "id" not in message:
            self._take_notification(method, params)
            return
        if not isinstance(identifier, str | int) or isinstance(identifier, bool) or len(str(identifier)) > 100:
            raise _protocol("sent a request whose id is neither a short text nor a number")
        if identifier in self._seen_ids:
            raise _protocol(f'used the request id "{identifier}" twice')
        self._seen_ids.add(identifier)
        serve = self._methods.get(method)
        if serve is None:
            self._answer_error(identifier, METHOD_NOT_FOUND, f'There is no method "{method[:60]}".', "unknown_method")
            return
        self._http_count += method == "http.request"
        if self._http_count > self._limits.request_count:
            raise PluginFailed(
                f"The plugin made more than {self._limits.request_count} requests in one action and was stopped.",
                retryable=False,
                code="plugin_flooded",
            )
        if len(self._outgoing) > self._limits.unread_bytes:
            raise PluginFailed(
                "The plugin does not read the answers that it asks for and was stopped.",
                retryable=False,
                code="plugin_flooded",
            )
        try:
            result = serve(params, deadline)
        except RequestFailed as error:
            self._answer_error(identifier, HOST_ERROR, str(error), error.code, error.retryable, error.retry_after_s)
            return
        line = _line({"jsonrpc": "2.0", "id": identifier, "result": result})
        if len(line) > self._limits.line_bytes:
            size = self._limits.line_bytes // 2**20
            self._answer_error(identifier, HOST_ERROR, f"The answer is larger than {size} MiB.", "too_large")
            return
        self._outgoing += line

    def _take_notification(self, method: str, params: dict[str, Any]) -> None:
        if method == "log":
            level = params.get("level")
            self._note(
                level if level in {"debug", "info", "warning", "error"} else "info",
                str(params.get("message")),
            )
        elif method == "progress":
            total = params.get("total")
            self._on_progress(
                Progress(
                    done=_number(params.get("done")),
                    total=None if total is None else _number(total),
                    message=plain(str(params.get("message", "")))[:200],
                )
            )
        # Any other notification is none of the host's business; it was counted.

    def _take_log(self, data: bytes) -> None:
        self._log_heard += len(data)
        if self._log_heard > self._limits.log_flood_bytes:
            raise PluginFailed(
                f"The plugin wrote more than {self._limits.log_flood_bytes // 2**20} MiB of log and was stopped.",
                retryable=False,
                code="plugin_flooded",
            )
        if self._log_lines >= self._limits.log_lines or self._log_bytes >= self._limits.log_bytes:
            self._log_tail.clear()
            return
        self._log_tail += data
        *lines, rest = bytes(self._log_tail).split(b"\n")
        self._log_tail = bytearray(rest[-4096:])
        for line in lines:
            self._note("stderr", line.decode("utf-8", "replace"))

    def _note(self, level: str, message: str) -> None:
        """Pass a log line on while the plugin has not used up its volume; the rest is dropped, not an error."""
        if self._log_lines >= self._limits.log_lines or self._log_bytes >= self._limits.log_bytes:
            return
        text = plain(message)[:2000]
        self._log_lines += 1
        self._log_bytes += len(text)
        self._on_log(level, text)

    # --- What is sent --------------------------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        self._outgoing += _line(message)

    def _answer_error(
        self,
        identifier: str | int,
        number: int,
        message: str,
        code: str,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        data = {"code": code, "retryable": retryable, "retry_after_s": retry_after_s}
        error = {"code": number, "message": message, "data": data}
        self._send({"jsonrpc": "2.0", "id": identifier, "error": error})

    def _ended(self) -> PluginFailed:
        self._drain_log()
        ending = self._child.ending() or "closed its output"
        partial = " in the middle of a message" if self._line else ""
        return PluginFailed(f"The plugin ended without an answer{partial} ({ending}).", code="plugin_exited")

    def _drain_log(self) -> None:
        for chunk in self._child.pump(bytearray(), 0):
            if chunk.stream == "log":
                self._take_log(chunk.data)
        tail = plain(bytes(self._log_tail).decode("utf-8", "replace")).strip()
        if tail:
            self._note("stderr", tail)


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    """Read a number; one such as 1e999 has no place in JSON that is stored or sent on."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _protocol(what: str) -> PluginFailed:
    return PluginFailed(f"The plugin {what}.", retryable=False, code="protocol_broken")


def _refusal(error: Any) -> Exception:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return _protocol("answered with an error that has no message")
    found = error.get("data")
    data: dict[str, Any] = found if isinstance(found, dict) else {}
    code, after = data.get("code"), data.get("retry_after_s")
    return PluginRefused(
        plain(error["message"])[:1000] or "The plugin gave no reason.",
        code=code[:60] if isinstance(code, str) and code.replace("_", "").isalnum() else "plugin_error",
        retryable=data.get("retryable") is True,
        retry_after_s=min(_number(after), 86_400.0) if isinstance(after, int | float) else None,
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        return max(0.0, float(value))
    except OverflowError:
        return 0.0


def _short(data: bytes) -> str:
    text = plain(data[:80].decode("utf-8", "replace"))
    return f"{text[:60]}…" if len(text) > 60 else text


def plain(text: str) -> str:
    """Replace what could steer a terminal or a reader's eye: control, bidirectional and lone surrogate characters."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == " " else "\N{REPLACEMENT CHARACTER}" for letter in text)


def storable(value: Any, depth: int) -> Any:
    """Return a JSON value that PostgreSQL and other readers can take: no NUL, no lone surrogates.

    What is changed is changed in place: a second copy of a large answer would be all that is gained otherwise.

    Raises:
        RecursionError: it is nested deeper than `depth`.
    """
    if isinstance(value, str):
        return _storable_text(value)
    if isinstance(value, dict | list):
        if depth <= 0:
            raise RecursionError
        if isinstance(value, list):
            for place, item in enumerate(value):
                value[place] = storable(item, depth - 1)
        else:
            for key, item in list(value.items()):
                name = _storable_text(key)
                if name != key:
                    del value[key]
                value[name] = storable(item, depth - 1)
    return value


def _storable_text(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text
