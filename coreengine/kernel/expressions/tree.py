"""Read what a parsed CEL expression refers to.

The library gives its syntax tree only as the bytes of a protocol buffer
(`cel.expr.ParsedExpr`, https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto).
The few fields that matter here are read straight from the wire format, which is stable by contract, so
that no generated code has to be carried along.

This module imports nothing from the project: the evaluating child process loads it on its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

# Identifiers that CEL itself gives a meaning: they are types or namespaces, never data.
BUILT_IN_NAMES = frozenset(
    [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "list",
        "map",
        "null_type",
        "type",
        "google",
        "math",
        "strings",
        "optional",
        "optional_type",
        "base64",
        "cel",
    ]
)
MACROS = frozenset(
    "all exists exists_one existsOne filter map transformList transformMap transformMapEntry".split(),
)

Chain = tuple[str, ...]


@dataclass
class Tree:
    """What an expression uses, found without evaluating it."""

    chains: dict[Chain, int] = field(default_factory=dict)
    """Longest static paths into the data (`steps.fetch.result` → that tuple), with their character offset."""
    path: tuple[str | int, ...] | None = None
    """Set when the whole expression is one path; it can then be looked up without the library."""
    macro_depth: int = 0
    macro_count: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    """How often each function and operator stands in the expression."""
    range_calls: Counter[str] = field(default_factory=Counter)
    """Those of them that make what a macro loops over."""
    body_calls: set[str] = field(default_factory=set)
    """Those of them that a macro repeats."""
    repeated_keys: list[str] = field(default_factory=list)
    has_computed_keys: bool = False
    """A map is written whose keys are not all known before."""
    unexpanded_macros: list[tuple[str, int]] = field(default_factory=list)
    """Macros with the wrong number of arguments, with their character offset."""
    message_names: list[str] = field(default_factory=list)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The first names of all paths, in order."""
        return tuple(sorted({chain[0] for chain in self.chains}))

    @cached_property
    def shortest_chains(self) -> tuple[Chain, ...]:
        """The paths that no other one contains already: what must be copied for an evaluation."""
        kept: list[Chain] = []
        for chain in sorted(self.chains, key=len):
            if not any(chain[: len(other)] == other for other in kept):
                kept.append(chain)
        return tuple(kept)


def read_tree(serialized: bytes) -> Tree:
    """Read the tree from `Expression.serialize()` of an expression compiled with `disable_check=True`."""
    parsed = _message(_message(serialized)[2][0])
    positions: dict[int, int] = {}
    for source_info in parsed.get(3, []):
        for entry in _message(source_info).get(4, []):
            pair = _message(entry)
            positions[_number(pair, 1)] = _number(pair, 2)
    root = _message(parsed[2][0])
    tree = Tree()
    _visit(root, _Place(), positions, tree)
    if not tree.macro_depth:
        tree.path = _static_path(root)
    return tree


@dataclass(frozen=True)
class _Place:
    """Where in the expression a node stands."""

    bound: frozenset[str] = frozenset()
    """Names that a macro around it has given a meaning."""
    depth: int = 0
    is_range: bool = False
    is_body: bool = False


def _visit(node: dict[int, list], place: _Place, positions: dict[int, int], tree: Tree) -> None:
    chain, start = _chain(node)
    if chain is not None:
        if chain[0] not in place.bound and chain[0] not in BUILT_IN_NAMES:
            tree.chains.setdefault(chain, positions.get(start, 0))
        _note_calls_of_chain(node, tree)
        return
    if 9 in node:
        _visit_macro(_message(node[9][0]), place, positions, tree)
        return
    if 6 in node:
        _note_call(_message(node[6][0]), positions.get(_number(node, 2), 0), place, tree)
    if 8 in node:
        struct = _message(node[8][0])
        if _text(struct, 1):
            tree.message_names.append(_text(struct, 1))
        _note_repeated_keys(struct, tree)
    for child in _children(node):
        _visit(child, place, positions, tree)


def _note_call(call: dict[int, list], offset: int, place: _Place, tree: Tree) -> None:
    name = _text(call, 2)
    tree.calls[name] += 1
    if place.is_range:
        tree.range_calls[name] += 1
    if place.is_body:
        tree.body_calls.add(name)
    if name in MACROS:
        tree.unexpanded_macros.append((name, offset))


def _note_calls_of_chain(node: dict[int, list], tree: Tree) -> None:
    """`a.?b` is a call like any other: its value is an optional."""
    while 4 not in node:
        if 5 in node:
            node = _message(_message(node[5][0])[1][0])
        else:
            call = _message(node[6][0])
            tree.calls[_text(call, 2)] += 1
            node = _message(call[3][0])


