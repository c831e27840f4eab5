"""Find the faults of expressions and templates before they are saved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ExpressionError, Problem, nearest_or_all
from .language import bare, compile_source
from .syntax import Expression, parse_template, position

Known = Collection[str] | Mapping[str, Collection[str] | None]
"""The names that will exist. As a map: name → its members, or None where they cannot be known."""

CONDITION_TYPES = frozenset({"BOOL", "DYN"})


@dataclass(frozen=True)
class Use:
    """One path that an expression reads, and where it stands in the text that holds it."""

    chain: tuple[str, ...]
    line: int
    column: int


def check(value: Any, known: Known) -> list[Problem]:
    """Every fault of the `{{ }}` parts in a text, list or map, with its place."""
    problems: list[Problem] = []
    for path, text in _texts(value, ""):
        try:
            parts = parse_template(text)
        except ExpressionError as error:
            problems.append(Problem(path, error.message, error.line, error.column))
            continue
        for part in parts:
            if isinstance(part, Expression):
                problems += _check_source(part.source, known, path, text, part.offset)
    return problems


def check_expression(expression: str, known: Known) -> list[Problem]:
    """Every fault of one expression; `{{ }}` around it is allowed."""
    try:
        source = bare(expression)
    except ExpressionError as error:
        return [Problem("", error.message, error.line, error.column)]
    return _check_source(source, known, "", expression, max(0, expression.find(source)))


def check_condition(expression: str, known: Known) -> list[Problem]:
    """As `check_expression`, and it must be able to be true or false."""
    problems = check_expression(expression, known)
    if not problems:
        kind = compile_source(bare(expression)).type_name
        if kind not in CONDITION_TYPES:
            problems.append(Problem("", f"A condition must be true or false; this one is {kind.lower()}.", 1, 1))
    return problems


def uses(value: Any) -> list[Use]:
    """What the `{{ }}` parts of a value read. Parts that do not compile are left out."""
    found: list[Use] = []
    for _path, text in _texts(value, ""):
        try:
            parts = parse_template(text)
        except ExpressionError:
            continue  # reported by `check`
        for part in parts:
            if isinstance(part, Expression):
                found += _uses_of(part.source, text, part.offset)
    return found


def expression_uses(expression: str) -> list[Use]:
    """What one expression reads; `{{ }}` around it is allowed. Empty when it does not compile."""
    try:
        source = bare(expression)
    except ExpressionError:
        return []
    return _uses_of(source, expression, max(0, expression.find(source)))


def _uses_of(source: str, text: str, offset: int) -> list[Use]:
    try:
        tree = compile_source(source).tree
    except ExpressionError:
        return []  # reported by `check`
    return [Use(chain, *position(text, offset + at)) for chain, at in tree.chains.items()]


def _check_source(source: str, known: Known, path: str, text: str, offset: int) -> list[Problem]:
    try:
        compiled = compile_source(source)
    except ExpressionError as error:
        line, column = _shifted(text, offset, error.line, error.column)
        return [Problem(path, error.message, line, column)]
    problems: list[Problem] = []
    for chain, at in sorted(compiled.tree.chains.items(), key=lambda pair: pair[1]):
        line, column = position(text, offset + at)
        if chain[0] not in known:
            problems.append(Problem(path, f"Unknown name “{chain[0]}”.{nearest_or_all(chain[0], known)}", line, column))
            continue
        members = known[chain[0]] if isinstance(known, Mapping) else None
        if members is not None and len(chain) > 1 and chain[1] not in members:
            problems.append(
                Problem(
                    path, f"There is no “{chain[1]}” in {chain[0]}.{nearest_or_all(chain[1], members)}", line, column
                )
            )
    return problems


def _shifted(text: str, offset: int, line: int, column: int) -> tuple[int, int]:
    """The place in the whole text of a place in the expression that begins at `offset`."""
    first_line, first_column = position(text, offset)
    if line <= 0:
        return first_line, first_column
    return first_line + line - 1, column + (first_column - 1 if line == 1 else 0)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text that holds a template, with the path to it."""
    if isinstance(value, str):
        if "{{" in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
