"""Functions of CEL's strings extension that `cel_expr_python` 0.1.3 gets wrong, and how calls come to these instead.

- `substring(start, end)` refuses an end that is the size of the text.
- `split("")` of an empty text gives one empty text instead of none.
- `format` writes six digits of a double, cannot write bytes that are no UTF-8, and takes texts for numbers. Its values
  come here as Python's, exact to the microsecond: beside it `timestamp` and `duration` refuse anything finer.

The library allows no second implementation under a name it has. So an expression is checked as it was written, and
then the calls in question get a name of equal length in the checked tree (`@…`, which nobody can write).

This module imports nothing from the project: the evaluating child process loads it on its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cel_expr_python import cel

try:
    from .tree import varint
    from .values import has_other_keys, seconds_of, type_name_of
except ImportError:  # loaded by the child as a plain module
    from tree import varint  # type: ignore[no-redef]
    from values import has_other_keys, seconds_of, type_name_of  # type: ignore[no-redef]

MAX_PRECISION = 1_000
WRONG_CALLS = frozenset({"substring", "split", "format"})
CONVERSIONS = frozenset({"timestamp", "duration"})
OWN_NAMES = {
    "substring": "@substrin",
    "split": "@spli",
    "format": "@forma",
    "timestamp": "@imestamp",
    "duration": "@uration",
}
FORMAT_WITH_TEXT_KEYS = "@form@"

_CLAUSE = re.compile(r"%(?:%|(?:\.([0-9]+))?([sdfexXob]))|%")
_FINER_THAN_MICROSECONDS = re.compile(r"\.\d{7}|\.\d{4,}ms|\.\d+us|ns")
_NOT_UTF8 = re.compile("[\udc80-\udcff]+")
_Span = tuple[int, int]


def substring(text: str, start: int, end: int) -> str:
    """The characters from `start` up to, not including, `end`."""
    if not 0 <= start <= end <= len(text):
        raise ValueError(f"substring({start}, {end}) does not fit a text of {len(text)} characters")
    return _returnable(text[start:end])


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """The parts between separators, at most `limit`; the characters when the separator is empty."""
    _returnable(text)
    if limit in (0, 1):
        return [text] if limit else []
    if separator:
        return text.split(separator, max(limit, 0) - 1)
    if limit < 0 or limit >= len(text):
        return list(text)
    return [*text[: limit - 1], text[limit - 1 :]]


def format_text(text: str, values: list) -> str:
    """Fill the `%` clauses of a text, as doc/extensions/strings.md of the specification says."""
    following = iter(values)

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if not match[2]:
            raise ValueError(f"format does not know what “{text[match.start() : match.start() + 8]}” asks for")
        precision = int(match[1]) if match[1] and len(match[1]) < 6 else MAX_PRECISION + 1 if match[1] else 6
        if precision > MAX_PRECISION:
            raise ValueError(f"format writes at most {MAX_PRECISION} decimals")
        try:
            value = next(following)
        except StopIteration:
            raise ValueError(f"format has more clauses than its {len(values)} values") from None
        return _written(match[2], precision, value)

    return _returnable(_CLAUSE.sub(fill, text))


def format_with_text_keys(text: str, values: list) -> str:
    """As `format_text`, for maps whose keys are worked out: 1, 1u and true have fallen together on their way here."""
    if has_other_keys(values):
        raise ValueError("Keys that are worked out must be texts: write string(…) around them")
    return format_text(text, values)


def _returnable(text: str) -> str:
    if "\x00" in text:  # the library would cut the text short there
        raise ValueError("A text contains a character that cannot be used (NUL)")
    return text


def _written(clause: str, precision: int, value: Any) -> str:
    if clause == "s":
        return _plain(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if clause in "dfe" and (is_whole or isinstance(value, float)):
        if clause == "d" or not math.isfinite(value):
            return _plain(value)
        return f"{float(value):.{precision}{clause}}"
    if (clause in "xXob" and is_whole) or (clause == "b" and isinstance(value, bool)):
        return format(int(value), clause)
    if clause in "xX" and isinstance(value, str | bytes | bytearray):
        digits = (value.encode() if isinstance(value, str) else value).hex()
        return digits.upper() if clause == "X" else digits
    raise ValueError(f"format cannot write this value as %{clause}: {_plain(value)[:40]}")


def _plain(value: Any) -> str:
    """A value as `%s` writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, bytes | bytearray):
        return _NOT_UTF8.sub("\ufffd", value.decode(errors="surrogateescape"))
    if isinstance(value, datetime):
        whole, _, fraction = value.astimezone(UTC).replace(tzinfo=None).isoformat().partition(".")
        return f"{whole}.{fraction.rstrip('0')}Z" if fraction else f"{whole}Z"
    if isinstance(value, timedelta):
        return seconds_of(value // timedelta(microseconds=1) * 1000)
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, dict):
        entries = sorted((_plain(key), _plain(item)) for key, item in value.items())
        return f"{{{', '.join(f'{key}: {item}' for key, item in entries)}}}"
    if isinstance(value, cel.Type):
        return type_name_of(value)
    raise ValueError("format cannot write an optional value: end it with .orValue(…) or .value()")


