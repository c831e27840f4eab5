"""Signing in through an OAuth app: a page that asks, a code, and tokens as a form or as JSON."""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .answers import Answer, Asked, data, error
from .store import Token

if TYPE_CHECKING:
    from .hub import Hub

CODE_LIVES_S = 600


@dataclass
class App:
    """An OAuth app. `token_lives_s` 0: its tokens do not expire, as with plain OAuth apps."""

    client_id: str
    client_secret: str
    redirect_uri: str = ""
    token_lives_s: int = 0


@dataclass
class Code:
    app: App
    login: str
    scopes: str
    redirect_uri: str
    challenge: str
    until: float


def authorize(hub: Hub, asked: Asked) -> Answer:
    """GET shows what the app wants; POST, the student's yes or no, sends back to the app."""
    query = asked.query
    app = hub.apps.get(query.get("client_id", ""))
    if app is None:
        return error(404, "Not Found")
    back = query.get("redirect_uri") or app.redirect_uri
    if app.redirect_uri and not back.startswith(app.redirect_uri):
        return redirect(app.redirect_uri, error="redirect_uri_mismatch", state=query.get("state", ""))
    if asked.method == "GET":
        return page(hub, asked)
    if asked.form().get("answer") != "yes":
        return redirect(back, error="access_denied", state=query.get("state", ""))
    code = secrets.token_hex(10)
    hub.codes[code] = Code(
        app,
        hub.signed_in,
        query.get("scope", ""),
        back,
        query.get("code_challenge", ""),
        time.monotonic() + CODE_LIVES_S,
    )
    return redirect(back, code=code, state=query.get("state", ""))


def page(hub: Hub, asked: Asked) -> Answer:
    wants = html.escape(asked.query.get("scope", "") or "public information")
    body = (
        "<!doctype html><html lang=en><title>Authorise</title><meta name=viewport content='width=device-width'>"
        f"<main><h1>Authorise Core Engine</h1><p>It wants: {wants}. You are {html.escape(hub.signed_in)}.</p>"
        "<form method=post><button name=answer value=yes>Authorise</button> "
        "<button name=answer value=no>Cancel</button></form></main>"
    )
    return Answer(200, body.encode(), {"Content-Type": "text/html; charset=utf-8"})


def redirect(address: str, **query: str) -> Answer:
    return Answer(302, b"", {"Location": f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"})


def access_token(hub: Hub, asked: Asked) -> Answer:
    """Give a token for a code or a refresh token. Errors are answered with status 200, as GitHub does."""
    is_json = "json" in asked.headers.get("content-type", "")
    given: dict[str, Any] = asked.json() if is_json else {**asked.query, **asked.form()}
    app = hub.apps.get(str(given.get("client_id", "")))
    if app is None or given.get("client_secret") != app.client_secret:
        return told(asked, {"error": "incorrect_client_credentials"})
    if given.get("grant_type") == "refresh_token":
        login = hub.refresh_tokens.pop(str(given.get("refresh_token", "")), None)
        return told(asked, grant(hub, app, login, "") if login else {"error": "bad_refresh_token"})
    code = hub.codes.pop(str(given.get("code", "")), None)
    if code is None or code.app is not app or code.until < time.monotonic():
        return told(asked, {"error": "bad_verification_code", "error_description": "The code is incorrect or expired."})
    if code.challenge and code.challenge != challenge_of(str(given.get("code_verifier", ""))):
        return told(asked, {"error": "bad_verification_code", "error_description": "The verifier does not fit."})
    return told(asked, grant(hub, app, code.login, code.scopes))


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def grant(hub: Hub, app: App, login: str, scopes: str) -> dict[str, Any]:
    token = f"{'ghu' if app.token_lives_s else 'gho'}_{secrets.token_hex(18)}"
    hub.store.tokens[token] = Token(login, ",".join(scopes.split()), app.client_id)
    answer: dict[str, Any] = {"access_token": token, "token_type": "bearer", "scope": ",".join(scopes.split())}
    if app.token_lives_s:
        refresh = f"ghr_{secrets.token_hex(30)}"
        hub.refresh_tokens[refresh] = login
        answer |= {
            "expires_in": app.token_lives_s,
            "refresh_token": refresh,
            "refresh_token_expires_in": 15_897_600,
        }
    return answer


def told(asked: Asked, answer: dict[str, Any]) -> Answer:
    """JSON where it is asked for, else a form."""
    if "json" in asked.headers.get("accept", ""):
        return data(answer)
    return Answer(200, urlencode(answer).encode(), {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})


def revoke(hub: Hub, asked: Asked, client_id: str) -> Answer:
    """Take a token back; the app proves itself by its id and secret."""
    kind, _, pair = asked.headers.get("authorization", "").partition(" ")
    app = hub.apps.get(client_id)
    wanted = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode() if app else ""
    if kind.lower() != "basic" or pair != wanted:
        return error(401, "Bad credentials")
    token = str(asked.json().get("access_token", ""))
    if hub.store.tokens.pop(token, None) is None:
        return error(422, "Validation Failed")
    return data(None, 204)
