"""Children started ahead, so that a call does not pay for the start. One process owns the pool.

Each child still serves one action of one user: the pool holds only children that have served nobody. Starting and
ending containers costs the processor that calls run on, so a few hands do all of it, in this order: what a call waits
for, what has to go, what is kept ready; and the last two wait while calls talk, though never long. Calls beyond the
pool wait for a hand in turn (`turns.py`). Without `open_pool` (tests, commands) every call starts its own child.
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
from plugins.sandbox.choice import sandbox_for
from plugins.sandbox.reaper import Reaper
from plugins.sandbox.turns import Ticket, Turns

logger = logging.getLogger(__name__)
# Shorter than the SDK waits for a first message before it ends itself.
MAX_AGE_S = 240.0
PLAN_EVERY_S = 5.0
# A sync takes children in a burst: as many are kept ready as were taken of late.
BUSY_WINDOW_S = 10.0
# One more than there are processors: starts wait for the engine as often as they use one.
HANDS = max(2, min(8, (os.cpu_count() or 2) + 1))
# What is not urgent waits until no call has talked for a moment, but no longer than this.
QUIET_S, PATIENCE_S = 0.02, 0.25
MOST_DOOMED = 2 * HANDS
AFTER_FAILURE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    child: Child
    sandbox: str
    content_hash: str
    since: float


@dataclass(frozen=True, slots=True)
class _Refill:
    plugin: Plugin
    sandbox: Sandbox
    content_hash: str
    since: float


class WarmPool:
    """Waiting children by plugin, at most `size` of each unless it is busy, at most `total` of all."""

    def __init__(self, size: int, total: int) -> None:
        self._size, self._total = size, total
        self._waiting: dict[str, deque[_Waiting]] = defaultdict(deque)
        self._wanted: dict[str, deque[float]] = {}
        self._starting: dict[str, int] = defaultdict(int)
        self._not_before: dict[str, float] = {}
        self._refills: deque[_Refill] = deque()
        self._doomed: deque[tuple[float, Child]] = deque()
        self._turns = Turns()
        self._talking, self._quiet_since, self._busy_hands = 0, 0.0, 0
        self._planned = threading.Event()
        self._change = threading.Condition()
        self._wake = threading.Event()
        self._closing = False
        self._threads = [threading.Thread(target=self._keep_planned, name="plugin-pool", daemon=True)]
        self._threads += [
            threading.Thread(target=self._work, name=f"plugin-hand-{n}", daemon=True) for n in range(HANDS)
        ]
        for thread in self._threads:
            thread.start()

    # --- Calls ---------------------------------------------------------------------------------------------

    def take(self, plugin: Plugin, sandbox: Sandbox, *, owner: int, wait_s: float) -> Child:
        """Return a waiting child of this plugin, or one that is started when it is this student's turn.

        Raises:
            SandboxUnavailable: none could be started, or none came within `wait_s`.
        """
        content_hash = plugin.content_hash()
        with self._change:
            if self._closing:
                raise SandboxUnavailable("The plugin worker is stopping.")
            self._talking += 1
            self._wanted.setdefault(plugin.name, deque(maxlen=64)).append(time.monotonic())
            child = self._pop(plugin.name, sandbox.name, content_hash)
            if child is None:
                ticket = Ticket(plugin, sandbox, owner, content_hash)
                self._turns.add(ticket)
                self._change.notify()
            self._planned.clear()
        self._wake.set()
        if child is not None:
            return child
        try:
            return ticket.wait(wait_s, self._give_up)
        except SandboxUnavailable:
            self._call_is_over()
            raise

    def discard(self, child: Child) -> None:
        """Destroy a child that has served its call, soon and in the background."""
        with self._change:
            self._doomed.append((time.monotonic(), child))
        self._call_is_over()

    def _call_is_over(self) -> None:
        with self._change:
            self._talking = max(0, self._talking - 1)
            self._quiet_since = time.monotonic()
            self._change.notify()

    def _give_up(self, ticket: Ticket) -> bool:
        with self._change:
            return self._turns.remove(ticket)

    def _pop(self, name: str, sandbox: str, content_hash: str) -> Child | None:
        line = self._waiting[name]
        while line:
            item = line.popleft()
            if item.sandbox == sandbox and item.content_hash == content_hash and item.child.is_alive():
                return item.child
            self._doomed.append((time.monotonic(), item.child))
        return None

    # --- What others may know ------------------------------------------------------------------------------

    def keep_ready(self, *plugins: str) -> None:
        """Keep children of these plugins ready before anyone asks for one."""
        with self._change:
            for name in plugins:
                self._wanted.setdefault(name, deque(maxlen=64))
            self._planned.clear()
        self._wake.set()

    def counts(self) -> dict[str, int]:
        """Return how many children wait, by plugin."""
        with self._change:
            return {name: len(line) for name, line in self._waiting.items() if line}

    def is_settled(self) -> bool:
        """Tell whether everything that was to be started or ended is."""
        with self._change:
            idle = not (self._refills or self._doomed or self._turns or self._busy_hands or self._talking)
            return idle and self._planned.is_set()

    def close(self) -> None:
        """Destroy every waiting child and stop."""
        with self._change:
            self._closing = True
            while (ticket := self._turns.next()) is not None:
                ticket.settle(error=SandboxUnavailable("The plugin worker is stopping."))
            self._doomed.extend((0.0, item.child) for line in self._waiting.values() for item in line)
            self._waiting.clear()
            self._refills.clear()
            self._change.notify_all()
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=30)

    # --- Hands ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._change:
                job, wait_s = self._next_job()
                while job is None and not (self._closing and not self._doomed):
                    self._change.wait(wait_s)
                    job, wait_s = self._next_job()
                if job is None:
                    return
                self._busy_hands += 1
            try:
                self._do(job)
            except Exception:
                # The pool is an optimisation: whatever breaks here must not take its hands with it.
                logger.exception("the plugin pool could not do its work")
            finally:
                with self._change:
                    self._busy_hands -= 1
                    self._change.notify()

    def _next_job(self) -> tuple[Ticket | _Refill | Child | None, float | None]:
        """Take out what is to be done next; if there is nothing yet, say how long to wait for it."""
        now = time.monotonic()
        if self._closing:
            return (self._doomed.popleft()[1] if self._doomed else None), None
        if len(self._doomed) < MOST_DOOMED and (ticket := self._turns.next()) is not None:
            return ticket, None
        is_quiet = not self._talking and now - self._quiet_since >= QUIET_S
        since = [
            line[0] for line in ([entry[0] for entry in self._doomed], [item.since for item in self._refills]) if line
        ]
        if not since:
            return None, None
        if not is_quiet and len(self._doomed) < MOST_DOOMED and now - min(since) < PATIENCE_S:
            return None, QUIET_S if not self._talking else max(0.001, min(since) + PATIENCE_S - now)
        if self._doomed:
            return self._doomed.popleft()[1], None
        refill = self._refills.popleft()
        self._starting[refill.plugin.name] += 1
        return refill, None

    def _do(self, job: Ticket | _Refill | Child) -> None:
        if not isinstance(job, Ticket | _Refill):
            job.destroy()
            return
        name = job.plugin.name
        child, error = None, None
        try:
            child = job.sandbox.start(job.plugin)
        except SandboxUnavailable as failure:
            error = failure
        except Exception as failure:
            logger.exception("no child of %s could be started", name)
            error = SandboxUnavailable(f"{job.plugin.title} could not be started. It was logged.")
            error.__cause__ = failure
        with self._change:
            if isinstance(job, _Refill):
                self._starting[name] -= 1
            if isinstance(job, Ticket):
                job.settle(child, error)
            elif child is None:
                logger.warning("no child of %s could be started ahead: %s", name, error)
                self._not_before[name] = time.monotonic() + AFTER_FAILURE_S
            elif self._closing:
                self._doomed.append((0.0, child))
            elif (ticket := self._turns.next_for(name, job.content_hash, job.sandbox.name)) is not None:
                ticket.settle(child)
            else:
                self._waiting[name].append(_Waiting(child, job.sandbox.name, job.content_hash, time.monotonic()))
        if child is None:
            self._wake.set()

    # --- The plan ------------------------------------------------------------------------------------------

    def _keep_planned(self) -> None:
        while not self._closing:
            self._wait_for_quiet()
            try:
                self._plan()
            except Exception:
                logger.exception("the plugin pool could not be refilled")
            self._wake.wait(timeout=PLAN_EVERY_S)
            self._wake.clear()

    def _wait_for_quiet(self) -> None:
        """Return once no call talked for a moment, or after a while: a plan takes the interpreter from calls.

        A call that has just handed back its child is about to write how it ended.
        """
        until = time.monotonic() + PATIENCE_S
        with self._change:
            while not self._closing:
                now = time.monotonic()
                calm_at = now + QUIET_S if self._talking else self._quiet_since + QUIET_S
                if now >= min(calm_at, until):
                    return
                self._change.wait((until if self._talking else min(calm_at, until)) - now)

    def _plan(self) -> None:
        """Recycle what is old or no longer fits, and queue what is missing."""
        with self._change:
            self._planned.set()
            shares = self._shares()
        for name, count in shares.items():
            try:
                plugin = get_plugin(name)
                sandbox = sandbox_for(plugin)
            except (PluginUnknown, SandboxUnavailable):
                self._recycle(name, "", "", 0)
                continue
            content_hash = plugin.content_hash()
            self._recycle(name, content_hash, sandbox.name, count)
            with self._change:
                queued = sum(1 for item in self._refills if item.plugin.name == name)
                missing = count - len(self._waiting[name]) - self._starting[name] - queued
                if missing <= 0 or self._closing or time.monotonic() < self._not_before.get(name, 0):
                    continue
                refill = _Refill(plugin, sandbox, content_hash, time.monotonic())
                self._refills.extend([refill] * missing)
                self._change.notify_all()

    def _shares(self) -> dict[str, int]:
        """How many children of each plugin to keep: those asked for last come first where the total is short."""
        now = time.monotonic()
        wishes = {}
        for name, taken in self._wanted.items():
            recent = sum(1 for moment in taken if now - moment < BUSY_WINDOW_S)
            wishes[name] = max(self._size, recent) if self._size else 0
        by_use = sorted(wishes, key=lambda name: max(self._wanted[name], default=0.0), reverse=True)
        shares, left = dict.fromkeys(by_use, 0), self._total
        while left > 0 and any(shares[name] < wishes[name] for name in by_use):
            for name in by_use:
                if left > 0 and shares[name] < wishes[name]:
                    shares[name] += 1
                    left -= 1
        return shares

    def _recycle(self, name: str, content_hash: str, sandbox: str, count: int) -> None:
        oldest = time.monotonic() - MAX_AGE_S
        with self._change:
            line, kept = self._waiting[name], deque[_Waiting]()
            surplus = max(0, sum(map(len, self._waiting.values())) - self._total, 0 if count else len(line))
            for item in line:
                fits = item.content_hash == content_hash and item.sandbox == sandbox
                if surplus > 0 and len(line) > count:
                    surplus, fits = surplus - 1, False
                if fits and item.since > oldest and item.child.is_alive():
                    kept.append(item)
                else:
                    self._doomed.append((time.monotonic(), item.child))
            self._waiting[name] = kept
            self._refills = deque(
                item for item in self._refills if item.plugin.name != name or item.content_hash == content_hash
            )
            self._change.notify()


_pool: tuple[int, WarmPool, Reaper] | None = None


def open_pool(*plugins: str) -> WarmPool:
    """Let this process keep children ready, at first for these plugins, and share out what calls need beyond them."""
    global _pool
    if _pool is None or _pool[0] != os.getpid():
        settings = plugin_settings()
        _pool = (os.getpid(), WarmPool(settings.POOL_SIZE, settings.POOL_TOTAL), Reaper())
    _pool[1].keep_ready(*plugins)
    return _pool[1]


def close_pool() -> None:
    """Destroy what waits; the next calls start their own children."""
    global _pool
    mine, _pool = own_pool(), None
    if mine is not None:
        mine[2].stop()
        mine[1].close()


def own_pool() -> tuple[int, WarmPool, Reaper] | None:
    """Return this process's own pool, never that of the process it was forked from."""
    return _pool if _pool is not None and _pool[0] == os.getpid() else None


def take(plugin: Plugin, *, owner: int = 0, wait_s: float = 60.0) -> tuple[Child, str]:
    """Return a child that has served nobody, and the name of its sandbox; `owner` is the student it is for.

    Raises:
        SandboxUnavailable: none can be had, or none in `wait_s`.
    """
    sandbox = sandbox_for(plugin)
    if (mine := own_pool()) is not None:
        return mine[1].take(plugin, sandbox, owner=owner, wait_s=wait_s), sandbox.name
    return sandbox.start(plugin), sandbox.name


def discard(child: Child) -> None:
    """Destroy a child that has served its action; where there is a pool, without waiting for it."""
    if (mine := own_pool()) is not None:
        mine[1].discard(child)
    else:
        child.destroy()
