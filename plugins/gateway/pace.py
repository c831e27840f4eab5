"""How fast one connection may ask: a shared budget per minute, and the pauses that the other side asked for."""

from __future__ import annotations

import time

from django.core.cache import cache


class Pace:
    """The pace of one connection, shared by every process through the cache. A lost cache only forgets pauses."""

    def __init__(self, key: object, per_minute: int) -> None:
        self._key = key
        self._per_minute = per_minute

    def wait_s(self) -> float:
        """Take one request from the budget; return how long to wait before making it, 0 for not at all."""
        now = time.time()
        window = int(now // 60)
        name = f"plugins:pace:{self._key}:{window}"
        values = cache.get_many([f"plugins:pause:{self._key}"])
        pause = max(0.0, float(values.get(f"plugins:pause:{self._key}", 0)) - now)
        cache.add(name, 0, 120)
        try:
            used = cache.incr(name)
        except ValueError:  # it ran out in between
            used = 1
        if used <= self._per_minute:
            return pause
        return max(pause, (window + 1) * 60 - now)

    def pause(self, seconds: float) -> None:
        """Let every request of this connection wait: the other side asked for it."""
        cache.set(f"plugins:pause:{self._key}", time.time() + seconds, max(1, int(seconds) + 1))
