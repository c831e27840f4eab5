"""Which process a container belongs to, and how another one finds out that it is gone.

Three ways to know, for three distances:
1. A process of the same boot and the same process space is looked up by its number and the time of its start.
2. One of the same installation elsewhere (another container, another machine, before a reboot) keeps a lease in the
   cache; it is gone when the lease was missing for a while in which this process could read its own.
3. One of another installation that uses the same engine is none of our business, until its container is so old that
   it belongs to nobody.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import salted_hmac

# A child in the pool is recycled long before; what is older than this belongs to nobody.
MAX_CONTAINER_AGE_S = 1800
LEASE_S = 60
LEASE_RENEWED_S = 10.0
MISSING_S = 25.0
OWNER_LABEL, BOOT_LABEL, SPACE_LABEL, BORN_LABEL, INSTALLATION_LABEL = (
    f"core-engine.{name}" for name in ("owner", "boot", "process-space", "born", "installation")
)


def owner_labels() -> dict[str, str]:
    """Return the labels that say which process a container belongs to."""
    return {
        OWNER_LABEL: f"{os.getpid()}:{started_ticks(os.getpid())}",
        BOOT_LABEL: _boot_id(),
        SPACE_LABEL: _process_space(),
        BORN_LABEL: str(int(time.time())),
        INSTALLATION_LABEL: _installation(),
    }


class Owners:
    """What this process knows about the owners of containers, its own lease included."""

    def __init__(self) -> None:
        self._renewed_at = -1e9
        self._missing_since: dict[str, float] = {}
        self._lock = threading.Lock()

    def keep_lease(self) -> None:
        """Tell the others that this process lives; quick where it was told a moment ago."""
        with self._lock:
            if time.monotonic() - self._renewed_at < LEASE_RENEWED_S:
                return
            self._renewed_at = time.monotonic()
        cache.set(_lease_key(owner_labels()), "1", LEASE_S)

    def is_gone(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the process that made a container is gone for certain."""
        born = labels.get(BORN_LABEL, "0")
        if time.time() - (int(born) if born.isdigit() else 0) > MAX_CONTAINER_AGE_S:
            return True
        if labels.get(BOOT_LABEL) == _boot_id() and labels.get(SPACE_LABEL) == _process_space():
            pid, _, ticks = labels.get(OWNER_LABEL, "").partition(":")
            return not pid.isdigit() or started_ticks(int(pid)) != ticks
        if labels.get(INSTALLATION_LABEL) != _installation():
            return False
        return self._lease_is_lost(_lease_key(labels))

    def _lease_is_lost(self, key: str) -> bool:
        """Tell whether an owner's lease has been missing for a while, seen by one whose own lease can be read."""
        mine = _lease_key(owner_labels())
        cache.set(mine, "1", LEASE_S)
        found = cache.get_many([mine, key])
        now = time.monotonic()
        if mine not in found or key in found:  # an unreachable cache says nothing about anyone
            self._missing_since.pop(key, None)
            return False
        return now - self._missing_since.setdefault(key, now) >= MISSING_S


@functools.cache
def owners() -> Owners:
    """Return this process's one view of the owners."""
    return Owners()


def started_ticks(pid: int) -> str:
    """Return when a process started, by the kernel's clock: a number that is used again differs in it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def _lease_key(labels: Mapping[str, str]) -> str:
    parts = [labels.get(name, "") for name in (BOOT_LABEL, SPACE_LABEL, OWNER_LABEL)]
    return "plugins:owner:" + salted_hmac("plugins.sandbox.lease", "\0".join(parts)).hexdigest()[:32]


@functools.cache
def _installation() -> str:
    """A name for this installation that says nothing about it: its database and its key make it."""
    return salted_hmac("plugins.sandbox.installation", settings.DATABASE_URL).hexdigest()[:16]


@functools.cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _process_space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
