"""What the university remembers across restarts: its keys, its tokens and the day its clock counts from.

One JSON file, replaced as a whole, readable by its owner only; without a folder everything stays in memory.
Of a token only its SHA-256 is kept, as a real Canvas does: it is shown once, when it is made.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

MAX_TOKEN_DAYS = 120
"""Canvas lets a student's token live this long at most (since October 2025)."""

OAUTH_TOKEN_LIFETIME = timedelta(hours=1)


@dataclass
class Token:
    """A personal token, or the access token that an OAuth2 client got (`kind` is oauth)."""

    id: int
    digest: str
    hint: str
    purpose: str
    created_at: str
    expires_at: str
    kind: str = "personal"
    refresh_digest: str = ""
    client_id: str = ""

    def is_expired(self, now: datetime) -> bool:
        return datetime.fromisoformat(self.expires_at) <= now


@dataclass
class _State:
    key: str = field(default_factory=lambda: secrets.token_hex(32))
    anchor: str = ""
    next_id: int = 1
    tokens: list[dict[str, Any]] = field(default_factory=list)
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)


class Store:
    def __init__(self, folder: Path | None = None) -> None:
        self.path = folder / "university.json" if folder else None
        self._state = _State()
        if self.path and self.path.exists():
            self._state = _State(**json.loads(self.path.read_text("utf-8")))
        self._tokens = {raw["digest"]: Token(**raw) for raw in self._state.tokens}
        self.last_used: dict[int, datetime] = {}

    @property
    def key(self) -> bytes:
        """Signs session cookies and download addresses."""
        return bytes.fromhex(self._state.key)

    def anchor(self, today: date, *, keep_days: int) -> date:
        """The day the semester counts from: the first day of service, renewed when it is `keep_days` old."""
        known = date.fromisoformat(self._state.anchor) if self._state.anchor else None
        if known is None or not known <= today <= known + timedelta(days=keep_days):
            self._state.anchor = today.isoformat()
            self.save()
            return today
        return known

    @property
    def overrides(self) -> dict[str, dict[str, Any]]:
        """What the student marked in the planner: "assignment:12" → the override as the API has it."""
        return self._state.overrides

    def keep_override(self, kind: str, number: int, changes: dict[str, Any]) -> dict[str, Any]:
        """Make or change a mark in the planner."""
        key = f"{kind}:{number}"
        override = self._state.overrides.get(key)
        if override is None:
            override = {"id": self._state.next_id + 70_000, "plannable_type": kind, "plannable_id": number}
            override |= {"user_id": 7301, "workflow_state": "active", "marked_complete": False, "dismissed": False}
            self._state.next_id += 1
            self._state.overrides[key] = override
        override.update(changes)
        self.save()
        return override

    def drop_overrides(self) -> None:
        self._state.overrides.clear()
        self.save()

    def make_token(
        self, purpose: str, *, kind: str = "personal", days: int = MAX_TOKEN_DAYS, client_id: str = ""
    ) -> tuple[str, Token]:
        """A new token, in clear for this one time, and its record."""
        secret = f"{7301}~{secrets.token_urlsafe(48)}"
        now = datetime.now(UTC)
        lifetime = OAUTH_TOKEN_LIFETIME if kind == "oauth" else timedelta(days=min(days, MAX_TOKEN_DAYS))
        token = Token(
            id=self._state.next_id,
            digest=_digest(secret),
            hint=secret[:9],
            purpose=purpose,
            created_at=now.isoformat(),
            expires_at=(now + lifetime).isoformat(),
            kind=kind,
            client_id=client_id,
        )
        self._state.next_id += 1
        self._tokens[token.digest] = token
        self.save()
        return secret, token

    def add_refresh_token(self, token: Token) -> str:
        secret = f"{7301}~{secrets.token_urlsafe(48)}"
        token.refresh_digest = _digest(secret)
        self.save()
        return secret

    def refresh(self, refresh_secret: str, client_id: str) -> str | None:
        """A new access token in place of the old one; the refresh token stays the same, as Canvas has it."""
        digest = _digest(refresh_secret)
        old = next((token for token in self._tokens.values() if token.refresh_digest == digest), None)
        if old is None or old.client_id != client_id:
            return None
        secret, token = self.make_token(old.purpose, kind="oauth", client_id=client_id)
        token.refresh_digest = digest
        self.remove(old.id)
        return secret

    def find(self, secret: str) -> Token | None:
        return self._tokens.get(_digest(secret))

    def personal_tokens(self) -> list[Token]:
        return sorted(self._tokens.values(), key=lambda token: token.id, reverse=True)

    def remove(self, token_id: int) -> None:
        self._tokens = {digest: token for digest, token in self._tokens.items() if token.id != token_id}
        self.save()

    def save(self) -> None:
        if self.path is None:
            return
        self._state.tokens = [asdict(token) for token in self._tokens.values()]
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp gives mode 0600, and the rename makes the change whole or not at all.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".university-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self._state), file)
        Path(name).replace(self.path)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
