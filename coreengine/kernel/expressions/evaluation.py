"""Compile and evaluate CEL through `cel_expr_python`, and step round its hazards.

- A runtime error comes back as a value of type ERROR whose plain value is a (truthy) text: it is raised here.
- A NUL silently cuts a string short and a lone surrogate aborts the call: both are refused on the way in.
- The library collects macro results by copying, so a macro over n items costs n², and it holds the
  interpreter lock meanwhile; strings can be grown without end. `Compiled.is_costly` tells which expressions
  belong in a process that can be killed (`child.py`).

Values cross in both directions as JSON would carry them: texts, numbers, truth values, null, lists, and maps
with text keys. A timestamp becomes RFC 3339 text, a duration seconds ("90s"), bytes base64: CEL's own JSON mapping.

This module imports nothing from the project: the evaluating child process loads it on its own.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

try:
    from .tree import Chain, Tree, read_tree
except ImportError:  # loaded by the child as a plain module
    from tree import Chain, Tree, read_tree  # type: ignore[no-redef]

MAX_EXPRESSION_LENGTH = 10_000
MAX_CONTEXT_SIZE = 8_000_000
"""Characters and values that an expression may be given (a number counts as eight)."""
MAX_RESULT_SIZE = 1_000_000
MAX_DEPTH = 64
COSTLY_CONTEXT_SIZE = 8_000
"""A macro over more than this leaves the process: 500 items cost about 8 ms, 10,000 more than 4 s."""
COSTLY_GROWTH = 4_000_000

_EXTENSIONS = [ext_strings.ExtStrings(), ext_math.ExtMath()]
_FAULT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
FUNCTIONS = frozenset(
    [
        "all",
        "bool",
        "bytes",
        "charAt",
        "contains",
        "double",
        "duration",
        "dyn",
        "endsWith",
        "exists",
        "exists_one",
        "filter",
        "format",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getFullYear",
        "getHours",
        "getMilliseconds",
        "getMinutes",
        "getMonth",
        "getSeconds",
        "has",
        "indexOf",
        "int",
        "join",
        "lastIndexOf",
        "lowerAscii",
        "map",
        "matches",
        "quote",
        "replace",
        "reverse",
        "size",
        "split",
        "startsWith",
        "string",
        "substring",
        "timestamp",
        "trim",
        "type",
        "uint",
        "upperAscii",
    ]
)


class Refused(Exception):
    """Why an expression has no value, in words. `line` and `column` count from 1, 0 when unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0, unknown_function: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column
        self.unknown_function = unknown_function


@dataclass(frozen=True)
class Compiled:
    """A compiled expression, what it refers to, and the type that is known before it runs."""

    source: str
    program: Any
    tree: Tree
    type_name: str

    def is_costly(self, context_size: int) -> bool:
        """Say whether evaluating could hold the process for long or eat its memory."""
        if self.tree.macro_depth > 1:
            return True
        if self.tree.macro_count and context_size + len(self.source) > COSTLY_CONTEXT_SIZE:
            return True
        # Every growing call may at worst double (+) or multiply (replace, join, format) what it gets; a macro
        # repeats it, and several macros in a row compound.
        if self.tree.growing_calls and self.tree.macro_count > 1:
            return True
        return self.tree.growing_calls * (context_size + len(self.source)) > COSTLY_GROWTH or (
            self.tree.growing_calls > 1 and context_size > COSTLY_CONTEXT_SIZE
        )


@lru_cache(maxsize=2048)
def compile_expression(source: str) -> Compiled:
    """Compile once; later calls are answered from memory.

    Raises:
        Refused: it does not parse, has a type fault, or calls an unknown function.
    """
    if len(source) > MAX_EXPRESSION_LENGTH:
        raise Refused(f"The expression has {len(source):,} characters; {MAX_EXPRESSION_LENGTH:,} are allowed.")
    if "\x00" in source or not _is_utf8(source):
        raise Refused("The expression contains a character that cannot be stored.")
    try:
        parsed = _environment(frozenset()).compile(source, disable_check=True)
        tree = read_tree(parsed.serialize())
        program = _environment(tree.roots).compile(source)
    except RuntimeError as error:
        raise _compile_fault(source, str(error)) from None
    if tree.repeated_keys:
        raise Refused(f"The key {tree.repeated_keys[0]} stands twice in a map.")
    return Compiled(source, program, tree, program.return_type().name())


@lru_cache(maxsize=512)
def _environment(names: frozenset[str]) -> Any:
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN), extensions=_EXTENSIONS)


def evaluate_compiled(compiled: Compiled, context: Mapping[str, Any]) -> Any:
    """Evaluate with a context that `prepare` made.

    Raises:
        Refused: the expression has no value, or one that cannot be carried on.
    """
    try:
        value = compiled.program.eval(data=context)
    except RuntimeError as error:
        raise Refused(_plain_words(str(error))) from None
    kind = value.type().name()
    if kind in ("ERROR", "UNKNOWN"):
        raise Refused(_plain_words(str(value.plain_value())))
    return to_json(value.plain_value())


