"""Keep the leases of running steps alive, from one thread for the whole process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from workflows.engine.store import Lease, Store

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews what this process holds every few seconds. The thread exists only while something is held."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._every_s = store.patience.renew_every_s
        self._held: dict[Lease, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, lease: Lease, *, at_most_s: float) -> Iterator[None]:
        """Hold a lease while the block runs, but no longer than `at_most_s`: a step that never comes back must
        be able to time out."""
        with self._lock:
            self._held[lease] = time.monotonic() + at_most_s
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(lease, None)

    def _keep(self) -> None:
        idle_since = None
        while True:
            time.sleep(self._every_s)
            now = time.monotonic()
            with self._lock:
                leases = [lease for lease, until in self._held.items() if until > now]
                if not self._held:
                    idle_since = idle_since or now
                    if now - idle_since >= 2 * self._every_s:
                        self._thread = None
                        return
                else:
                    idle_since = None
            if leases:
                try:
                    self._store.renew(leases)
                except Exception:
                    # The database is away. If it stays away the leases run out and others take over, which
                    # is what leases are for; if it comes back in time nothing is lost.
                    logger.warning("leases could not be renewed", exc_info=True)