def _visit_macro(macro: dict[int, list], place: _Place, positions: dict[int, int], tree: Tree) -> None:
    """A macro (`all`, `exists`, `map`, `filter`) is a comprehension whose variables hide outer names."""
    tree.macro_depth = max(tree.macro_depth, place.depth + 1)
    tree.macro_count += 1
    accumulated = place.bound | {_text(macro, 3)}
    inner = accumulated | {_text(macro, 1)} | ({_text(macro, 8)} if 8 in macro else set())
    body = replace(place, bound=inner, depth=place.depth + 1, is_body=True)
    # The range is evaluated once, outside the loop: a macro there is chained, not nested.
    for number, where in (
        (2, replace(place, is_range=True)),
        (4, place),
        (5, body),
        (6, body),
        (7, replace(place, bound=accumulated)),
    ):
        for raw in macro.get(number, []):
            _visit(_message(raw), where, positions, tree)


def _chain(node: dict[int, list]) -> tuple[Chain | None, int]:
    """The path `a.b["c"]` that a node stands for, with the id of its first identifier, or (None, 0)."""
    if 4 in node:
        return (_text(_message(node[4][0]), 1).removeprefix("."),), _number(node, 2)
    if 5 in node:
        select = _message(node[5][0])
        chain, start = _chain(_message(select[1][0]))
        return (None, 0) if chain is None else ((*chain, _text(select, 2)), start)
    if 6 in node:
        call = _message(node[6][0])
        if _text(call, 2) in ("_[_]", "_[?_]", "_?._") and 1 not in call:
            operand, index = (_message(raw) for raw in call[3])
            key = _constant(index)
            if isinstance(key, str):
                chain, start = _chain(operand)
                return (None, 0) if chain is None else ((*chain, key), start)
    return None, 0


def _static_path(node: dict[int, list]) -> tuple[str | int, ...] | None:
    """Like a chain, but list positions count too and `has(a.b)` does not."""
    if 4 in node:
        name = _text(_message(node[4][0]), 1).removeprefix(".")
        return None if name in BUILT_IN_NAMES else (name,)
    if 5 in node:
        select = _message(node[5][0])
        path = None if _number(select, 3) else _static_path(_message(select[1][0]))
        return None if path is None else (*path, _text(select, 2))
    if 6 in node:
        call = _message(node[6][0])
        if _text(call, 2) == "_[_]" and 1 not in call:
            operand, index = (_message(raw) for raw in call[3])
            key = _constant(index)
            if key is not None and not isinstance(key, bool):
                path = _static_path(operand)
                return None if path is None else (*path, key)
    return None


def _constant(node: dict[int, list], *, unsigned: bool = False) -> str | int | bool | None:
    """A string, whole number (`1u` too when `unsigned`) or truth value written as such; None for anything else."""
    if 3 not in node:
        return None
    constant = _message(node[3][0])
    if 6 in constant:
        return constant[6][0].decode()
    if 3 in constant:
        value = constant[3][0]
        return value - (1 << 64) if value >> 63 else value
    if 4 in constant and unsigned:
        return constant[4][0]
    if 2 in constant:
        return bool(constant[2][0])
    return None


def _note_repeated_keys(struct: dict[int, list], tree: Tree) -> None:
    """`{1: a, 1u: b, true: c}` would lose entries on its way into Python and JSON."""
    seen: set[str] = set()
    entries = [_message(raw) for raw in struct.get(2, [])]
    for entry in entries:
        key = _constant(_message(entry[3][0]), unsigned=True) if 3 in entry else None
        if key is None:
            tree.has_computed_keys |= len(entries) > 1
            continue
        aliases = {str(key).lower() if isinstance(key, bool) else str(key)}
        if key in (0, 1) and not isinstance(key, str):
            aliases |= {f"number {int(key)}"}
        if seen & aliases:
            tree.repeated_keys.append(str(key).lower() if isinstance(key, bool) else str(key))
        seen |= aliases


def _children(node: dict[int, list]) -> Iterator[dict[int, list]]:
    if 5 in node:
        yield _message(_message(node[5][0])[1][0])
    elif 6 in node:
        call = _message(node[6][0])
        for raw in (*call.get(1, []), *call.get(3, [])):
            yield _message(raw)
    elif 7 in node:
        for raw in _message(node[7][0]).get(1, []):
            yield _message(raw)
    elif 8 in node:
        for raw in _message(node[8][0]).get(2, []):
            entry = _message(raw)
            for part in (*entry.get(3, []), *entry.get(4, [])):
                yield _message(part)


def _text(message: dict[int, list], number: int) -> str:
    return message[number][0].decode() if number in message else ""


def _number(message: dict[int, list], number: int) -> int:
    return message[number][0] if number in message else 0


def _message(data: bytes) -> dict[int, list]:
    """Field number → values of one message: numbers for varints, bytes for everything with a length."""
    fields: dict[int, list] = {}
    at, end = 0, len(data)
    value: int | bytes
    while at < end:
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value = data[at : at + size]
            at += size
        else:
            size = 8 if kind == 1 else 4
            value = data[at : at + size]
            at += size
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that stands there, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
