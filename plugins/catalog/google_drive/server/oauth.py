"""Google's sign-in as far as Drive needs it: consent, code with PKCE, access and refresh tokens, revocation."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

DRIVE_FILE = "https://www.googleapis.com/auth/drive.file"
DRIVE_READONLY = "https://www.googleapis.com/auth/drive.readonly"
DRIVE = "https://www.googleapis.com/auth/drive"


class OAuthRefusal(Exception):
    """An answer of the token address that is an error."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code, self.description, self.status = code, description, status


@dataclass
class Grant:
    """What the student allowed one client."""

    client_id: str
    scope: str
    redirect_uri: str = ""
    challenge: str = ""
    is_offline: bool = False


@dataclass
class OAuth:
    """The clients, and what was handed out to them."""

    client_id: str = "drive-client"
    client_secret: str = "drive-client-secret"
    token_life_s: int = 3_599
    rotates: bool = False
    """Whether a refresh gives a new refresh token; Google keeps the old one."""
    codes: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def consent(self, query: dict[str, str]) -> str:
        """The student says yes: the address to go back to, with a code.

        Raises:
            OAuthRefusal: the request is one that Google shows an error page for.
        """
        if query.get("client_id") != self.client_id:
            raise OAuthRefusal("invalid_client", "The OAuth client was not found.", 401)
        if query.get("response_type") != "code" or not query.get("redirect_uri"):
            raise OAuthRefusal("invalid_request", "Required parameter is missing: response_type")
        if not query.get("scope"):
            raise OAuthRefusal("invalid_request", "Missing required parameter: scope")
        if query.get("code_challenge") and query.get("code_challenge_method", "plain") != "S256":
            raise OAuthRefusal("invalid_request", "Only S256 is supported here.")
        code = f"4/{secrets.token_urlsafe(24)}"
        known = any(grant.client_id == query["client_id"] for grant in self.refresh.values())
        # A second consent gives a refresh token only where it is asked for.
        offline = query.get("access_type") == "offline" and (not known or "consent" in query.get("prompt", ""))
        with self.lock:
            self.codes[code] = Grant(
                query["client_id"], query["scope"], query["redirect_uri"], query.get("code_challenge", ""), offline
            )
        answer = {"code": code, "scope": query["scope"], **({"state": query["state"]} if "state" in query else {})}
        return f"{query['redirect_uri']}{'&' if '?' in query['redirect_uri'] else '?'}{urlencode(answer)}"

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """Exchange a code or a refresh token.

        Raises:
            OAuthRefusal: invalid_client, invalid_grant, …
        """
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            raise OAuthRefusal("invalid_client", "The provided client secret is invalid.", 401)
        kind = form.get("grant_type")
        with self.lock:
            if kind == "authorization_code":
                grant = self.codes.pop(form.get("code", ""), None)
                if grant is None:
                    raise OAuthRefusal("invalid_grant", "Malformed auth code.")
                if grant.redirect_uri != form.get("redirect_uri"):
                    raise OAuthRefusal("redirect_uri_mismatch", "Bad Request")
                if grant.challenge and _challenge(form.get("code_verifier", "")) != grant.challenge:
                    raise OAuthRefusal("invalid_grant", "Invalid code verifier.")
                answer = self._access_for(grant)
                if grant.is_offline:
                    answer["refresh_token"] = self._refresh_for(grant)
                return answer
            if kind == "refresh_token":
                old = form.get("refresh_token", "")
                found = self.refresh.get(old)
                if found is None:
                    raise OAuthRefusal("invalid_grant", "Token has been expired or revoked.")
                answer = self._access_for(found)
                if self.rotates:
                    del self.refresh[old]
                    answer["refresh_token"] = self._refresh_for(found)
                return answer
        raise OAuthRefusal("unsupported_grant_type", f"Invalid grant_type: {kind}")

    def revoke(self, token: str) -> None:
        """Take back a token, and all that came of the same consent."""
        with self.lock:
            grant = self.refresh.get(token) or (self.access.get(token) or (None,))[0]
            if grant is None:
                raise OAuthRefusal("invalid_token", "Token expired or revoked")
            self.refresh = {key: value for key, value in self.refresh.items() if value is not grant}
            self.access = {key: value for key, value in self.access.items() if value[0] is not grant}

    def give_token(self, scope: str = DRIVE, *, life_s: float | None = None) -> str:
        """Make an access token without any consent."""
        with self.lock:
            return str(self._access_for(Grant(self.client_id, scope), life_s)["access_token"])

    def scopes_of(self, header: str) -> set[str] | None:
        """What the token of an Authorization header allows; None if it is none of ours, or too old."""
        kind, _, token = header.partition(" ")
        with self.lock:
            grant, until = self.access.get(token, (None, 0.0))
        if kind.lower() != "bearer" or grant is None or until < time.time():
            return None
        return set(grant.scope.split())

    def _access_for(self, grant: Grant, life_s: float | None = None) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(32)}"
        life = self.token_life_s if life_s is None else life_s
        self.access[token] = (grant, time.time() + life)
        return {"access_token": token, "expires_in": int(life), "scope": grant.scope, "token_type": "Bearer"}

    def _refresh_for(self, grant: Grant) -> str:
        token = f"1//{secrets.token_urlsafe(32)}"
        self.refresh[token] = grant
        return token


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
