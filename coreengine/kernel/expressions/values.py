"""Values on their way into CEL and out of it, as JSON would carry them.

Texts, numbers, truth values, null, lists, and maps with text keys cross in both directions. On the way out a
timestamp becomes RFC 3339 text, a duration seconds ("90s"), bytes base64 (CEL's own JSON mapping), and a type
its name. A NUL silently cuts a string short in the library and a lone surrogate aborts the call: both are
refused on the way in.

This module imports nothing from the project: the evaluating child process loads it on its own.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cel_expr_python import cel

MAX_RESULT_SIZE = 1_000_000
MAX_DEPTH = 64
OPTIONAL_RESULT = "The result is or holds an optional value: end it with .orValue(…) or .value()."

_SPAN_PART = re.compile(r"(\d+)(?:\.(\d+))?(h|ms|us|ns|m|s)")
_NANOS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_TYPE_NAMES = {
    "NULL": "null_type",
    "TIMESTAMP": "google.protobuf.Timestamp",
    "DURATION": "google.protobuf.Duration",
}


class Refused(Exception):
    """Why an expression has no value, in words. `line` and `column` count from 1, 0 when unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0, unknown_function: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column
        self.unknown_function = unknown_function


class Meter:
    """Counts the size of values and refuses what is too large."""

    def __init__(self, limit: int, what: str) -> None:
        self.limit, self.what, self.used = limit, what, 0

    def add(self, size: int) -> None:
        self.used += size
        if self.used > self.limit:
            raise Refused(f"{self.what} is too large: more than {self.limit:,} characters.")


def from_python(value: Any, meter: Meter, depth: int = 0) -> Any:
    """Turn plain data into what the library takes, copying containers."""
    if value is None or isinstance(value, bool | int | float):
        meter.add(8)
        return value
    if isinstance(value, str):
        meter.add(len(value) + 8)
        if "\x00" in value or not (value.isascii() or is_utf8(value)):
            raise Refused("A text in the data contains a character that cannot be used (NUL or half a surrogate pair).")
        return value
    if depth >= MAX_DEPTH:
        raise Refused(f"The data is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, Mapping):
        meter.add(8)
        copied: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise Refused(f"A map in the data has the key {key!r}; keys must be texts.")
            copied[from_python(key, meter, depth + 1)] = from_python(item, meter, depth + 1)
        return copied
    if isinstance(value, list | tuple):
        meter.add(8)
        return [from_python(item, meter, depth + 1) for item in value]
    if isinstance(value, datetime | date | timedelta):
        return to_json(value)
    raise Refused(f"The data contains a value of the kind {type(value).__name__}, which expressions cannot use.")


def from_cel(value: Any, *, has_computed_keys: bool = False, may_hold_optionals: bool = False) -> Any:
    """Turn the value of an evaluation into what JSON can carry. It must not be an error.

    Raises:
        Refused: too large, nested too deep, not a number, an optional, or a map whose keys would fall together.
    """
    plain = _exact(value) if may_hold_optionals else value.plain_value()
    if has_computed_keys and has_other_keys(plain):
        # The library has put 1, 1u and true into one entry without a word.
        raise Refused("Keys that are worked out must be texts: write string(…) around them.")
    try:
        return _to_json(plain, Meter(MAX_RESULT_SIZE, "The result"), 0, from_library=True)
    except _Inexact:
        return to_json(_exact(value))


def to_json(value: Any) -> Any:
    """Turn plain data into what JSON can carry.

    Raises:
        Refused: too large, nested too deep, not a number, or a map whose keys would fall together.
    """
    return _to_json(value, Meter(MAX_RESULT_SIZE, "The result"), 0)


def _to_json(value: Any, meter: Meter, depth: int, *, from_library: bool = False) -> Any:
    if value is None or isinstance(value, bool | int):
        meter.add(4)
        return value
    if isinstance(value, str):
        meter.add(len(value) + 2)
        if "\x00" in value or not (value.isascii() or is_utf8(value)):
            raise Refused("The result contains a character that cannot be stored (NUL or half a surrogate pair).")
        return value
    if isinstance(value, float):
        meter.add(8)
        if not math.isfinite(value):
            raise Refused("The result is not a finite number (a division by zero?).")
        return value
    if depth >= MAX_DEPTH:
        raise Refused(f"The result is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, list | tuple):
        meter.add(2)
        return [_to_json(item, meter, depth + 1, from_library=from_library) for item in value]
    if isinstance(value, Mapping):
        meter.add(2)
        answer: dict[str, Any] = {}
        for key, item in value.items():
            name = _key(key)
            meter.add(len(name) + 4)
            if name in answer:
                raise Refused(f"Two keys of a map in the result become the same text: {name}.")
            answer[name] = _to_json(item, meter, depth + 1, from_library=from_library)
        return answer
    if from_library and isinstance(value, datetime | timedelta | cel.Type):
        raise _Inexact
    return _to_json(_scalar(value), meter, depth)


def _scalar(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return seconds_of(value // timedelta(microseconds=1) * 1000)
    raise Refused(f"The result has the kind {type(value).__name__}, which cannot be stored.")


class _Inexact(Exception):
    """Python's own moments end at microseconds, CEL's at nanoseconds."""


def _exact(value: Any) -> Any:
    """The plain value with moments, spans and types spelled by the library itself."""
    kind = value.type().name()
    if kind == "ERROR":
        raise Refused(OPTIONAL_RESULT)
    if kind.startswith("LIST"):
        return [_exact(item) for item in value.value()]
    if kind.startswith("MAP"):
        return {key: _exact(item) for key, item in value.value().items()}
    if kind == "TIMESTAMP":
        year, rest = str(value).split("-", 1)
        return f"{year:0>4}-{rest}"
    if kind == "DURATION":
        return seconds_of(_nanoseconds(str(value)))
    if kind.startswith("TYPE"):
        return type_name_of(value.plain_value())
    return value.plain_value()


def type_name_of(kind: cel.Type) -> str:
    """How CEL spells a type."""
    name = kind.name().partition("<")[0]
    return _TYPE_NAMES.get(name, name.lower())


def _nanoseconds(span: str) -> int:
    """Read `-1h30m1.5s`."""
    total = 0
    for whole, fraction, unit in _SPAN_PART.findall(span):
        total += int(whole) * _NANOS[unit] + int((fraction or "0").ljust(9, "0")[:9]) * _NANOS[unit] // 10**9
    return -total if span.startswith("-") else total


def seconds_of(nanoseconds: int) -> str:
    """A span as CEL's JSON mapping spells it: `1.5s`."""
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'-' if nanoseconds < 0 else ''}{seconds}{fraction}s"


def has_other_keys(value: Any) -> bool:
    """Say whether a map in there has a key that is no text."""
    if isinstance(value, Mapping):
        return any(not isinstance(key, str) or has_other_keys(item) for key, item in value.items())
    return isinstance(value, list) and any(has_other_keys(item) for item in value)


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str):
        if "\x00" in key or not is_utf8(key):
            raise Refused("A key in the result contains a character that cannot be stored.")
        return key
    return str(key)


def is_utf8(text: str) -> bool:
    """Say whether a text has no half surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
