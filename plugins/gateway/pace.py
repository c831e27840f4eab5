"""How fast one connection may ask: a shared budget, pauses that the other side asked for, and writes one at a time.

The budget is a bucket of requests that refills evenly. Who comes when it is empty gets the next free moment, in the
order of asking, whatever process they ask from. State lives in Redis; where that is away, each process keeps its own.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import redis
from django.conf import settings

from coreengine.kernel.streams import client

logger = logging.getLogger(__name__)
PREFIX = "ce:pace"
KEEP_S = 86_400
POLL_S = 0.1
"""How long to wait before asking again whether another write of the connection is over."""


@dataclass(frozen=True, slots=True)
class Slot:
    """When a request may be made: in `wait_s` seconds; 0 is now, and then a write holds `token`.

    Beyond the patience that was given nothing is taken: `wait_s` only says how long it would have been.
    """

    wait_s: float
    is_taken: bool
    token: str = ""


class PaceStore(Protocol):
    """Where the pace of connections is kept. Times are seconds since the epoch."""

    def take(self, key: str, *, per_minute: int, patience_s: float) -> tuple[float, bool]:
        """Take the next free moment of a bucket: (seconds until then, whether it was taken)."""

    def pause(self, key: str, until: float) -> None:
        """Let nobody begin before a moment; an earlier one changes nothing."""

    def begin_write(self, key: str, token: str, lease_s: float) -> float:
        """Become the one who writes, and return 0; else the seconds after which to ask again."""

    def end_write(self, key: str, token: str, gap_s: float) -> None:
        """Let the next one write, not before `gap_s` seconds have passed."""


class Pace:
    """The pace of one connection towards one host after the other."""

    def __init__(self, key: object, per_minute: int, store: PaceStore | None = None) -> None:
        self._key = str(key)
        self._per_minute = max(1, per_minute)
        self._store = store or pace_store()

    def take(self, host: str, *, patience_s: float) -> Slot:
        """Take one request from the budget."""
        key = f"{self._key}:{host}"
        wait_s, is_taken = self._store.take(key, per_minute=self._per_minute, patience_s=patience_s)
        return Slot(wait_s, is_taken)

    def pause(self, host: str, seconds: float) -> None:
        """Let every request of this connection to this host wait: the other side asked for it."""
        self._store.pause(f"{self._key}:{host}", time.time() + seconds)

    def begin_write(self, host: str, lease_s: float) -> Slot:
        """Become the one request of this connection that writes there."""
        token = secrets.token_hex(8)
        wait_s = self._store.begin_write(f"{self._key}:{host}", token, lease_s)
        return Slot(wait_s, wait_s <= 0, token)

    def end_write(self, host: str, slot: Slot, gap_s: float) -> None:
        """Make room for the next write, `gap_s` seconds from now."""
        self._store.end_write(f"{self._key}:{host}", slot.token, gap_s)


# A bucket of `per_minute` requests that refills evenly, as one number: the moment at which it would be full again.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local every = 60 / tonumber(ARGV[1])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = math.max(0, full + every - 60 - now)
local pause = tonumber(redis.call('GET', KEYS[2]) or 0) - now
if pause > wait then wait = pause end
if wait > tonumber(ARGV[2]) then return {tostring(wait), 0} end
redis.call('SET', KEYS[1], string.format('%.6f', full + every), 'EX', 180)
return {tostring(wait), 1}
"""
_PAUSE = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or 0) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""
_BEGIN = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local gap = tonumber(redis.call('GET', KEYS[2]) or 0) - now
if gap > 0 then return tostring(gap) end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return '0' end
return ARGV[3]
"""
_END = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
redis.call('DEL', KEYS[1])
if tonumber(ARGV[2]) > 0 then
  local clock = redis.call('TIME')
  local free = clock[1] + clock[2] / 1000000 + tonumber(ARGV[2])
  redis.call('SET', KEYS[2], string.format('%.6f', free), 'PX', math.ceil(ARGV[2] * 1000))
end
"""


