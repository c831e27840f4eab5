"""Evaluate expressions and fill templates with data."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from . import evaluation
from .errors import ExpressionError, nearest, nearest_or_all
from .evaluation import Compiled
from .killable import TIME_LIMIT_S, evaluator
from .syntax import Expression, parse_template, sole_expression
from .values import Meter, Refused, to_json

MAX_RENDERED_SIZE = 2_000_000
RENDER_LIMIT_S = 10.0
"""How long all expressions of one template may take together."""
_SAYS_SOMETHING_IS_MISSING = ("There is no", "A field is asked", "“[ ]”")


def compile_source(source: str) -> Compiled:
    """Compile an expression, or say in words why it cannot be.

    Raises:
        ExpressionError: with the position of the fault.
    """
    try:
        return evaluation.compile_expression(source)
    except Refused as refused:
        hint = nearest(refused.unknown_function, evaluation.FUNCTIONS) if refused.unknown_function else ""
        raise ExpressionError(refused.message + hint, source=source, line=refused.line, column=refused.column) from None


def evaluate(expression: str, names: Mapping[str, Any], *, time_limit_s: float = TIME_LIMIT_S) -> Any:
    """Evaluate a CEL expression with the given names. The value is plain data that JSON can carry.

    Raises:
        ExpressionError: unknown name, a value of the wrong kind, too large, too slow, …
    """
    compiled = compile_source(expression)
    tree = compiled.tree
    for root in tree.roots:
        if root not in names:
            raise ExpressionError(f"Unknown name “{root}”.{nearest_or_all(root, names)}", source=expression)
    try:
        if tree.path is not None:
            return to_json(_look_up(tree.path, names))
        context, size = evaluation.prepare(tree, names)
        if compiled.is_costly(size):
            return evaluator.evaluate(expression, context, time_limit_s=time_limit_s)
        return evaluation.evaluate_compiled(compiled, context)
    except Refused as refused:
        message = refused.message
        if message.startswith(_SAYS_SOMETHING_IS_MISSING):
            message = _missing_name(compiled, names) or message
        raise ExpressionError(f"{message} In: {_short(expression)}", source=expression) from None


def condition(expression: str, names: Mapping[str, Any]) -> bool:
    """Evaluate a condition; `{{ }}` around the whole of it is allowed.

    Raises:
        ExpressionError: as `evaluate`, or the value is not true or false.
    """
    source = bare(expression)
    value = evaluate(source, names)
    if not isinstance(value, bool):
        raise ExpressionError(
            f"A condition must be true or false; this one is {_kind(value)}. In: {_short(source)}",
            source=source,
        )
    return value


def render(value: Any, names: Mapping[str, Any]) -> Any:
    """Fill every `{{ }}` in a text, list or map. A text that is exactly one `{{ }}` keeps the value's type.

    Keys of maps stay as they are. Within a longer text null becomes nothing, and a list or map becomes JSON.

    Raises:
        ExpressionError: as `evaluate`, or the whole becomes too large.
    """
    try:
        return _render(value, _Filling(names, time.monotonic() + RENDER_LIMIT_S))
    except Refused as refused:
        raise ExpressionError(refused.message) from None


class _Filling:
    """What filling one template has used up so far."""

    def __init__(self, names: Mapping[str, Any], until: float) -> None:
        self.names, self.until = names, until
        self.meter = Meter(MAX_RENDERED_SIZE, "The filled-in value")

    def evaluate(self, source: str) -> Any:
        """Evaluate within the time that is left."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise Refused(f"The expressions of this template took more than {RENDER_LIMIT_S:.0f} s together.")
        return evaluate(source, self.names, time_limit_s=min(TIME_LIMIT_S, left))


def _render(value: Any, filling: _Filling) -> Any:
    if isinstance(value, str):
        if "{{" not in value:
            filling.meter.add(len(value))
            return value
        sole = sole_expression(value)
        if sole is not None:
            answer = filling.evaluate(sole.source)
            filling.meter.add(len(answer) if isinstance(answer, str) else 8)
            return answer
        parts = [
            part if isinstance(part, str) else as_text(filling.evaluate(part.source)) for part in parse_template(value)
        ]
        text = "".join(parts)
        filling.meter.add(len(text))
        return text
    if isinstance(value, Mapping):
        return {key: _render(item, filling) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_render(item, filling) for item in value]
    return value


def as_text(value: Any) -> str:
    """How a value reads inside a text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def bare(expression: str) -> str:
    """The expression itself, without `{{ }}` around it and without white space at its ends."""
    sole = sole_expression(expression)
    return sole.source if isinstance(sole, Expression) else expression.strip()


def _look_up(path: tuple[str | int, ...], names: Mapping[str, Any]) -> Any:
    value: Any = names
    done: list[str] = []
    for part in path:
        if isinstance(value, Mapping) and isinstance(part, str):
            if part not in value:
                raise Refused(f"There is no “{part}” in {'.'.join(done)}.{nearest_or_all(part, value)}")
            value = value[part]
        elif isinstance(value, list | tuple) and isinstance(part, int):
            if not 0 <= part < len(value):
                raise Refused(f"There is no item {part} in {'.'.join(done)}, a list of {len(value)}.")
            value = value[part]
        else:
            raise Refused(f"{'.'.join(done)} is {_kind(value)} and has no “{part}”.")
        done.append(str(part))
    return value


def _missing_name(compiled: Compiled, names: Mapping[str, Any]) -> str:
    """The first path of the expression that leads nowhere, in words; empty when all of them exist."""
    for chain in compiled.tree.chains:
        try:
            _look_up(chain, names)
        except Refused as refused:
            return refused.message
    return ""


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a map" if isinstance(value, Mapping) else "a list"


def _short(source: str) -> str:
    source = " ".join(source.split())
    return source if len(source) <= 120 else source[:119] + "…"
