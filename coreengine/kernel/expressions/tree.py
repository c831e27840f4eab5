"""Read what a parsed CEL expression refers to.

The library gives its syntax tree only as the bytes of a protocol buffer
(`cel.expr.ParsedExpr`, https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto).
The few fields that matter here are read straight from the wire format, which is stable by contract, so
that no generated code has to be carried along.

This module imports nothing from the project: the evaluating child process loads it on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

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
    ]
)
# Calls whose answer can be much larger than what they are given.
GROWING_CALLS = frozenset({"_+_", "replace", "join", "format", "split"})

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
    growing_calls: int = 0
    repeated_keys: list[str] = field(default_factory=list)

    @property
    def roots(self) -> frozenset[str]:
        return frozenset(chain[0] for chain in self.chains)


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
    _visit(root, frozenset(), 0, positions, tree)
    if not tree.macro_depth:
        tree.path = _static_path(root)
    return tree


def _visit(node: dict[int, list], bound: frozenset[str], depth: int, positions: dict[int, int], tree: Tree) -> None:
    chain, start = _chain(node)
    if chain is not None:
        if chain[0] not in bound and chain[0] not in BUILT_IN_NAMES:
            tree.chains.setdefault(chain, positions.get(start, 0))
        return
    if 9 in node:
        _visit_macro(_message(node[9][0]), bound, depth + 1, positions, tree)
        return
    if 6 in node:
        name = _text(_message(node[6][0]), 2)
        if name in GROWING_CALLS:
            tree.growing_calls += 1
    if 8 in node:
        _note_repeated_keys(_message(node[8][0]), tree)
    for child in _children(node):
        _visit(child, bound, depth, positions, tree)


def _visit_macro(macro: dict[int, list], bound: frozenset[str], depth: int, positions, tree: Tree) -> None:
    """A macro (`all`, `exists`, `map`, `filter`) is a comprehension whose variables hide outer names."""
    tree.macro_depth = max(tree.macro_depth, depth)
    tree.macro_count += 1
    accumulated = bound | {_text(macro, 3)}
    inner = accumulated | {_text(macro, 1)} | ({_text(macro, 8)} if 8 in macro else set())
    # The range is evaluated once, outside the loop: a macro there is chained, not nested.
    for number, names, level in (
        (2, bound, depth - 1),
        (4, bound, depth - 1),
        (5, inner, depth),
        (6, inner, depth),
        (7, accumulated, depth - 1),
    ):
        for raw in macro.get(number, []):
            _visit(_message(raw), names, level, positions, tree)


def _chain(node: dict[int, list]) -> tuple[Chain | None, int]:
    """The path `a.b["c"]` that a node stands for, with the id of its first identifier, or (None, 0)."""
    if 4 in node:
        return (_text(_message(node[4][0]), 1),), _number(node, 2)
    if 5 in node:
        select = _message(node[5][0])
        chain, start = _chain(_message(select[1][0]))
        return (None, 0) if chain is None else ((*chain, _text(select, 2)), start)
    if 6 in node:
        call = _message(node[6][0])
        if _text(call, 2) == "_[_]" and 1 not in call:
            operand, index = (_message(raw) for raw in call[3])
            key = _constant(index)
            if isinstance(key, str):
                chain, start = _chain(operand)
                return (None, 0) if chain is None else ((*chain, key), start)
    return None, 0


def _static_path(node: dict[int, list]) -> tuple[str | int, ...] | None:
    """Like a chain, but list positions count too and `has(a.b)` does not."""
    if 4 in node:
        name = _text(_message(node[4][0]), 1)
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


def _constant(node: dict[int, list]) -> str | int | bool | None:
    """A string, whole number or truth value written as such; None for anything else."""
    if 3 not in node:
        return None
    constant = _message(node[3][0])
    if 6 in constant:
        return constant[6][0].decode()
    if 3 in constant:
        value = constant[3][0]
        return value - (1 << 64) if value >> 63 else value
    if 2 in constant:
        return bool(constant[2][0])
    return None


def _note_repeated_keys(struct: dict[int, list], tree: Tree) -> None:
    """`{1: a, true: b}` would lose an entry on its way into Python and JSON."""
    seen: set[str] = set()
    for raw in struct.get(2, []):
        entry = _message(raw)
        key = _constant(_message(entry[3][0])) if 3 in entry else None
        if key is None:
            continue
        aliases = {str(key).lower() if isinstance(key, bool) else str(key)}
        if key in (0, 1) and not isinstance(key, str):
            aliases |= {f"number {int(key)}"}
        if seen & aliases:
            tree.repeated_keys.append(str(key))
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
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            value = data[at : at + size]
            at += size
        else:
            size = 8 if kind == 1 else 4
            value = data[at : at + size]
            at += size
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