class SharedPace:
    """The pace of all processes, in Redis: one round trip a question. Implements `PaceStore`."""

    def __init__(self, connection: redis.Redis | None = None) -> None:
        store = client() if connection is None else connection
        self._take, self._pause, self._begin, self._end = (
            store.register_script(script) for script in (_TAKE, _PAUSE, _BEGIN, _END)
        )
        self._own = LocalPace()

    def take(self, key: str, *, per_minute: int, patience_s: float) -> tuple[float, bool]:
        """See `PaceStore`."""
        try:
            keys = [f"{PREFIX}:{key}", f"{PREFIX}:{key}:pause"]
            wait_s, is_taken = self._take(keys=keys, args=[per_minute, patience_s])
        except redis.RedisError as error:
            logger.warning("the shared pace cannot be reached: %s", error)
            return self._own.take(key, per_minute=per_minute, patience_s=patience_s)
        return float(wait_s), bool(is_taken)

    def pause(self, key: str, until: float) -> None:
        """See `PaceStore`."""
        try:
            left = min(KEEP_S, max(1, int(until - time.time()) + 1))
            self._pause(keys=[f"{PREFIX}:{key}:pause"], args=[f"{until:.6f}", left])
        except redis.RedisError as error:
            logger.warning("the shared pace cannot be reached: %s", error)
            self._own.pause(key, until)

    def begin_write(self, key: str, token: str, lease_s: float) -> float:
        """See `PaceStore`."""
        try:
            keys = [f"{PREFIX}:{key}:writer", f"{PREFIX}:{key}:gap"]
            return float(self._begin(keys=keys, args=[token, max(1, int(lease_s * 1000)), POLL_S]))
        except redis.RedisError as error:
            logger.warning("the shared pace cannot be reached: %s", error)
            return self._own.begin_write(key, token, lease_s)

    def end_write(self, key: str, token: str, gap_s: float) -> None:
        """See `PaceStore`."""
        try:
            self._end(keys=[f"{PREFIX}:{key}:writer", f"{PREFIX}:{key}:gap"], args=[token, gap_s])
        except redis.RedisError as error:
            logger.warning("the shared pace cannot be reached: %s", error)
        self._own.end_write(key, token, gap_s)


@dataclass(slots=True)
class _State:
    full_at: float = 0.0
    pause_until: float = 0.0
    writer: str = ""
    writer_until: float = 0.0
    gap_until: float = 0.0


@dataclass(slots=True)
class LocalPace:
    """The same for this process alone. Implements `PaceStore`."""

    _states: dict[str, _State] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, *, per_minute: int, patience_s: float) -> tuple[float, bool]:
        """See `PaceStore`."""
        now, every = time.time(), 60 / per_minute
        with self._lock:
            state = self._state(key)
            full_at = max(now, state.full_at)
            wait_s = max(0.0, full_at + every - 60 - now, state.pause_until - now)
            if wait_s > patience_s:
                return wait_s, False
            state.full_at = full_at + every
            return wait_s, True

    def pause(self, key: str, until: float) -> None:
        """See `PaceStore`."""
        with self._lock:
            state = self._state(key)
            state.pause_until = max(state.pause_until, until)

    def begin_write(self, key: str, token: str, lease_s: float) -> float:
        """See `PaceStore`."""
        now = time.time()
        with self._lock:
            state = self._state(key)
            if state.gap_until > now:
                return state.gap_until - now
            if state.writer and state.writer_until > now:
                return POLL_S
            state.writer, state.writer_until = token, now + lease_s
            return 0.0

    def end_write(self, key: str, token: str, gap_s: float) -> None:
        """See `PaceStore`."""
        with self._lock:
            state = self._state(key)
            if state.writer == token:
                state.writer, state.gap_until = "", time.time() + gap_s

    def _state(self, key: str) -> _State:
        if len(self._states) > 2_000:  # only where Redis is away for long; the oldest know the least
            for old in list(self._states)[:1_000]:
                del self._states[old]
        return self._states.setdefault(key, _State())


@cache
def pace_store() -> PaceStore:
    """Return where the pace is kept: beside the cache, in Redis, or in this process where the cache is."""
    backend = settings.CACHES["default"]["BACKEND"]
    return SharedPace() if "Redis" in backend else LocalPace()
