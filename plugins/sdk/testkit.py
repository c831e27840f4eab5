"""Try a plugin without Core Engine: a small host that runs it as a child process.

    kit = PluginKit.for_folder("canvas", config={"canvas_domain": "canvas.example.edu"}, token="7301~…",
                               recording="courses.yaml")
    courses = kit.execute("get_courses", enrollment_state="active")

Every call gets a fresh process, as in Core Engine, which ends when its input does. Requests are answered from a
recording (see `recordings`), or performed with httpx: only to the hosts of `hosts`, with the student's token, and
waiting where a service asks to slow down. It confines nothing; it is for tests.
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
from django.conf import settings

from coreengine.kernel.outbound.address import read_address
from coreengine.kernel.outbound.errors import RequestFailed
from plugins.contract import DEFAULT_LIMITS
from plugins.errors import PluginFailed
from plugins.gateway.allowed import Allowed
from plugins.gateway.records import Access
from plugins.gateway.secrets import Mask, credential_header
from plugins.handled import checked_answer
from plugins.manifest import Manifest, parse_manifest
from plugins.registry import ENTRY_NAME, MANIFEST_NAME
from plugins.rules import answer_faults, check_configuration, check_params, payload_faults
from plugins.sdk.recordings import Recording, RecordTransport, ReplayTransport

if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
    settings.configure()  # a plugin's own tests, without Core Engine: reading a setting must not fail

SDK_FOLDER = Path(__file__).parent
BOUNDARY = "part-of-the-testkit"
FOLLOWED = (301, 302, 303, 307, 308)
MAX_BODY_BYTES = 5 * 2**20
"""The longest answer that Core Engine hands to a plugin; what is longer has to be asked for as a blob."""


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


class DoesNotFit(AssertionError):
    """The plugin, or what a test gives it, does not fit the manifest; the message names the place."""


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
    """A host for one plugin script and one connection.

    With a `manifest`, parameters get their defaults, and requests, answers and payloads are held to what it declares.
    With a `recording`, nothing leaves: requests are answered from the file, and one that is not in it fails the test.
    `record` (or COREENGINE_RECORD=1) asks the service itself instead and writes the file anew, without `token`,
    `secrets` and whatever else looks like a credential.
    """

    script: str | Path
    config: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    authentication: dict[str, str] = field(default_factory=lambda: {"way": "api_key", "type": "api_key"})
    """What a plugin is told of the way that the student chose."""
    feed: str = ""
    """The secret address that `feed:` stands for; it must be at one of `hosts`."""
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
    waits: list[float] = field(default_factory=list, init=False)
    """How long services asked to wait, in seconds. With a recording nobody does."""
    manifest: str | Path | Manifest | None = None
    recording: str | Path | None = None
    record: bool = field(default_factory=lambda: os.environ.get("COREENGINE_RECORD", "") not in ("", "0"))
    secrets: list[str] = field(default_factory=list)
    """What must not get into a recording, beside the token."""
    max_requests: int = DEFAULT_LIMITS.request_count

    def __post_init__(self) -> None:
        if isinstance(self.manifest, str | Path):
            self.manifest = parse_manifest(Path(self.manifest).read_bytes(), source=str(self.manifest))
        if self.declared is not None:
            self.config = check_configuration(self.declared, self.config)
        self.record = self.record and self.recording is not None
        if self.recording is not None:
            for host in [*(self.declared.hosts(self.config) if self.declared else ()), *self.tape.hosts]:
                self.hosts.setdefault(host, f"https://{host}")

    @classmethod
    def for_folder(cls, folder: str | Path, **fields: Any) -> PluginKit:
        """A kit for a plugin's folder, held to its manifest."""
        fields.setdefault("manifest", Path(folder) / MANIFEST_NAME)
        return cls(Path(folder) / ENTRY_NAME, **fields)

    @property
    def declared(self) -> Manifest | None:
        """The manifest, if the plugin is held to one."""
        return self.manifest if isinstance(self.manifest, Manifest) else None

    @property
    def home(self) -> str:
        """The host of relative paths, which alone is sent the token: the first, or what the settings say."""
        if self.declared is not None:
            return next(iter(self.declared.hosts(self.config)), "")
        return self.config.get("canvas_domain") or next(iter(self.hosts), "")

    @cached_property
    def tape(self) -> Recording:
        """What was recorded; empty where it is being recorded."""
        assert self.recording is not None
        path = Path(self.recording)
        return Recording(path=path) if self.record else Recording.read(path)

    @cached_property
    def mask(self) -> Mask:
        """What keeps secrets out of recordings."""
        return Mask(*({"token": secret} for secret in [self.token, *self.secrets] if secret))

    @cached_property
    def client(self) -> httpx.Client:
        """What performs the requests. Local addresses have no certificates; everything else is checked."""
        if self.recording is not None and not self.record:
            return httpx.Client(transport=ReplayTransport(self.tape, self.mask))
        is_local = not any(origin.startswith("https:") for origin in self.hosts.values())
        plain = httpx.HTTPTransport(verify=not is_local)
        transport = RecordTransport(self.tape, self.mask, plain) if self.record else plain
        return httpx.Client(timeout=self.timeout_s, transport=transport)

    def credential_header(self) -> tuple[str, str]:
        """The header that a service knows the student by, as the manifest says it."""
        way = self.declared.way(self.authentication["way"]) if self.declared else None
        field_name = "access_token" if way is not None and way.type == "oauth2" else "token"
        return credential_header(way, {field_name: self.token}) or ("Authorization", f"Bearer {self.token}")

    def assert_all_used(self) -> None:
        """Fail if a recorded request was never made."""
        unused = self.tape.unused()
        assert not unused, f"Recorded and never asked for: {', '.join(unused)}"

    def execute(self, action: str, /, **params: Any) -> Any:
        """Run an action and return its data.

        Raises:
            PluginAnsweredError: it answered with an error.
            PluginBroke: it did not answer.
            ValidationError: the parameters do not fit the manifest.
            DoesNotFit: the answer does not.
        """
        if self.declared is not None:
            params = check_params(self.declared, action, params)
        data = self.call("execute_action", {"action": action, "params": params, "config": self.config})["data"]
        if self.declared is not None and (faults := answer_faults(self.declared, action, data)):
            raise DoesNotFit(f"The answer to {action} does not fit the manifest: {'; '.join(faults)}")
        return data

    def authenticate(self) -> dict[str, Any]:
        """Whose token it is: {ok, identity}."""
        return self.call("authenticate", {"config": self.config})

    def validate(self) -> dict[str, Any]:
        """What is wrong with the settings: {ok, errors}."""
        return self.call("validate_configuration", {"config": self.config})

    def health(self) -> dict[str, Any]:
        """{status, detail}."""
        return self.call("get_health_status", {"config": self.config})

    def webhook(self, name: str, payload: Any, *, event: str = "", headers: dict[str, str] | None = None) -> Any:
        """Let the plugin handle a delivery; held to a manifest, payload and answer have to fit.

        Raises:
            PluginAnsweredError: it answered with an error.
            DoesNotFit: the payload, or the answer.
        """
        if self.declared is not None:
            if name not in self.declared.webhook_by_name:
                raise DoesNotFit(f"The manifest has no webhook {name}.")
            if faults := payload_faults(self.declared, name, payload):
                raise DoesNotFit(f"The payload of {name} does not fit the manifest: {'; '.join(faults)}")
        answer = self.call(
            "handle_webhook",
            {
                "name": name,
                "payload": payload,
                "headers": {key.lower(): value for key, value in (headers or {}).items()},
                "config": self.config,
                "context": {"idempotency_key": "testkit", "authentication": self.authentication, "event": event},
            },
        )
        if self.declared is None:
            return answer
        try:
            return checked_answer(answer)
        except PluginFailed as error:
            raise DoesNotFit(str(error)) from None

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
        self._request_count = 0
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
        self._request_count += 1
        if self._request_count > self._kit.max_requests:
            raise PluginBroke(f"The plugin made more than {self._kit.max_requests} requests in one action.")
        if url == "feed:":
            if not self._kit.feed:
                raise _HostRefuses("invalid_request", "This connection was not made with a feed's address.")
            url = self._kit.feed
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
        if len(response.content) > MAX_BODY_BYTES:
            raise _HostRefuses("too_large", f"{urlsplit(url).hostname} sent more than an answer may hold.")
        return {**result, "body": response.text}

    def _send(self, params: dict[str, Any], url: str) -> httpx.Response:
        parts = urlsplit(url)
        host = parts.hostname or ""
        self._check(params.get("method", "GET"), url)
        if parts.scheme != "https" or host not in self._kit.hosts:
            raise _HostRefuses("host_not_allowed", f"The plugin may not reach {host or url}.")
        origin = urlsplit(self._kit.hosts[host])
        target = parts._replace(scheme=origin.scheme, netloc=origin.netloc).geturl()
        headers = {**(params.get("headers") or {}), "Host": host, "User-Agent": "CoreEngine-Testkit"}
        if self._kit.token and host == self._kit.home:
            name, value = self._kit.credential_header()
            headers[name] = value
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
            self._kit.waits.append(wait)
            if attempt < self._kit.retries and (self._kit.recording is None or self._kit.record):
                time.sleep(wait)
        raise _HostRefuses("too_many_requests", f"{host} asks to slow down.", retryable=True, retry_after_s=wait)

    def _check(self, method: str, url: str) -> None:
        """Let a request leave only as the manifest says, where there is one."""
        if self._kit.declared is None:
            return
        access = Access(None, self._kit.declared, self._kit.config, {}, way=self._kit.authentication["way"])
        try:
            Allowed(access).check(method, read_address(url, home=access.home))
        except RequestFailed as error:
            raise _HostRefuses(error.code, str(error), error.retryable, error.retry_after_s) from None

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
