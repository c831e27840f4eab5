"""What can be wrong with an expression."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

SHORT_NAME = 3
MOST_SHOWN = 8
MAX_SHOWN_LENGTH = 40


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
    if not found and len(name) <= SHORT_NAME:  # of two short names a single letter is most: m and n, id and ix
        found = [other for other in sorted(candidates) if _is_one_letter_off(name.lower(), other)]
    return f" Did you mean “{candidates[found[0]]}”?" if found else ""


def nearest_or_all(name: str, known: Iterable[str]) -> str:
    """As `nearest`; when none is similar, what names there are: `" Known here: a, b, c."`."""
    names = sorted(str(candidate) for candidate in known)
    if (hint := nearest(name, names)) or not names:
        return hint
    shown = ", ".join(
        one if len(one) <= MAX_SHOWN_LENGTH else f"{one[:MAX_SHOWN_LENGTH]}…" for one in names[:MOST_SHOWN]
    )
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return f" Known here: {shown}{more}."


def _is_one_letter_off(name: str, other: str) -> bool:
    if len(name) == len(other):
        return sum(a != b for a, b in zip(name, other, strict=True)) == 1
    shorter, longer = sorted((name, other), key=len)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
