"""The `fields` parameter: which parts of an answer are wanted, as in `nextPageToken,files(id,owners(me))`."""

from __future__ import annotations

import re
from typing import Any

Mask = dict[str, Any]


class FieldsInvalid(ValueError):
    """The text is no selection of fields."""


def read_fields(text: str) -> Mask:
    """Read a selection into a tree; an empty branch means everything below."""
    tokens = re.findall(r"[A-Za-z0-9*]+|[(),/]", text.replace(" ", ""))
    if "".join(tokens) != text.replace(" ", ""):
        raise FieldsInvalid(text)
    mask, rest = _list(tokens)
    if rest:
        raise FieldsInvalid(text)
    return mask


def cut(value: Any, mask: Mask) -> Any:
    """Keep what a selection names."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [cut(item, mask) for item in value]
    if isinstance(value, dict):
        return {key: cut(item, mask[key]) for key, item in value.items() if key in mask}
    return value


def _list(tokens: list[str]) -> tuple[Mask, list[str]]:
    mask: Mask = {}
    while True:
        if not tokens or tokens[0] in "(),/":
            raise FieldsInvalid("a name is missing")
        name, tokens = tokens[0], tokens[1:]
        branch: Mask = {}
        mask[name] = branch
        while tokens and tokens[0] == "/":
            if len(tokens) < 2:
                raise FieldsInvalid("a name is missing")
            branch[tokens[1]] = {}
            branch, tokens = branch[tokens[1]], tokens[2:]
        if tokens and tokens[0] == "(":
            inner, tokens = _list(tokens[1:])
            if not tokens or tokens[0] != ")":
                raise FieldsInvalid("a bracket is not closed")
            branch.update(inner)
            tokens = tokens[1:]
        if not tokens or tokens[0] != ",":
            return mask, tokens
        tokens = tokens[1:]
