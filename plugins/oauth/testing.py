"""A small OAuth 2.0 provider on a real socket, for tests: what a service does, and what it may do wrong.

    with running_provider() as provider:
        code = provider.approve(authorization_url)          # what the student's browser does there
        provider.fault(token_status=500)                     # and what goes wrong

It checks the client, the exact return address, PKCE and single use of codes; it rotates refresh tokens if it is told
to, and then takes a second use of one for theft and ends the whole family. It has an account behind `/me`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

HOST = "id.service.example.com"


@dataclass
class Faults:
    """What goes wrong from now on. `token_status` with `token_error` answers for the token endpoint."""

    token_status: int = 0
    token_error: str = ""
    token_body: bytes = b""
    token_location: str = ""
    token_delay_s: float = 0.0
    revoke_status: int = 0
    deny: str = ""


@dataclass
class Grant:
    """What one student allowed once: every token of it stands and falls together."""

    account: str
    scope: str
    is_over: bool = False


@dataclass
class Provider:
    """The service. `rotates`: a refresh brings a new refresh token, and the old one is dead."""

    port: int = 0
    client_id: str = "core-engine-client"
    client_secret: str = "core-engine-canary-secret"
    redirect_uri: str = ""
    lifetime_s: int | None = 3600
    rotates: bool = False
    needs_pkce: bool = True
    account: str = "student-1"
    faults: Faults = field(default_factory=Faults)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    access: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    used_refresh: dict[str, Grant] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def fault(self, **switches: Any) -> None:
        """Switch faults on."""
        for name, value in switches.items():
            setattr(self.faults, name, value)

    def count(self, path: str) -> int:
        """Return how often a path was asked."""
        return sum(1 for _, asked, _, _ in self.asked if asked.split("?")[0] == path)

    def approve(self, authorization_url: str) -> dict[str, str]:
        """Do what a student does who says yes; return the query that leads back."""
        query = {name: values[-1] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        return self.answer_to(query)

    def answer_to(self, query: dict[str, str]) -> dict[str, str]:
        """Return what the authorization endpoint sends back with the student."""
        state = {"state": query["state"]} if "state" in query else {}
        if self.faults.deny:
            return {"error": self.faults.deny, "error_description": "<b>because</b>", **state}
        if query.get("client_id") != self.client_id or query.get("response_type") != "code":
            return {"error": "invalid_request", **state}
        if self.needs_pkce and query.get("code_challenge_method") != "S256":
            return {"error": "invalid_request", **state}
        code = f"code-canary-{secrets.token_urlsafe(16)}"
        self.codes[code] = {**query, "account": self.account}
        return {"code": code, **state}

    def expire(self) -> None:
        """End every access token; refresh tokens stay."""
        self.access.clear()

    def token_endpoint(self, form: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a form of the token endpoint."""
        if not self._is_client(form, headers):
            return 401, {"error": "invalid_client"}
        with self.lock:
            if form.get("grant_type") == "authorization_code":
                return self._exchange(form)
            if form.get("grant_type") == "refresh_token":
                return self._refresh(form)
        return 400, {"error": "unsupported_grant_type"}

    def _is_client(self, form: dict[str, str], headers: dict[str, str]) -> bool:
        given = form.get("client_id", ""), form.get("client_secret", "")
        proof = headers.get("authorization", "")
        if proof.startswith("Basic "):
            name, _, secret = base64.b64decode(proof[6:]).decode().partition(":")
            given = unquote(name), unquote(secret)
        return given == (self.client_id, self.client_secret)

    def _exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked.get("redirect_uri") != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        if challenge := asked.get("code_challenge"):
            made = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(made).rstrip(b"=").decode() != challenge:
                return 400, {"error": "invalid_grant"}
        return 200, self._give(Grant(asked["account"], asked.get("scope", "")), with_refresh=True)

    def _refresh(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        token = form.get("refresh_token", "")
        if token in self.used_refresh:
            self.used_refresh[token].is_over = True  # somebody has a copy: the family ends
            return 400, {"error": "invalid_grant"}
        grant = self.refresh.get(token)
        if grant is None or grant.is_over:
            return 400, {"error": "invalid_grant"}
        if self.rotates:
            self.used_refresh[token] = self.refresh.pop(token)
        return 200, self._give(grant, with_refresh=self.rotates)

    def _give(self, grant: Grant, *, with_refresh: bool) -> dict[str, Any]:
        token = f"access-canary-{secrets.token_urlsafe(16)}"
        self.access[token] = (grant, time.time() + (self.lifetime_s or 10**9))
        answer: dict[str, Any] = {"access_token": token, "token_type": "bearer", "scope": grant.scope}
        if self.lifetime_s is not None:
            answer["expires_in"] = self.lifetime_s
            if with_refresh:
                answer["refresh_token"] = f"refresh-canary-{secrets.token_urlsafe(16)}"
                self.refresh[answer["refresh_token"]] = grant
        return answer

    def holder(self, token: str) -> str:
        """Return whose access token it is, "" for nobody's."""
        grant, ends = self.access.get(token, (None, 0.0))
        return grant.account if grant is not None and not grant.is_over and ends > time.time() else ""

    def revoke(self, token: str) -> bool:
        """End the grant of a token; False where it is not known."""
        grant = self.refresh.get(token) or self.access.get(token, (None, 0))[0]
        if grant is None:
            return False
        grant.is_over = True
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: Provider

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.provider.asked.append((self.command, self.path, headers, body))
        form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        path = urlsplit(self.path).path
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        match self.command, path:
            case "GET", "/authorize":
                self._authorize()
            case "POST", "/token":
                self._token(form, headers)
            case "GET", "/me":
                self._me(bearer)
            case "POST", "/revoke":
                self._revoke(self.provider._is_client(form, headers), form.get("token", ""))
            case "DELETE", "/token":
                self._revoke(bool(self.provider.holder(bearer)), bearer)
            case "DELETE", path if path.startswith("/applications/"):
                self._revoke(self.provider._is_client({}, headers), json.loads(body or b"{}").get("access_token", ""))
            case _:
                self._send(404, {"message": "Not Found"})

    do_GET = do_POST = do_DELETE = _serve

    def _authorize(self) -> None:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        target = query.get("redirect_uri", "")
        if "answer" in query:
            answer = self.provider.answer_to(query) if query["answer"] == "allow" else {"error": "access_denied"}
            back = {"state": query.get("state", ""), **answer}
            self._send(303, {}, location=f"{target}?{urlencode(back)}")
            return
        links = "".join(
            f'<p><a id="{word}" href="/authorize?{urlencode({**query, "answer": word})}">{word}</a></p>'.replace(
                "&", "&amp;"
            )
            for word in ("allow", "deny")
        )
        self._send(200, f"<!doctype html><title>Allow?</title><h1>Allow Core Engine?</h1>{links}".encode())

    def _token(self, form: dict[str, str], headers: dict[str, str]) -> None:
        faults = self.provider.faults
        if faults.token_delay_s:
            time.sleep(faults.token_delay_s)
        if faults.token_location:
            self._send(307, {}, location=faults.token_location)
        elif faults.token_body:
            self._send(faults.token_status or 200, faults.token_body)
        elif faults.token_status or faults.token_error:
            self._send(faults.token_status or 400, {"error": faults.token_error} if faults.token_error else {})
        else:
            self._send(*self.provider.token_endpoint(form, headers))

    def _me(self, token: str) -> None:
        account = self.provider.holder(token)
        if account:
            self._send(200, {"id": account, "name": f"Student {account}"})
        else:
            self._send(401, {"message": "bad token"}, **{"WWW-Authenticate": 'Bearer error="invalid_token"'})

    def _revoke(self, is_allowed: bool, token: str) -> None:
        status = self.provider.faults.revoke_status
        if status or not is_allowed:
            self._send(status or 401, {"error": "invalid_client"})
        else:
            self.provider.revoke(token)
            self._send(200, {})

    def _send(self, status: int, content: Any, location: str = "", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "text/html" if body.startswith(b"<") else "application/json"
        more = {"Location": location} if location else {}
        try:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running_provider(**options: Any) -> Iterator[Provider]:
    """Serve a provider on a free port until the end of the block."""
    provider = Provider(**options)
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    provider.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
