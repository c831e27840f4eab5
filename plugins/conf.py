"""The settings of the plugin host, read through one typed object."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """`settings.PLUGINS` with every default. Times are seconds, sizes bytes."""

    SANDBOX: str = "auto"
    DIRECTORIES: list[Path] = field(default_factory=list)
    INSTALL_DIR: Path | None = None
    TRUSTED_KEYS: dict[str, str] = field(default_factory=dict)
    REQUIRE_SIGNATURE: bool = False
    GATEWAY_HOSTS: dict[str, str] = field(default_factory=dict)
    POOL_SIZE: int = 2
    POOL_TOTAL: int = 8
    RUNTIME: str = ""
    ACTION_TIMEOUT_S: float = 60.0
    PAGE_WAIT_S: float = 10.0
    REQUESTS_PER_MINUTE: int = 600
    REQUEST_TIMEOUT_S: float = 30.0
    MAX_WAIT_S: float = 20.0
    MAX_BODY_BYTES: int = 5 * 2**20
    MAX_BLOB_BYTES: int = 200 * 2**20
    CACHE_BYTES: int = 20 * 2**20
    CACHE_ROWS: int = 2_000
    CALLS_KEPT_DAYS: int = 30
    DELIVERIES_KEPT_DAYS: int = 30


_read: tuple[dict[str, Any], PluginSettings] | None = None


def plugin_settings() -> PluginSettings:
    """Return the settings as they are now; tests override `settings.PLUGINS` whole."""
    global _read
    raw: dict[str, Any] = getattr(settings, "PLUGINS", {})
    # Every call asks several times.
    if _read is None or _read[0] is not raw:
        _read = (raw, PluginSettings(**raw))
    return _read[1]
