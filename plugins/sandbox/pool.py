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
from dataclasses import dataclass

from plugins.conf import plugin_settings
from plugins.errors import SandboxUnavailable
from plugins.registry import Plugin, PluginUnknown, get_plugin
from plugins.sandbox.base import Child, Sandbox
from plugins.sandbox.choice import docker_sandbox, sandbox_for

logger = logging.getLogger(__name__)
MAX_AGE_S = 300.0
REAP_EVERY_S = 30.0


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
        self._wanted: set[str] = set()
        self._doomed: deque[Child] = deque()
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
            self._wanted.add(plugin.name)
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
        with self._lock:
            children = [item.child for line in self._waiting.values() for item in line] + list(self._doomed)
            self._waiting.clear()
            self._doomed.clear()
        for child in children:
            child.destroy()

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
                    self._doomed.popleft().destroy()
                if time.monotonic() - reaped_at > REAP_EVERY_S:
                    reaped_at = time.monotonic()
                    docker_sandbox().reap()
            except Exception:
                # The pool is an optimisation: whatever breaks here, calls start their own children.
                logger.exception("the plugin pool could not be refilled")

    def _fill(self) -> None:
        for name in sorted(self._wanted):
            try:
                plugin = get_plugin(name)
                sandbox = sandbox_for(plugin)
            except (PluginUnknown, SandboxUnavailable):
                continue
            content_hash = plugin.content_hash()
            self._recycle(name, content_hash, sandbox.name)
            while not self._closing and len(self._waiting[name]) < self._size:
                try:
                    child = sandbox.start(plugin)
                except SandboxUnavailable as error:
                    logger.warning("no child of %s could be started ahead: %s", name, error)
                    break
                with self._lock:
                    self._waiting[name].append(_Waiting(child, sandbox.name, content_hash, time.monotonic()))

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


_pool: tuple[int, WarmPool] | None = None


def open_pool(*plugins: str) -> WarmPool | None:
    """Let this process keep children ready, at first for these plugins; None if PLUGIN_POOL_SIZE is 0."""
    global _pool
    size = plugin_settings().POOL_SIZE
    if size == 0:
        return None
    if _pool is None or _pool[0] != os.getpid():
        _pool = (os.getpid(), WarmPool(size))
    _pool[1]._wanted.update(plugins)
    _pool[1]._wake.set()
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
