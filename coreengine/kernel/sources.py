"""What sources are called: a row says where it came from as "kind:id" (connection:12).

Whoever keeps a kind knows its names, and registers from `AppConfig.ready()`: so an app that shows a source need not
know the one that keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Names = Callable[[Any, set[str]], dict[str, str]]

_kinds: dict[str, Names] = {}


def register_source_names(kind: str, names: Names) -> None:
    """Let sources of a kind be named: `names(owner, ids)` gives names by id, in one query, for the owner's own."""
    _kinds[kind] = names


def source_names(owner: Any, sources: Iterable[str]) -> dict[str, str]:
    """Name sources, one query a kind; what is gone, or nobody knows, is left out."""
    by_kind: dict[str, set[str]] = {}
    for source in sources:
        kind, _, number = source.partition(":")
        if number and kind in _kinds:
            by_kind.setdefault(kind, set()).add(number)
    return {
        f"{kind}:{number}": name
        for kind, numbers in by_kind.items()
        for number, name in _kinds[kind](owner, numbers).items()
    }
