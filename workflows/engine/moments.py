"""Times and durations as people write them in definitions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

LONGEST_WAIT_S = 366 * 24 * 3600
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")


def read_duration(value: Any) -> float | None:
    """Seconds of a number or of a text such as `90s`, `2h30m` or `1d`; None when it is neither, or too long."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        seconds = float(value)
    elif isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value.strip()))
    else:
        return None
    return seconds if 0 <= seconds <= LONGEST_WAIT_S else None


def read_time(value: Any) -> datetime | None:
    """The moment of an RFC 3339 text such as `2026-01-31T08:00:00Z`; None when it is not one."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


def as_text(moment: datetime) -> str:
    """A moment as RFC 3339 text."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
