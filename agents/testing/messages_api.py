"""A real HTTP server that speaks as much of the Messages API as the product uses. For tests and development.

    with MessagesApi() as api:
        api.answers("Hello", " there")
        ... base_url=api.url, api_key=api.key ...
        assert api.requests[0].body["model"] == "claude-haiku-5-5"

Answers are scripts, used up one a request; the last one stays.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Event = tuple[str, dict[str, Any]]

_NO_TEMPERATURE_MESSAGE = "temperature is not supported by this model"


@dataclass(frozen=True)
class SeenRequest:
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Script:
    """What one request gets. `cut_after` closes the connection after so many events of the stream."""

    status: int = 200
    error_type: str = ""
    message: str = ""
    error_code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[Event] = ()
    cut_after: int | None = None
    pause_s: float = 0.0
    hang_after: int | None = None


def answer_events(
    *texts: str,
    input_tokens: int = 25,
    output_tokens: int = 12,
    stop_reason: str = "end_turn",
    cache_read: int = 0,
    cache_write: int = 0,
    thinking: str = "",
    model: str = "claude-haiku-5-5",
) -> list[Event]:
    """The events of a whole streamed answer; `message_delta` comes twice, with cumulative usage."""
    start_usage = {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": cache_write,
        "cache_read_input_tokens": cache_read,
        "output_tokens": 1,
        "service_tier": "standard",
    }
    message: dict[str, Any] = {
        "id": "msg_double_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": start_usage,
    }
    events: list[Event] = [("message_start", {"type": "message_start", "message": message})]
    index = 0
    if thinking:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        events += [
            _event("content_block_start", index=index, content_block=block),
            _event("content_block_delta", index=index, delta={"type": "thinking_delta", "thinking": thinking}),
            _event("content_block_delta", index=index, delta={"type": "signature_delta", "signature": "c2ln"}),
            _event("content_block_stop", index=index),
        ]
        index += 1
    events += [
        _event("content_block_start", index=index, content_block={"type": "text", "text": ""}),
        ("ping", {"type": "ping"}),
        *(_event("content_block_delta", index=index, delta={"type": "text_delta", "text": text}) for text in texts),
        _event("content_block_stop", index=index),
        _event(
            "message_delta",
            delta={"stop_reason": None, "stop_sequence": None},
            usage={"output_tokens": max(1, output_tokens // 2)},
        ),
        _event(
            "message_delta",
            delta={"stop_reason": stop_reason, "stop_sequence": None},
            usage={
                "input_tokens": input_tokens,
                "cache_creation_input_tokens": cache_write,
                "cache_read_input_tokens": cache_read,
                "output_tokens": output_tokens,
            },
        ),
        ("message_stop", {"type": "message_stop"}),
    ]
    return events


def error_event(error_type: str = "overloaded_error", message: str = "Overloaded") -> Event:
    """The event by which a stream that began well reports a fault."""
    return "error", {"type": "error", "error": {"type": error_type, "message": message}}


def _event(name: str, **fields: Any) -> Event:
    return name, {"type": name, **fields}


class MessagesApi:
    """The server; `url` and `key` are what a client needs. Unknown keys get 401."""

    def __init__(self, key: str = "sk-ant-double-key") -> None:
        self.key = key
        self.requests: list[SeenRequest] = []
        self._scripts: list[Script] = [Script(events=answer_events("Hello", " there."))]
        self._lock = threading.Lock()
        self._released = threading.Event()
        api = self

        class Handler(_Handler):
            double = api

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answers(self, *texts: str, **options: Any) -> None:
        """From now on answer with these pieces of text; options as of `answer_events`."""
        self.plays(Script(events=answer_events(*texts, **options)))

    def fails(self, status: int, error_type: str, message: str = "", **options: Any) -> None:
        """From now on answer every request with an error."""
        self.plays(Script(status=status, error_type=error_type, message=message or error_type, **options))

    def plays(self, *scripts: Script) -> None:
        """Answer the next requests by these scripts in turn; the last one stays."""
        with self._lock:
            self._scripts = list(scripts)

    def release(self) -> None:
        """Let hanging streams go on to their end."""
        self._released.set()

    def wait_released(self, timeout_s: float = 30) -> None:
        self._released.wait(timeout_s)

    def take(self, request: SeenRequest) -> Script:
        with self._lock:
            self.requests.append(request)
            return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]

    @property
    def message_requests(self) -> list[SeenRequest]:
        return [request for request in self.requests if request.path == "/v1/messages"]


class _Handler(BaseHTTPRequestHandler):
    double: MessagesApi
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep test output clean."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.loads(raw or b"{}")
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.double.key:
            self._error(Script(status=401, error_type="authentication_error", message="invalid x-api-key"))
        elif path == "/v1/messages/count_tokens":
            text = json.dumps(body.get("messages", "")) + str(body.get("system", ""))
            self._json(200, {"input_tokens": len(text) // 4 + 1}, {})
        elif path != "/v1/messages":
            self._error(Script(status=404, error_type="not_found_error", message="Not found"))
        else:
            self._message(SeenRequest(path, headers, body))

    def _message(self, request: SeenRequest) -> None:
        script = self.double.take(request)
        body = request.body
        if "temperature" in body and request.headers.get("anthropic-version") != "2023-06-01":
            script = Script(status=400, error_type="invalid_request_error", message=_NO_TEMPERATURE_MESSAGE)
        if not body.get("max_tokens") or not body.get("messages") or not body.get("model"):
            script = Script(status=400, error_type="invalid_request_error", message="a field is missing")
        if script.status != 200:
            self._error(script)
        elif body.get("stream"):
            self._stream(script)
        else:
            self._json(200, _whole_message(script.events), {})

    def _stream(self, script: Script) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        for position, (name, data) in enumerate(script.events):
            if script.cut_after is not None and position >= script.cut_after:
                return
            if script.hang_after is not None and position == script.hang_after:
                self.double.wait_released()
            chunk = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
            try:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            except OSError:
                return
            if script.pause_s:
                time.sleep(script.pause_s)
        try:
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            return

    def _error(self, script: Script) -> None:
        error: dict[str, Any] = {"type": script.error_type, "message": script.message}
        if script.error_code:
            error["details"] = {"error_code": script.error_code}
        self._json(script.status, {"type": "error", "error": error, "request_id": "req_double"}, script.headers)

    def _json(self, status: int, value: dict[str, Any], headers: Mapping[str, str]) -> None:
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        for name, content in headers.items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(raw)


def _whole_message(events: Sequence[Event]) -> dict[str, Any]:
    """The answer that a stream of these events adds up to."""
    message: dict[str, Any] = {}
    text = ""
    for name, data in events:
        if name == "message_start":
            message = json.loads(json.dumps(data["message"]))
        elif name == "content_block_delta" and data["delta"]["type"] == "text_delta":
            text += data["delta"]["text"]
        elif name == "message_delta":
            message["usage"].update(data["usage"])
            message["stop_reason"] = data["delta"]["stop_reason"]
    message["content"] = [{"type": "text", "text": text}]
    return message
