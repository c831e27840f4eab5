"""Children started ahead, so that a call does not pay for the start. One process owns the pool.

Each child still serves one action of one user: the pool holds only children that have served nobody. Without
`open_pool` (tests, commands, prefork workers) every call starts its own child.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from plugins.conf import plugin_settings
from plugins.errors import SandboxUnavailable
from plugins.registry import Plugin, PluginUnknown, get_plugin
from plugins.sandbox.base import Child, Sandbox
from plugins.sandbox.choice import docker_sandbox, sandbox_for

logger = logging.getLogger(__name__)
# Shorter than the SDK waits for a first message before it ends itself.
MAX_AGE_S = 240.0
REAP_EVERY_S = 30.0
# A sync takes children in a burst: as many are kept ready as were taken of late, up to this.
BUSY_WINDOW_S = 10.0
MOST_READY = 8


@dataclass(frozen=True, slots=True)
class _Waiting:
    child: Child
    sandbox: str
    content_hash: str
    since: float


class WarmPool:
    """Waiting children by plugin, refilled and recycled by one background thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: dict[str, deque[_Waiting]] = defaultdict(deque)
        self._wanted: dict[str, deque[float]] = {}
        self._starting: dict[str, int] = defaultdict(int)
        self._doomed: deque[Child] = deque()
        # Starting and ending containers is waiting for the engine; two at a time is what two cores refill best.
        self._starters = ThreadPoolExecutor(max_workers=2, thread_name_prefix="plugin-start")
        self._enders = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plugin-end")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._keep_filled, name="plugin-pool", daemon=True)
        self._thread.start()

    def take(self, plugin: Plugin, sandbox: Sandbox) -> Child | None:
        """Return a waiting child of this plugin, None if there is none; either way more are made."""
        content_hash = plugin.content_hash()
        found: Child | None = None
        with self._lock:
            self._wanted.setdefault(plugin.name, deque(maxlen=MOST_READY)).append(time.monotonic())
            line = self._waiting[plugin.name]
            while line and found is None:
                item = line.popleft()
                fits = item.sandbox == sandbox.name and item.content_hash == content_hash and item.child.is_alive()
                if fits:
                    found = item.child
                else:
                    self._doomed.append(item.child)
        self._wake.set()
        return found

    def discard(self, child: Child) -> None:
        """Destroy a child in the background."""
        self._doomed.append(child)
        self._wake.set()

    def close(self) -> None:
        """Destroy every waiting child and stop."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=10)
        self._starters.shutdown(wait=True, cancel_futures=True)
        self._enders.shutdown(wait=True)
        with self._lock:
            children = [item.child for line in self._waiting.values() for item in line] + list(self._doomed)
            self._waiting.clear()
            self._doomed.clear()
        for child in children:
            child.destroy()

    def keep_ready(self, *plugins: str) -> None:
        """Keep children of these plugins ready before anyone asks for one."""
        with self._lock:
            for name in plugins:
                self._wanted.setdefault(name, deque(maxlen=MOST_READY))
        self._wake.set()

    def counts(self) -> dict[str, int]:
        """Return how many children wait, by plugin."""
        with self._lock:
            return {name: len(line) for name, line in self._waiting.items()}

    def _keep_filled(self) -> None:
        reaped_at = 0.0
        while not self._closing:
            self._wake.wait(timeout=5.0)
            self._wake.clear()
            try:
                self._fill()
                while self._doomed:
                    self._enders.submit(self._doomed.popleft().destroy)
                if time.monotonic() - reaped_at > REAP_EVERY_S:
                    reaped_at = time.monotonic()
                    docker_sandbox().reap()
            except Exception:
                # The pool is an optimisation: whatever breaks here, calls start their own children.
                logger.exception("the plugin pool could not be refilled")

    def _fill(self) -> None:
        with self._lock:
            wanted = {name: self._wanted_count(taken) for name, taken in self._wanted.items()}
        for name, count in wanted.items():
            try:
                plugin = get_plugin(name)
                sandbox = sandbox_for(plugin)
            except (PluginUnknown, SandboxUnavailable):
                continue
            self._recycle(name, plugin.content_hash(), sandbox.name)
            with self._lock:
                missing = count - len(self._waiting[name]) - self._starting[name]
                self._starting[name] += max(0, missing)
            for _ in range(missing):
                self._starters.submit(self._start, plugin, sandbox).add_done_callback(_log_failure)

    def _wanted_count(self, taken: deque[float]) -> int:
        recent = sum(1 for moment in taken if time.monotonic() - moment < BUSY_WINDOW_S)
        return min(MOST_READY, max(self._size, recent))

    def _start(self, plugin: Plugin, sandbox: Sandbox) -> None:
        try:
            if self._closing:
                return
            child = sandbox.start(plugin)
            item = _Waiting(child, sandbox.name, plugin.content_hash(), time.monotonic())
            with self._lock:
                if self._closing:
                    self._doomed.append(child)
                else:
                    self._waiting[plugin.name].append(item)
        finally:
            with self._lock:
                self._starting[plugin.name] -= 1

    def _recycle(self, name: str, content_hash: str, sandbox: str) -> None:
        oldest = time.monotonic() - MAX_AGE_S
        with self._lock:
            line = self._waiting[name]
            kept = [
                item
                for item in line
                if item.content_hash == content_hash
                and item.sandbox == sandbox
                and item.since > oldest
                and item.child.is_alive()
            ]
            self._doomed.extend(item.child for item in line if item not in kept)
            self._waiting[name] = deque(kept)


def _log_failure(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.warning("no child could be started ahead: %s", error)


_pool: tuple[int, WarmPool] | None = None


def open_pool(*plugins: str) -> WarmPool | None:
    """Let this process keep children ready, at first for these plugins; None if PLUGIN_POOL_SIZE is 0."""
    global _pool
    size = plugin_settings().POOL_SIZE
    if size == 0:
        return None
    if _pool is None or _pool[0] != os.getpid():
        _pool = (os.getpid(), WarmPool(size))
    _pool[1].keep_ready(*plugins)
    return _pool[1]


def close_pool() -> None:
    """Destroy what waits; the next calls start their own children."""
    global _pool
    if _pool is not None and _pool[0] == os.getpid():
        _pool[1].close()
    _pool = None


def take(plugin: Plugin) -> tuple[Child, str]:
    """Return a child that has served nobody, and the name of its sandbox.

    Raises:
        SandboxUnavailable: none can be had.
    """
    sandbox = sandbox_for(plugin)
    child = None
    if _pool is not None and _pool[0] == os.getpid():
        child = _pool[1].take(plugin, sandbox)
    return child or sandbox.start(plugin), sandbox.name


def discard(child: Child) -> None:
    """Destroy a child that has served its action; where there is a pool, without waiting for it."""
    if _pool is not None and _pool[0] == os.getpid():
        _pool[1].discard(child)
    else:
        child.destroy()