def _decimal(value: float) -> str:
    """All digits that tell a number from its neighbours, without an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    digits = format(Decimal(repr(value)), "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _exact_to_microseconds(name: str) -> Callable[[Any], Any]:
    """The library's own `timestamp` or `duration`, which refuses what Python's moments and spans cannot hold."""
    program = cel.NewEnv(variables={"value": cel.Type.DYN}).compile(f"{name}(value)")

    def convert(value: Any) -> Any:
        answer = program.eval(data={"value": value})
        if answer.type().name() == "ERROR":
            raise ValueError(str(answer.plain_value()).partition(": ")[2] or f"{name} cannot read this value")
        if _FINER_THAN_MICROSECONDS.search(str(answer)):
            raise ValueError(f"beside format, {name} is exact to the microsecond only: {value[:60]}")
        return answer.plain_value()

    return convert


def _same(value: Any) -> Any:
    return value


def _extension() -> Any:
    text, number, texts = cel.Type.STRING, cel.Type.INT, cel.Type.List(cel.Type.STRING)
    moment, span = cel.Type.TIMESTAMP, cel.Type.DURATION
    to_moment, to_span = _exact_to_microseconds("timestamp"), _exact_to_microseconds("duration")
    overloads: dict[str, list[tuple[cel.Type, list[cel.Type], Callable[..., Any]]]] = {
        "substring": [(text, [text, number, number], substring)],
        "split": [(texts, [text, text], split), (texts, [text, text, number], split)],
        "format": [(text, [text, cel.Type.List(cel.Type.DYN)], format_text)],
        "format_with_text_keys": [(text, [text, cel.Type.List(cel.Type.DYN)], format_with_text_keys)],
        "timestamp": [(moment, [text], to_moment), (moment, [number], to_moment), (moment, [moment], _same)],
        "duration": [(span, [text], to_span), (span, [span], _same)],
    }
    own_names = {**OWN_NAMES, "format_with_text_keys": FORMAT_WITH_TEXT_KEYS}
    return cel.CelExtension(
        "core_engine_strings",
        [
            cel.FunctionDecl(
                own_names[name],
                [
                    cel.Overload(f"own_{name}_{at}", answer, parameters, name not in CONVERSIONS, function)
                    for at, (answer, parameters, function) in enumerate(kinds)
                ],
            )
            for name, kinds in overloads.items()
        ],
    )


EXTENSION = _extension()


def renamed(checked: bytes, *, has_computed_keys: bool) -> bytes:
    """The serialized, checked expression with the calls of this module under their own names."""
    own_names = {**OWN_NAMES, "format": FORMAT_WITH_TEXT_KEYS} if has_computed_keys else OWN_NAMES
    answer = bytearray(checked)
    (packed,) = _parts(checked, (0, len(checked)))[2]
    (root,) = _parts(checked, packed)[4]
    calls = [(checked[start:end].decode(), start, end) for start, end in _own_calls(checked, root)]
    formats = any(name == "format" for name, _start, _end in calls)
    for name, start, end in calls:
        if name in WRONG_CALLS or formats:
            answer[start:end] = own_names[name].encode()
    return bytes(answer)


def _own_calls(data: bytes, node: _Span) -> Iterator[_Span]:
    """Where the names of such calls stand, in this node and below (`cel.expr.Expr`)."""
    parts = _parts(data, node)
    for select in parts.get(5, []):
        yield from _own_calls(data, _parts(data, select)[1][0])
    for span in parts.get(6, []):
        call = _parts(data, span)
        arguments = call.get(3, [])
        if _is_own(data, call[2][0], arguments):
            yield call[2][0]
        for child in (*call.get(1, []), *arguments):
            yield from _own_calls(data, child)
    for span in parts.get(7, []):
        for child in _parts(data, span).get(1, []):
            yield from _own_calls(data, child)
    for span in parts.get(8, []):
        for entry in _parts(data, span).get(2, []):
            fields = _parts(data, entry)
            for child in (*fields.get(3, []), *fields.get(4, [])):
                yield from _own_calls(data, child)
    for span in parts.get(9, []):
        macro = _parts(data, span)
        for number in (2, 4, 5, 6, 7):
            for child in macro.get(number, []):
                yield from _own_calls(data, child)


def _is_own(data: bytes, name: _Span, arguments: list[_Span]) -> bool:
    called = data[name[0] : name[1]]
    if called == b"substring":
        return len(arguments) == 2
    if called == b"split":
        # Most separators are written out: with those the library is right, and quicker.
        constant = _parts(data, arguments[0]).get(3)
        written = constant and _parts(data, constant[0]).get(6)
        return not written or written[0][0] == written[0][1]
    return called.decode() in OWN_NAMES


def _parts(data: bytes, span: _Span) -> dict[int, list[_Span]]:
    """Field number → where the contents of the fields with a length stand, in one message."""
    at, end = span
    parts: dict[int, list[_Span]] = {}
    while at < end:
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            _number, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            parts.setdefault(tag >> 3, []).append((at, at + size))
            at += size
        else:
            at += 8 if kind == 1 else 4
    return parts
