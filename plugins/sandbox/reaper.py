"""Keeps this process's lease, and removes containers whose owner is gone."""

from __future__ import annotations

import logging
import threading
import time

from plugins.sandbox.choice import docker_sandbox
from plugins.sandbox.owners import LEASE_RENEWED_S, owners

logger = logging.getLogger(__name__)
REAP_EVERY_S = 30.0


class Reaper:
    """A thread of its own, so that nothing an engine does or does not do lets the lease run out."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plugin-lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; waits for a reaping that goes on."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        reaped_at = time.monotonic()
        while not self._stop.is_set():
            try:
                owners().keep_lease()
                if time.monotonic() - reaped_at >= REAP_EVERY_S:
                    reaped_at = time.monotonic()
                    threading.Thread(target=_reap, name="plugin-reap", daemon=True).start()
            except Exception:
                logger.exception("the lease of this plugin worker could not be kept")
            self._stop.wait(LEASE_RENEWED_S)


_reaping = threading.Lock()


def _reap() -> None:
    if not _reaping.acquire(blocking=False):
        return
    try:
        if removed := docker_sandbox().reap():
            logger.info("%s abandoned containers removed", removed)
    finally:
        _reaping.release()
