"""What stands in the log of a value that is too long for an event."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from hashlib import sha256
from typing import Any

MAX_IN_EVENT = 8_000
"""A longer result or variable stands in the log by its digest only."""
_UNEVEN = re.compile(r"\de[+-]?\d|-0\.0")
"""Numbers that `jsonb` gives back in another way than they were written."""


def digest_of(value: Any) -> str:
    """The SHA-256 of a JSON value as PostgreSQL gives it back, however it was written."""
    return sha256(canonical(value).encode()).hexdigest()


def canonical(value: Any) -> str:
    """The one text of a JSON value: sorted keys, and numbers as `jsonb` keeps them."""
    text = json.dumps(value, sort_keys=True)
    if _UNEVEN.search(text):
        text = json.dumps(json.loads(text, parse_float=_as_kept), sort_keys=True)
    return text


def _as_kept(number: str) -> int | float:
    """`1e+22` comes back from `jsonb` as a whole number, and -0.0 without its sign."""
    value = Decimal(number)
    if "e" in number.lower() and value == value.to_integral_value():
        return int(value)
    return float(value) or 0.0