def prepare(tree: Tree, names: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Copy only the parts of the data that an expression uses. Returns them with their size.

    Names that are missing stay missing; the caller has refused unknown first names before.
    """
    meter = Meter(MAX_CONTEXT_SIZE, "The data that the expression uses")
    context: dict[str, Any] = {}
    for chain in _shortest(tree.chains):
        _copy(chain, names, context, meter)
    return context, meter.used


def _shortest(chains: Mapping[Chain, int]) -> list[Chain]:
    """Drop every path that another one already contains."""
    kept: list[Chain] = []
    for chain in sorted(chains, key=len):
        if not any(chain[: len(other)] == other for other in kept):
            kept.append(chain)
    return kept


def _copy(chain: Chain, names: Mapping[str, Any], context: dict[str, Any], meter: Meter) -> None:
    source: Any = names
    target = context
    for name in chain[:-1]:
        if not isinstance(source, Mapping) or name not in source:
            return
        source = source[name]
        if not isinstance(source, Mapping):
            target[name] = from_python(source, meter)
            return
        target = target.setdefault(name, {})
    if isinstance(source, Mapping) and chain[-1] in source:
        target[chain[-1]] = from_python(source[chain[-1]], meter)


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
        if "\x00" in value or not (value.isascii() or _is_utf8(value)):
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


def to_json(value: Any) -> Any:
    """Turn a plain CEL value, or plain Python data, into what JSON can carry.

    Raises:
        Refused: too large, nested too deep, not a number, or a map whose keys would fall together.
    """
    return _to_json(value, Meter(MAX_RESULT_SIZE, "The result"), 0)


def _to_json(value: Any, meter: Meter, depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        meter.add(4)
        return value
    if isinstance(value, str):
        meter.add(len(value) + 2)
        if "\x00" in value or not (value.isascii() or _is_utf8(value)):
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
        return [_to_json(item, meter, depth + 1) for item in value]
    if isinstance(value, Mapping):
        meter.add(2)
        answer: dict[str, Any] = {}
        for key, item in value.items():
            name = _key(key)
            meter.add(len(name) + 4)
            if name in answer:
                raise Refused(f"Two keys of a map in the result become the same text: {name}.")
            answer[name] = _to_json(item, meter, depth + 1)
        return answer
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
        micros = value // timedelta(microseconds=1)
        seconds, rest = divmod(abs(micros), 1_000_000)
        fraction = f".{rest:06d}".rstrip("0") if rest else ""
        return f"{'-' if micros < 0 else ''}{seconds}{fraction}s"
    if isinstance(value, cel.Type):
        return value.name().lower()
    raise Refused(f"The result has the kind {type(value).__name__}, which cannot be stored.")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str):
        if "\x00" in key or not _is_utf8(key):
            raise Refused("A key in the result contains a character that cannot be stored.")
        return key
    return str(key)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _compile_fault(source: str, raw: str) -> Refused:
    found = _FAULT.search(raw)
    if not found:
        return Refused(_plain_words(raw))
    line, column, message = max(0, int(found[1])), max(0, int(found[2])), found[3]
    message = message.removesuffix(" (in container '')")
    if "max recursion depth" in message:
        return Refused("The expression is nested too deep: 32 levels are allowed.")
    unknown = re.match(r"undeclared reference to '([^']+)'", message)
    if unknown:
        return Refused(f"There is no function “{unknown[1]}”.", line, column, unknown_function=unknown[1])
    overload = re.match(r"found no matching overload for '([^']+)' applied to '(.*)'", message)
    if overload:
        name = overload[1].strip("_").replace("_[_", "[ ]").replace("!_", "!") or overload[1]
        return Refused(f"“{name}” cannot be used with {overload[2].replace('(', '', 1).rstrip(')')}.", line, column)
    if message.startswith("Syntax error"):
        message = re.sub(r" expecting \{.*", "", message).replace("<EOF>", "the end")
        message = re.sub(r"token recognition error at: ", "unexpected ", message)
        return Refused(message[0].upper() + message[1:] + ".", line, column)
    return Refused(f"{message}.", line, column)


def _plain_words(raw: str) -> str:
    """The library's message without its machinery."""
    raw = re.sub(r"^[A-Z_]+: ", "", raw)
    raw = re.sub(r" \[[A-Z_]+\]$", "", raw)
    if "Iteration budget exceeded" in raw:
        return "The expression loops over too many items: 10,000 are allowed."
    if "recursion limit" in raw:
        return "The expression is nested too deep: 32 levels are allowed."
    if "jump_condition" in raw or "<jump" in raw:
        return "The part before ? (or beside && and ||) must be true or false."
    missing = re.match(r'Key not found in map : "?(.*?)"?$', raw)
    if missing:
        return f"There is no “{missing[1]}” there."
    index = re.match(r"Index error: index=(-?\d+) size=(\d+)", raw)
    if index:
        return f"There is no item {index[1]} in a list of {index[2]}."
    if "Applying SELECT to non-message type" in raw:
        return "A field is asked of a value that has none (null, a text, a number or a list)."
    overload = re.match(r"No matching overloads? found : (\S+?)\((.*)\)", raw)
    if overload:
        operator = overload[1].strip("_").replace("_[_", "[ ]").replace("!_", "!") or overload[1]
        return f"“{operator}” cannot be used with {overload[2]}."
    return raw[:1].upper() + raw[1:] + ("" if raw.endswith(".") else ".")
