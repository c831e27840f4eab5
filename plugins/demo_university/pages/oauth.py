"""OAuth2 as Canvas has it: consent page, authorization code with PKCE, refresh, revocation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ..semester.model import STUDENT
from ..university import University
from .account import foreign_form, form_of
from .layout import comes_from_here, is_signed_in, page, refusal, to_login, university_of

CLIENTS = {"10000000000001": "core-engine-demo-secret"}
"""Developer keys: client id and secret. There is one, for Core Engine; it works on this machine only."""

CODE_LIFETIME_S = 600
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ASKED = ("client_id", "redirect_uri", "state", "scope", "purpose", "code_challenge", "code_challenge_method")


async def authorize(request: Request) -> Response:
    """Ask the student whether a program may act for him; the answer leads back to the program."""
    university = university_of(request)
    asked = dict(request.query_params) if request.method == "GET" else await form_of(request)
    if asked.get("client_id") not in CLIENTS:
        return refusal(request, "Unknown program", "The client id belongs to no developer key.", 400)
    target = asked.get("redirect_uri", "")
    if not _may_redirect(university, target):
        return refusal(request, "Wrong return address", "This program may not send people to that address.", 400)
    if request.method == "GET" and asked.get("response_type") != "code":
        return _back(target, asked, error="unsupported_response_type")
    if asked.get("code_challenge") and asked.get("code_challenge_method", "S256") != "S256":
        return _back(target, asked, error="invalid_request")
    if not is_signed_in(request):
        return to_login(request)
    if request.method == "GET":
        return _consent_page(request, asked)
    if not comes_from_here(request):
        return foreign_form(request)
    if asked.get("answer") != "allow":
        return _back(target, asked, error="access_denied")
    code = secrets.token_urlsafe(32)
    university.codes[code] = {**asked, "made_at": time.monotonic()}
    if target == OUT_OF_BAND:
        return refusal(request, "Your code", code, 200)
    return _back(target, asked, code=code)


def _may_redirect(university: University, target: str) -> bool:
    if target == OUT_OF_BAND:
        return True
    parts = urlsplit(target)
    return parts.scheme in ("http", "https") and parts.hostname in (*LOOPBACK, *university.options.redirect_hosts)


def _back(target: str, asked: dict[str, str], **answer: str) -> Response:
    query = answer | ({"state": asked["state"]} if asked.get("state") else {})
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}{urlencode(query)}", 303)


def _consent_page(request: Request, asked: dict[str, str]) -> Response:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(asked[name])}">' for name in ASKED if asked.get(name)
    )
    purpose = f"<p>Purpose: {escape(asked['purpose'])}</p>" if asked.get("purpose") else ""
    host = urlsplit(asked["redirect_uri"]).netloc
    body = f"""
<section class="card narrow consent">
<img src="/assets/crest.svg" alt="" width="48" height="56">
<h1>Core Engine would like to read your courses</h1>
<p>It asks to act as <strong>{escape(STUDENT["name"])}</strong>: courses, assignments, grades, announcements and files,
and mark things in the planner as done. You can take this back at any time under
<a href="/profile/settings">Access tokens</a>.</p>{purpose}
<form method="post" action="/login/oauth2/auth" class="choices">{hidden}
<button class="primary" name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Cancel</button></form>
<p class="hint">You will be sent to <code>{escape(host or "a page with a code")}</code>.</p>
</section>"""
    parts = urlsplit(asked["redirect_uri"])
    origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return page(request, "Allow Core Engine?", body, form_target=origin)


async def token(request: Request) -> Response:
    """POST gives an access token for a code or a refresh token; DELETE revokes the one it is sent with."""
    university = university_of(request)
    if request.method == "DELETE":
        return _revoke(request, university)
    asked = await form_of(request)
    client_id = asked.get("client_id", "")
    expected = CLIENTS.get(client_id, "")
    if not expected or not hmac.compare_digest(asked.get("client_secret", "").encode(), expected.encode()):
        return _error("invalid_client", "unknown client or wrong secret", 401)
    match asked.get("grant_type"):
        case "authorization_code":
            return _exchange(university, asked)
        case "refresh_token":
            secret = university.store.refresh(asked.get("refresh_token", ""), client_id)
            if secret is None:
                return _error("invalid_grant", "refresh_token not found")
            return JSONResponse(_granted(secret))  # no new refresh token: the old one stays
        case _:
            return _error("unsupported_grant_type", "the grant_type you requested is not currently supported")


def _exchange(university: University, asked: dict[str, str]) -> Response:
    grant = university.codes.pop(asked.get("code", ""), None)
    if grant is None or time.monotonic() - grant["made_at"] > CODE_LIFETIME_S:
        return _error("invalid_grant", "authorization_code not found")
    if grant["client_id"] != asked["client_id"] or grant["redirect_uri"] != asked.get("redirect_uri"):
        return _error("invalid_grant", "redirect_uri does not match client settings")
    if challenge := grant.get("code_challenge"):
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        if not hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge):
            return _error("invalid_grant", "code_verifier does not match")
    purpose = grant.get("purpose") or "Core Engine"
    secret, made = university.store.make_token(purpose, kind="oauth", client_id=asked["client_id"])
    return JSONResponse(_granted(secret) | {"refresh_token": university.store.add_refresh_token(made)})


def _granted(secret: str) -> dict[str, Any]:
    user = {"id": STUDENT["id"], "name": STUDENT["name"], "global_id": str(STUDENT["id"]), "effective_locale": "en"}
    return {"access_token": secret, "token_type": "Bearer", "user": user, "expires_in": 3600}


def _revoke(request: Request, university: University) -> Response:
    secret = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    found = university.store.find(secret) if secret else None
    if found is None:
        return JSONResponse(
            {"errors": [{"message": "Invalid access token."}]}, 401, {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}
        )
    university.store.remove(found.id)
    return JSONResponse({})


def _error(code: str, description: str, status: int = 400) -> Response:
    return JSONResponse({"error": code, "error_description": description}, status, {"Cache-Control": "no-store"})
