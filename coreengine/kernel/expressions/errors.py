"""What can be wrong with an expression."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Problem:
    """A fault found before anything is evaluated.

    `path` leads to the value (`params.courses[0]`, empty for the value itself); `line` and `column` count from 1
    inside that text, 0 when unknown.
    """

    path: str
    message: str
    line: int = 0
    column: int = 0


class ExpressionError(ValueError):
    """An expression cannot be read, or has no usable value. The message is for the person who wrote it."""

    code = "expression_failed"

    def __init__(self, message: str, *, source: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.line = line
        self.column = column


def nearest(name: str, known: Iterable[str]) -> str:
    """`" Did you mean “title”?"` for the most similar known name, or an empty text."""
    candidates = {str(candidate).lower(): str(candidate) for candidate in known}
    found = get_close_matches(name.lower(), candidates, n=1, cutoff=0.6)
    return f" Did you mean “{candidates[found[0]]}”?" if found else ""
