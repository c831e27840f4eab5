"""What the database can keep as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def unstorable(value: Any, path: str = "", depth: int = 0) -> tuple[str, str] | None:
    """Where and why a value cannot be kept as JSON in the database, or None."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return path, "This text contains half a surrogate pair."
        return (path, "This text contains a NUL character.") if "\x00" in value else None
    if isinstance(value, float) and not math.isfinite(value):
        return path, "This is not a finite number."
    if depth > 60:
        return path, "This is nested too deep."
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            if not isinstance(key, str):
                return here, "Keys must be texts."
            found = unstorable(key, here) or unstorable(item, here, depth + 1)
            if found:
                return found
        return None
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            found = unstorable(item, f"{path}[{index}]", depth + 1)
            if found:
                return found
        return None
    if value is None or isinstance(value, bool | int | float):
        return None
    return path, f"A value of the kind {type(value).__name__} cannot be kept."
