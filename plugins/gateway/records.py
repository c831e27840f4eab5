"""What the gateway knows of a connection, notes of its calls, and the store of earlier answers it may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from plugins.manifest import Authentication, Manifest

# Services that ask for one write at a time with a pause in between, where a manifest does not say otherwise.
# Source: GitHub, Best practices for using the REST API, "Pause between mutative requests".
HOST_GAPS_S = {"api.github.com": 1.0}


@dataclass(frozen=True)
class Access:
    """What one connection's plugin may reach, and as whom. Made by the host from the connection's row alone."""

    connection_id: int | None
    manifest: Manifest
    configuration: Mapping[str, Any]
    credential: Mapping[str, Any] = field(repr=False)
    key: object = None
    way: str = ""
    renew: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = field(default=None, repr=False)
    """Gives another credential in place of one that was refused; raises an ExternalError where there is none."""

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
    def requests_per_minute(self) -> int:
        """How often the manifest wants to ask at most; 0 where it leaves that to the host."""
        return self.manifest.security.requests_per_minute

    def gap_between_writes_s(self, host: str) -> float | None:
        """Return the seconds between two writes to a host, which then come one at a time; None for no such rule."""
        declared = self.manifest.security.seconds_between_writes
        return HOST_GAPS_S.get(host) if declared is None else declared

    @property
    def reaches_everything(self) -> bool:
        """True if the plugin may read any public host, without the credential."""
        return self.manifest.security.network_policy == "full"


# What the host itself said no to, before anything left: worth a second look on the page of what a plugin did.
REFUSALS = frozenset(
    {
        "host_not_allowed",
        "request_not_allowed",
        "method_not_allowed",
        "header_not_allowed",
        "private_address",
        "not_https",
        "redirect_refused",
        "invalid_request",
        "blob_unknown",
    }
)


@dataclass(frozen=True, slots=True)
class CallNote:
    """One request as it goes on record: never a query, a header or a body. `shape` is the path without what varies."""

    method: str
    host: str
    path: str
    status: int | None
    error_code: str
    bytes_received: int
    duration_ms: int
    is_from_cache: bool
    capability: str = ""
    shape: str = ""
    bytes_sent: int = 0

    @property
    def is_refused(self) -> bool:
        """True if the host did not let it leave."""
        return self.error_code in REFUSALS


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


class HiddenNames(Protocol):
    """Names that a plugin writes in the place of what it must not see, such as `webhook-secret:push`."""

    def swap(self, text: str) -> str:
        """Return what a name stands for, or the text itself if it is no such name.

        Raises:
            RequestFailed: it names something that there is not.
        """

    def known(self) -> dict[str, str]:
        """Return the name by what it stands for, for all that was handed out so far."""


class NoHiddenNames:
    """For connections whose plugin has nothing to name."""

    def swap(self, text: str) -> str:
        """It is no name."""
        return text

    def known(self) -> dict[str, str]:
        """There is none."""
        return {}
