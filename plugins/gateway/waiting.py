"""How long an answer asks us to wait, in the words of each service.

Sources: RFC 9110 section 10.2.3 (Retry-After); Canvas, Throttling; GitHub, Rate limits for the REST API
("retry-after, then x-ratelimit-reset, then at least one minute, growing"); Google Drive, Resolve errors.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping

from plugins.gateway.headers import retry_after_s

LEAST_S, MOST_S = 0.1, 86_400.0
GITHUB_SECONDARY_S = 60.0
FALLBACK_S = 1.0
FALLBACK_MOST_S = 64.0
_GOOGLE_REASONS = {"userRateLimitExceeded", "rateLimitExceeded", "sharingRateLimitExceeded"}
# Below so many units Canvas's bucket is nearly full; ten units flow out every second.
CANVAS_LOW, CANVAS_PER_SECOND, CANVAS_MOST_S = 100.0, 10.0, 10.0


def asked_to_wait(status: int, headers: Mapping[str, str], body: bytes, tries: int) -> float | None:
    """Return the seconds to wait if an answer says that we ask too much, else None; `tries` went before it."""
    if status == 503:
        asked = retry_after_s(headers.get("retry-after", ""))
        return None if asked is None else _bounded(asked)
    if status not in {403, 429}:
        return None
    is_secondary = b"secondary rate limit" in body[:4000] or b"abuse detection" in body[:4000]
    is_used_up = headers.get("x-ratelimit-remaining", "") == "0"
    is_throttled = (
        status == 429
        or is_secondary
        or is_used_up
        or "retry-after" in headers
        or b"Rate Limit Exceeded" in body[:2000]
        or _google_reason(body) in _GOOGLE_REASONS
    )
    if not is_throttled:
        return None
    asked = retry_after_s(headers.get("retry-after", ""))
    if asked is not None:
        return _bounded(asked)
    reset = _number(headers.get("x-ratelimit-reset", ""))
    if is_used_up and reset is not None:
        return _bounded(reset - time.time() + 1.0)
    if is_secondary:
        return _bounded(GITHUB_SECONDARY_S * 2**tries)
    return jittered(FALLBACK_S, tries)


def wait_before_next(headers: Mapping[str, str]) -> float:
    """Return the seconds that the next request should wait, by what is left of the budget after a good answer."""
    left = _number(headers.get("x-rate-limit-remaining", ""))
    if left is not None and left < CANVAS_LOW:
        return min(CANVAS_MOST_S, (CANVAS_LOW - left) / CANVAS_PER_SECOND)
    reset = _number(headers.get("x-ratelimit-reset", ""))
    if headers.get("x-ratelimit-remaining", "") == "0" and reset is not None:
        return min(MOST_S, max(0.0, reset - time.time() + 1.0))
    return 0.0


def jittered(base_s: float, tries: int) -> float:
    """Return a wait that doubles with every try, with up to half of it by chance, so that many do not come at once."""
    whole = min(FALLBACK_MOST_S, base_s * 2**tries)
    return whole / 2 + random.random() * whole / 2  # noqa: S311, spreads load; nothing secret


def _bounded(seconds: float) -> float:
    return min(MOST_S, max(LEAST_S, seconds))


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < 1e12 else None


def _google_reason(body: bytes) -> str:
    if b"ateLimitExceeded" not in body[:4000]:
        return ""
    try:
        errors = json.loads(body)["error"]["errors"]
        return str(errors[0]["reason"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return ""
