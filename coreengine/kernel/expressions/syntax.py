"""Find the `{{ expression }}` parts of a text.

The end of an expression is found by reading CEL's own tokens, so that `}}` inside a string or at the end of a
map does not end it: `{{ {'a': {'b': '}}'}} }}` is one expression. `\\{{` stands for two literal braces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .errors import ExpressionError

_STRING_START = re.compile(r"""[rRbB]{0,2}(\"\"\"|'''|"|')""")


@dataclass(frozen=True)
class Expression:
    """An expression inside a text, with the offset of its first character there."""

    source: str
    offset: int


@lru_cache(maxsize=4096)
def parse_template(text: str) -> tuple[str | Expression, ...]:
    """Split a text into literal parts and expressions, in order; empty literals are left out.

    Raises:
        ExpressionError: an expression is empty or never ends.
    """
    parts: list[str | Expression] = []
    literal: list[str] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        slashes = len(text[:start]) - len(text[:start].rstrip("\\"))
        slashes = min(slashes, start - at)
        literal.append(text[at : start - slashes] + "\\" * (slashes // 2))
        if slashes % 2:
            literal.append("{{")
            at = start + 2
            continue
        end = _expression_end(text, start + 2)
        source = text[start + 2 : end]
        if not source.strip():
            raise _fault("There is nothing between {{ and }}.", text, start)
        if "".join(literal):
            parts.append("".join(literal))
        literal = []
        offset = start + 2 + len(source) - len(source.lstrip())
        parts.append(Expression(source.strip(), offset))
        at = end + 2
    literal.append(text[at:])
    if "".join(literal):
        parts.append("".join(literal))
    return tuple(parts)


def sole_expression(text: str) -> Expression | None:
    """The expression of a text that is exactly one `{{ }}` (white space around it allowed), else None."""
    if not text.lstrip().startswith("{{"):
        return None
    parts = [part for part in parse_template(text) if isinstance(part, Expression) or part.strip()]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], Expression) else None


def _expression_end(text: str, at: int) -> int:
    """Position of the `}}` that ends the expression which begins at `at`."""
    opened = at - 2
    depth = 0
    while at < len(text):
        character = text[at]
        if character in "\"'rRbB" and (match := _STRING_START.match(text, at)) and not _inside_word(text, at):
            at = _string_end(text, match, opened)
            continue
        if text.startswith("//", at):
            newline = text.find("\n", at)
            at = len(text) if newline < 0 else newline
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            if depth == 0:
                if text.startswith("}}", at):
                    return at
                raise _fault("A single } stands where }} was expected.", text, at)
            depth -= 1
        at += 1
    raise _fault("{{ is never closed by }}. Write \\{{ for two plain braces.", text, opened)


def _inside_word(text: str, at: int) -> bool:
    return text[at] not in "\"'" and at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_")


def _string_end(text: str, match: re.Match[str], opened: int) -> int:
    quote = match.group(1)
    raw = "r" in match.group(0).lower().rstrip("\"'")
    at = match.end()
    while at < len(text):
        if text[at] == "\\" and not raw:
            at += 2
        elif text.startswith(quote, at):
            return at + len(quote)
        elif text[at] == "\n" and len(quote) == 1:
            break
        else:
            at += 1
    raise _fault(f"A string that begins with {quote} is never closed.", text, match.start() if match else opened)


def _fault(message: str, text: str, offset: int) -> ExpressionError:
    line, column = position(text, offset)
    return ExpressionError(message, source=text, line=line, column=column)


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column (both from 1) of a character."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
