"""When a failed attempt is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

TIMEOUT = "timeout"
"""It took too long."""
RATE_LIMITED = "rate_limited"
"""The other side asks for patience."""
UNAVAILABLE = "unavailable"
"""The other side cannot be reached, or says that it cannot answer now."""
LOST = "lost"
"""The worker that did it is gone."""
UNEXPECTED = "unexpected"
"""A fault that nobody foresaw."""
PERMANENT = "permanent"
"""The same call will never work."""

RETRYABLE = frozenset({TIMEOUT, RATE_LIMITED, UNAVAILABLE, LOST, UNEXPECTED})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off: 1 s, 2 s, 4 s, … up to five minutes, each up to a quarter longer or shorter.

    The spread keeps many steps that failed together (a host that was down) from coming back together.
    """

    max_retries: int = 3
    retry_on: frozenset[str] = RETRYABLE
    """The kinds of error after which it is worth another attempt."""
    first_delay_s: float = 1.0
    factor: float = 2.0
    longest_delay_s: float = 300.0
    spread: float = 0.25

    def next_delay(
        self, attempt: int, *, retry_after_s: float | None = None, random_unit: float | None = None
    ) -> float | None:
        """Seconds until the next attempt, after `attempt` of them (from 1); None when none is left.

        `retry_after_s` is what the other side asked for; it wins when it is longer.
        """
        if attempt > self.max_retries:
            return None
        delay = min(self.first_delay_s * self.factor ** min(attempt - 1, 30), self.longest_delay_s)
        unit = random.random() if random_unit is None else random_unit  # noqa: S311 - no secret depends on it
        delay *= 1 - self.spread + 2 * self.spread * unit
        return max(delay, min(retry_after_s or 0.0, 3600.0))
