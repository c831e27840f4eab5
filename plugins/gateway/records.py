"""What the gateway knows of a connection, notes of its calls, and the store of earlier answers it may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from plugins.manifest import Authentication, Manifest


@dataclass(frozen=True)
class Access:
    """What one connection's plugin may reach, and as whom. Made by the host from the connection's row alone."""

    connection_id: int | None
    manifest: Manifest
    configuration: Mapping[str, Any]
    credential: Mapping[str, Any] = field(repr=False)
    key: object = None
    way: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that may be reached, home first."""
        return self.manifest.hosts(self.configuration)

    @property
    def home(self) -> str:
        """The host of relative paths, and the only one that is sent the credential; "" if there is none."""
        return next(iter(self.hosts), "")

    @property
    def authentication(self) -> Authentication | None:
        """The way that the connection was made, which says how its credential is used."""
        return self.manifest.way(self.way)

    @property
    def reaches_everything(self) -> bool:
        """True if the plugin may read any public host, without the credential."""
        return self.manifest.security.network_policy == "full"


@dataclass(frozen=True, slots=True)
class CallNote:
    """One request as it goes on record: never a query, a header or a body."""

    method: str
    host: str
    path: str
    status: int | None
    error_code: str
    bytes_received: int
    duration_ms: int
    is_from_cache: bool


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """An answer of earlier that the other side may confirm instead of sending it again."""

    etag: str
    last_modified: str
    headers: dict[str, str]
    body: bytes


class AnswerStore(Protocol):
    """Earlier answers of one connection, by address."""

    def find(self, key: str) -> KnownAnswer | None:
        """Return what was answered last."""

    def keep(self, key: str, answer: KnownAnswer) -> None:
        """Keep an answer for the next time."""


class NoAnswers:
    """A store that keeps nothing."""

    def find(self, key: str) -> KnownAnswer | None:
        """There is never an earlier answer."""
        return None

    def keep(self, key: str, answer: KnownAnswer) -> None:
        """Forget it."""
