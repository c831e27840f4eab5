"""Try a plugin without Core Engine: a small host that runs it as a child process.

    kit = PluginKit("plugin.py", config={"canvas_domain": "demo.university.edu"}, token="7301~…",
                    hosts={"demo.university.edu": "http://127.0.0.1:8010"})
    courses = kit.execute("get_courses", enrollment_state="active")

Every call gets a fresh process, as in Core Engine, which ends when its input does. The kit performs the
plugin's requests with httpx: only to the hosts of `hosts`, with the token added as a bearer token, and waiting
where a service asks to slow down. It confines nothing; it is for tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

SDK_FOLDER = Path(__file__).parent
BOUNDARY = "part-of-the-testkit"
FOLLOWED = (301, 302, 303, 307, 308)


class PluginAnsweredError(Exception):
    """The plugin answered a call with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        data = error.get("data") or {}
        self.message: str = error.get("message", "")
        self.code: str = data.get("code", "")
        self.retryable: bool = bool(data.get("retryable"))
        self.retry_after_s: float | None = data.get("retry_after_s")
        super().__init__(f"{self.code}: {self.message}")


class PluginBroke(Exception):
    """The plugin ended, or fell silent, without an answer; the message has what it wrote to its log."""


class _HostRefuses(Exception):
    def __init__(self, code: str, message: str, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.data = {"code": code, "retryable": retryable, "retry_after_s": retry_after_s}


class _MemoryStorage:
    """The key-value store of one call, with the bounds of the real one."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def serve(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        key = params.get("key", "")
        if len(key) > 200:
            raise _HostRefuses("key_too_long", "A key has at most 200 characters.")
        if method == "storage.get":
            return {"value": self.values.get(key)}
        if method == "storage.list":
            return {"keys": sorted(name for name in self.values if name.startswith(params.get("prefix", "")))}
        if method == "storage.delete" or params.get("value") is None:
            self.values.pop(key, None)
            return {}
        values = {**self.values, key: params["value"]}
        if _json_bytes(params["value"]) > 64 * 1024:
            raise _HostRefuses("value_too_large", "A stored value has at most 64 KiB.")
        if len(values) > 256 or sum(len(name.encode()) + _json_bytes(each) for name, each in values.items()) > 2**20:
            raise _HostRefuses("storage_full", "A connection stores at most 256 keys and 1 MiB.")
        self.values = values
        return {}


def _json_bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@dataclass
class PluginKit:
    """A host for one plugin script and one connection."""

    script: str | Path
    config: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    authentication: dict[str, str] = field(default_factory=lambda: {"way": "api_key", "type": "api_key"})
    """What a plugin is told of the way that the student chose."""
    hosts: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 20.0
    retries: int = 3
    """How often a throttled request is repeated before the plugin is told."""

    requests: list[tuple[str, str, int]] = field(default_factory=list, init=False)
    """(method, path with query, status) of every request so far."""
    stored: dict[str, Any] = field(default_factory=dict)
    """What the plugin keeps between calls; a call that fails leaves it as it was."""
    logs: list[tuple[str, str]] = field(default_factory=list, init=False)
    progress: list[dict[str, Any]] = field(default_factory=list, init=False)
    blobs: dict[str, bytes] = field(default_factory=dict, init=False)
    stderr: str = field(default="", init=False)

    @property
    def home(self) -> str:
        """The host of relative paths, which alone is sent the token: the first, or what the settings say."""
        return self.config.get("canvas_domain") or next(iter(self.hosts), "")

    @cached_property
    def client(self) -> httpx.Client:
        """What performs the requests. It speaks to local addresses only, so it loads no certificates."""
        return httpx.Client(timeout=self.timeout_s, verify=False)  # noqa: S501

    def execute(self, action: str, /, **params: Any) -> Any:
        """Run an action and return its data.

        Raises:
            PluginAnsweredError: it answered with an error.
            PluginBroke: it did not answer.
        """
        return self.call("execute_action", {"action": action, "params": params, "config": self.config})["data"]

    def authenticate(self) -> dict[str, Any]:
        """Whose token it is: {ok, identity}."""
        return self.call("authenticate", {"config": self.config})

    def validate(self) -> dict[str, Any]:
        """What is wrong with the settings: {ok, errors}."""
        return self.call("validate_configuration", {"config": self.config})

    def health(self) -> dict[str, Any]:
        """{status, detail}."""
        return self.call("get_health_status", {"config": self.config})

    def webhook(self, name: str, payload: dict[str, Any]) -> Any:
        """Hand a webhook to the plugin."""
        return self.call("handle_webhook", {"name": name, "payload": payload, "config": self.config})

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Make one call in a process of its own."""
        params = {"context": {"idempotency_key": "testkit", "authentication": self.authentication}, **params}
        with self.start() as running:
            running.send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            answer = running.await_answer(1)
            self.stored = running.storage.values
            return answer

    def start(self) -> RunningPlugin:
        """The plugin's process, for tests that talk to it line by line."""
        return RunningPlugin(self)


class RunningPlugin:
    """One child process of a kit; a context manager that ends it."""

    def __init__(self, kit: PluginKit) -> None:
        self._kit = kit
        self.storage = _MemoryStorage(dict(kit.stored))
        path = os.pathsep.join([str(SDK_FOLDER), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            # Without site-packages: a plugin has the standard library and the SDK, nothing else.
            [sys.executable, "-S", str(kit.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._log: list[bytes] = []
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        # A plugin that never answers must not hold the test up: its end wakes the reader below.
        self._alarm = threading.Timer(kit.timeout_s, self.process.kill)
        self._alarm.daemon = True
        self._alarm.start()

    def __enter__(self) -> RunningPlugin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> int:
        """Close the plugin's input, wait for its end, and return its exit status."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it ended before us; its status says how
        status = self.process.wait()
        self._alarm.cancel()
        self._reader.join()
        self.process.stdout.close()
        self._kit.stderr = b"".join(self._log).decode("utf-8", "replace")
        return status

    def send(self, message: Any) -> None:
        """Write one message as one line."""
        self.send_raw(json.dumps(message).encode() + b"\n")

    def send_raw(self, data: bytes) -> None:
        """Write bytes as they are."""
        assert self.process.stdin
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._broke() from None

    def receive(self) -> dict[str, Any]:
        """The plugin's next message, whatever it is."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise self._broke()
        return json.loads(line)

    def await_answer(self, identifier: int) -> Any:
        """Serve the plugin's requests until it answers the call of this id."""
        while True:
            message = self.receive()
            if "method" in message:
                self._serve(message)
            elif message.get("id") == identifier:
                if "error" in message:
                    raise PluginAnsweredError(message["error"])
                return message["result"]

    def _broke(self) -> PluginBroke:
        status = self.close()
        return PluginBroke(f"The plugin ended without an answer (exit {status}).\n{self._kit.stderr}")

    def _read_log(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self._log.append(line)
        self.process.stderr.close()

    def _serve(self, message: dict[str, Any]) -> None:
        params = message.get("params") or {}
        if message["method"] == "log":
            self._kit.logs.append((params["level"], params["message"]))
        elif message["method"] == "progress":
            self._kit.progress.append(params)
        elif message["method"] == "http.request" or message["method"].startswith("storage."):
            try:
                if message["method"] == "http.request":
                    answer = {"result": self._request(params)}
                else:
                    answer = {"result": self.storage.serve(message["method"], params)}
            except _HostRefuses as refusal:
                answer = {"error": {"code": -32000, "message": str(refusal), "data": refusal.data}}
            self.send({"jsonrpc": "2.0", "id": message["id"], **answer})
        else:
            error = {"code": -32601, "message": f"There is no method {message['method']}."}
            self.send({"jsonrpc": "2.0", "id": message["id"], "error": error})

    def _request(self, params: dict[str, Any]) -> dict[str, Any]:
        url = params["url"]
        if url.startswith("/"):
            url = f"https://{self._kit.home}{url}"
        response = self._send(params, url)
        for _ in range(5):
            if response.status_code not in FOLLOWED or "location" not in response.headers:
                break
            url = urljoin(url, response.headers["location"])
            method = params.get("method", "GET")
            if response.status_code not in (307, 308) and method != "HEAD":
                method = "GET"
            response = self._send({**params, "method": method, "query": {}}, url)
        result: dict[str, Any] = {
            "status": response.status_code,
            "headers": {key.lower(): value for key, value in response.headers.items()},
            "from_cache": False,
        }
        if params.get("as_blob") and response.status_code == 200:
            digest = hashlib.sha256(response.content).hexdigest()
            self._kit.blobs[digest] = response.content
            content_type = response.headers.get("content-type", "")
            return {
                **result,
                "blob": {"blob": digest, "size_bytes": len(response.content), "content_type": content_type},
            }
        return {**result, "body": response.text}

    def _send(self, params: dict[str, Any], url: str) -> httpx.Response:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" or host not in self._kit.hosts:
            raise _HostRefuses("host_not_allowed", f"The plugin may not reach {host or url}.")
        origin = urlsplit(self._kit.hosts[host])
        target = parts._replace(scheme=origin.scheme, netloc=origin.netloc).geturl()
        headers = {**(params.get("headers") or {}), "Host": host, "User-Agent": "CoreEngine-Testkit"}
        if self._kit.token and host == self._kit.home:
            headers["Authorization"] = f"Bearer {self._kit.token}"
        query: list[tuple[str, str | int | float | bool | None]] = [
            (name, str(value))
            for name, values in (params.get("query") or {}).items()
            for value in (values if isinstance(values, list) else [values])
        ]
        if query:
            target = (
                str(httpx.URL(target).copy_merge_params(query))
                if "?" in target
                else str(httpx.URL(target, params=query))
            )
        content = params.get("body")
        if params.get("body_blob") is not None:
            content = self._blob(params["body_blob"])
        elif params.get("body_parts") is not None:
            content = self._parts(params["body_parts"])
            headers.setdefault("content-type", f"multipart/related; boundary={BOUNDARY}")
        for attempt in range(self._kit.retries + 1):
            try:
                response = self._kit.client.request(
                    params.get("method", "GET"),
                    target,
                    headers=headers,
                    content=content,
                    json=params.get("json"),
                )
            except httpx.TimeoutException:
                raise _HostRefuses("timeout", f"{host} did not answer in time.", retryable=True) from None
            except httpx.TransportError:
                raise _HostRefuses("unreachable", f"{host} cannot be reached.", retryable=True) from None
            shown = f"{response.url.raw_path.decode()}"
            self._kit.requests.append((params.get("method", "GET"), shown, response.status_code))
            throttled = response.status_code == 429 or (
                response.status_code == 403 and "Rate Limit Exceeded" in response.text
            )
            if not throttled:
                return response
            wait = float(response.headers.get("retry-after") or 0.05)
            if attempt < self._kit.retries:
                time.sleep(wait)
        raise _HostRefuses("too_many_requests", f"{host} asks to slow down.", retryable=True, retry_after_s=wait)

    def _blob(self, digest: str) -> bytes:
        if digest not in self._kit.blobs:
            raise _HostRefuses("blob_unknown", "There is no such file among those that this connection may send.")
        return self._kit.blobs[digest]

    def _parts(self, parts: list[dict[str, Any]]) -> bytes:
        found = b""
        for part in parts:
            if "blob" in part:
                content, kind = self._blob(part["blob"]), "application/octet-stream"
            elif "json" in part:
                content, kind = json.dumps(part["json"]).encode(), "application/json; charset=UTF-8"
            else:
                content, kind = part["text"].encode(), "text/plain; charset=UTF-8"
            headers = {"content-type": kind, **{name.lower(): each for name, each in part.get("headers", {}).items()}}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            found += f"--{BOUNDARY}\r\n{head}\r\n".encode() + content + b"\r\n"
        return found + f"--{BOUNDARY}--\r\n".encode()
