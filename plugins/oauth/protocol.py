"""OAuth 2.0 on the wire: what is sent, and what an answer means. No I/O, no rows.

Authlib writes the requests; they are sent by `endpoint`, under the gateway's rules. Answers are read here, since
services deviate from the protocol (see `read_tokens`).

Source: RFC 6749 (authorization code, refresh), RFC 7636 (PKCE), RFC 7009 (revocation), RFC 9207 (issuer).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from authlib.common.security import generate_token
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from plugins.manifest import Authentication

MAX_TOKEN_LENGTH = 8_000
LONGEST_S = 10 * 365 * 86_400
_PRINTABLE = re.compile(r"[\x21-\x7e]+")

# What services say where the grant (a code or a refresh token) is not good any more; the last two are GitHub's.
GRANT_REFUSED = {"invalid_grant", "bad_verification_code", "bad_refresh_token"}
CLIENT_REFUSED = {"invalid_client", "unauthorized_client", "incorrect_client_credentials", "redirect_uri_mismatch"}


@dataclass(frozen=True, slots=True)
class Client:
    """Who this installation is to a service."""

    client_id: str
    client_secret: str = ""


class TokenRefused(Exception):
    """The token endpoint gave no token; `code` is its own word, or one of ours."""

    def __init__(self, code: str, *, retryable: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable


def new_secret() -> str:
    """Return 285 bits of chance in letters and digits: a state, or a code verifier."""
    return generate_token(48)


def digest(secret: str) -> str:
    """Return what is stored in place of a state."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authorization_address(
    address: str, way: Authentication, *, client_id: str, redirect_uri: str, state: str, verifier: str
) -> str:
    """Return where the student is sent. A query that the manifest's address has is kept; ours wins over it."""
    own = {"response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method"}
    parts = urlsplit(address)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()} | dict(way.authorization_parameters)
    more = {name: value for name, value in given.items() if name not in own}
    if way.pkce:
        more |= {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
    return prepare_grant_uri(
        urlunsplit((parts.scheme, parts.netloc, parts.path or "/", "", "")),
        client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=way.scope_separator.join(way.scopes),
        state=state,
        **more,
    )


def code_form(way: Authentication, *, code: str, redirect_uri: str, verifier: str) -> str:
    """Return the form that trades a code for a token."""
    proof = {"code_verifier": verifier} if way.pkce else {}
    return prepare_token_request("authorization_code", redirect_uri=redirect_uri, code=code, **proof)


def refresh_form(refresh_token: str) -> str:
    """Return the form that trades a refresh token for a new access token."""
    return prepare_token_request("refresh_token", refresh_token=refresh_token)


def revocation_form(token: str, kind: str) -> str:
    """Return the form that gives a token back; `kind` is refresh_token or access_token."""
    return urlencode({"token": token, "token_type_hint": kind})


def proven(way: Authentication, client: Client, form: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a form that says who the client is, the way the service wants it."""
    headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
    if way.token_endpoint_auth_method == "client_secret_basic" and client.client_secret:
        return {**headers, "authorization": basic(client)}, form.encode()
    method = "client_secret_post" if client.client_secret else "none"
    auth = ClientAuth(client.client_id, client.client_secret, method)
    _uri, headers, body = auth.prepare("POST", "", headers, form)
    return headers, body.encode()


def basic(client: Client) -> str:
    """Return the client's name and secret as a header.

    RFC 6749, 2.3.1 wants both form-encoded first, which Authlib leaves out.
    """
    pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def read_tokens(status: int, content_type: str, body: bytes) -> dict[str, Any]:
    """Return an answer of a token endpoint as the credential of a connection.

    GitHub says "error" with status 200, and answers a form where it was not asked for JSON: both are understood.

    Raises:
        TokenRefused: it says no, or something that is no answer of a token endpoint.
    """
    answer = _parsed(content_type, body)
    if status == 429 or status >= 500:
        raise TokenRefused("temporarily_unavailable", retryable=True)
    if 300 <= status < 400:
        raise TokenRefused("redirected")
    error = answer.get("error")
    if error or status >= 400:
        # An answer without the protocol's own word comes from something in between, such as a firewall.
        code = str(error) if isinstance(error, str) and re.fullmatch(r"[a-z0-9_.-]{1,60}", error) else "unclear"
        raise TokenRefused(code, retryable=code in {"temporarily_unavailable", "server_error", "slow_down", "unclear"})
    token, refresh = answer.get("access_token"), answer.get("refresh_token")
    if status != 200 or not _is_token(token) or not (refresh in (None, "") or _is_token(refresh)):
        raise TokenRefused("not_a_token", retryable=True)
    kind = str(answer.get("token_type") or "Bearer")
    if kind.lower() != "bearer":
        raise TokenRefused("unknown_token_type")
    return {
        "access_token": token,
        "refresh_token": refresh or "",
        "expires_at": _expiry(answer.get("expires_in")),
        "scope": str(answer.get("scope") or "")[:2000],
        "token_type": "Bearer",
    }


def refreshed(before: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return a credential after a refresh: a service that sends no new refresh token means the old one to stay."""
    return {
        **new,
        "refresh_token": new["refresh_token"] or before.get("refresh_token", ""),
        "scope": new["scope"] or before.get("scope", ""),
    }


def _expiry(given: Any) -> int | None:
    try:
        seconds = int(float(given))
    except (TypeError, ValueError, OverflowError):
        return None
    return int(time.time()) + min(max(seconds, 0), LONGEST_S)


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TOKEN_LENGTH and _PRINTABLE.fullmatch(value) is not None


def _parsed(content_type: str, body: bytes) -> dict[str, Any]:
    text = body.decode("utf-8", "replace")
    if "x-www-form-urlencoded" in content_type:
        return {name: values[-1] for name, values in parse_qs(text).items()}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
