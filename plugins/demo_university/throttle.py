"""Canvas's leaky bucket: each request costs a little, the bucket leaks, and a full bucket refuses.

Source: Canvas, doc/api/throttling.md: maximum 800, high-water mark 600, outflow 10 a second, 50 charged in
advance for each request that is under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

OUTFLOW_PER_S = 10.0
UP_FRONT = 50.0


@dataclass
class _Bucket:
    level: float = 0.0
    at: float = 0.0


class Throttle:
    def __init__(
        self, high_water: float = 600.0, maximum: float = 800.0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.high_water, self.maximum, self._clock = high_water, maximum, clock
        self._buckets: dict[int, _Bucket] = {}

    def enter(self, token_id: int) -> bool:
        """Charge a request in advance; False when the bucket is over its mark and the request is refused."""
        bucket = self._leak(token_id)
        if bucket.level > self.high_water:
            return False
        bucket.level += UP_FRONT
        return True

    def leave(self, token_id: int, cost: float) -> float:
        """Replace the advance by the real cost; the remaining quota."""
        bucket = self._leak(token_id)
        bucket.level = min(max(bucket.level - UP_FRONT, 0.0) + cost, self.maximum)
        return max(self.high_water - bucket.level, 0.0)

    def _leak(self, token_id: int) -> _Bucket:
        bucket = self._buckets.setdefault(token_id, _Bucket())
        now = self._clock()
        bucket.level = max(bucket.level - (now - bucket.at) * OUTFLOW_PER_S, 0.0)
        bucket.at = now
        return bucket
