"""What differs between two definitions: step by step, and line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

CONTEXT_LINES = 3
WORDS = re.compile(r"[\w@.-]+|\s+|[^\w\s]")
MISSING = object()
Place = tuple[str, str]
"""Where a step stands: the name of the step around it and which of its bodies (`steps`, `then`, `branches.left`)."""


@dataclass(frozen=True)
class FieldChange:
    """One value that differs. Absent on one side, it `is_added` or `is_removed`."""

    path: str
    old: Any = None
    new: Any = None
    is_added: bool = False
    is_removed: bool = False


@dataclass(frozen=True)
class Change:
    """What happened to one step, or (no name) to the definition around the steps.

    `kind` is added, removed, renamed, moved or changed; a step that was moved or renamed may have changed fields
    too.
    """

    kind: str
    name: str = ""
    type: str = ""
    old_name: str = ""
    place: str = ""
    old_place: str = ""
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A part of a line; `is_changed` says that the other side has something else there."""

    text: str
    is_changed: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the line-by-line view. `kind` is same, removed, added or gap (lines left out)."""

    kind: str
    old_number: int | None = None
    new_number: int | None = None
    pieces: tuple[Piece, ...] = ()
    hidden: int = 0

    @property
    def sign(self) -> str:
        """Return the sign of a unified diff."""
        return {"removed": "-", "added": "+"}.get(self.kind, " ")


# --- steps -------------------------------------------------------------------------------------------------


@dataclass
class _Found:
    step: Mapping[str, Any]
    place: Place
    position: int = 0
    children: list[str] = field(default_factory=list)


def differing_steps(old: Any, new: Any) -> list[Change]:
    """Say what changed from one definition to another, in the order of the newer one.

    Steps are known by their names. One that went and one that came with equal contents are one that was renamed.
    Anything may be given: drafts hold what was typed.
    """
    old_map, new_map = _mapping(old), _mapping(new)
    changes: list[Change] = []
    around = tuple(_field_changes({k: v for k, v in old_map.items() if k != "steps"}, _without(new_map, "steps"), ""))
    if around:
        changes.append(Change("changed", fields=around))
    before, after = _steps(old_map), _steps(new_map)
    renamed = _renamed(before, after)
    came_from = {new_name: old_name for old_name, new_name in renamed.items()}
    for name, found in after.items():
        if (was := came_from.get(name, name)) in before:
            changes += _compared(before[was], found, was, name, renamed)
        else:
            changes.append(Change("added", name, _type(found), place=_words(found.place)))
    for name, found in before.items():
        if name not in after and name not in renamed:
            changes.append(Change("removed", name, _type(found), old_place=_words(found.place)))
    order_before = [renamed.get(name, name) for name in before if renamed.get(name, name) in after]
    order_after = [name for name in after if came_from.get(name, name) in before]
    if order_before != order_after and not any(change.kind == "moved" for change in changes):
        changes.append(Change("changed", fields=(FieldChange("steps", order_before, order_after),)))
    return changes


def _compared(was: _Found, now: _Found, old_name: str, name: str, renamed: Mapping[str, str]) -> list[Change]:
    fields = tuple(_field_changes(_own(was.step), _own(now.step), ""))
    around, body = was.place
    is_moved = (renamed.get(around, around), body) != now.place
    kind = "renamed" if old_name != name else "moved" if is_moved else "changed"
    if kind == "changed" and not fields:
        return []
    places = {"place": _words(now.place), "old_place": _words(was.place)} if is_moved else {}
    return [Change(kind, name, _type(now), old_name if old_name != name else "", fields=fields, **places)]


def _renamed(before: Mapping[str, _Found], after: Mapping[str, _Found]) -> dict[str, str]:
    """Old name → new name, of steps that went and came with equal contents, first written first.

    A container counts as equal when the steps inside it are equal but for their own names.
    """
    gone: dict[str, list[str]] = {}
    for name, found in before.items():
        if name not in after:
            gone.setdefault(_content(found.step), []).append(name)
    answer = {}
    for name, found in after.items():
        if name not in before and (same := gone.get(_content(found.step))):
            answer[same.pop(0)] = name
    return answer


def _content(step: Mapping[str, Any]) -> str:
    inner = {key: [_content(child) for child in body] for key, body in _bodies(step)}
    return json.dumps([_own(step), inner], sort_keys=True, default=str)


def _own(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without its name and without the steps inside it."""
    own = _without(step, "name")
    if isinstance(own.get("config"), Mapping) and (keys := [key.partition(".")[0] for key, _ in _bodies(step)]):
        own["config"] = _without(own["config"], *keys)
    return own


def _bodies(step: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    config = _mapping(step.get("config"))
    for key in ("steps", "then", "else"):
        if isinstance(config.get(key), list):
            yield key, [child for child in config[key] if isinstance(child, Mapping)]
    for name, body in _mapping(config.get("branches")).items():
        if isinstance(body, list):
            yield f"branches.{name}", [child for child in body if isinstance(child, Mapping)]


def _steps(definition: Mapping[str, Any]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}

    def walk(body: Any, place: Place) -> None:
        for index, step in enumerate(body if isinstance(body, list) else ()):
            if isinstance(step, Mapping):
                # A draft may have a step without a name, or a name twice: none is lost.
                name = str(step.get("name") or f"step {index + 1}")
                while name in found:
                    name += " (again)"
                found[name] = _Found(step, place)
                for key, inner in _bodies(step):
                    walk(inner, (name, key))

    walk(definition.get("steps"), ("", ""))
    return found


def _field_changes(old: Any, new: Any, path: str) -> Iterator[FieldChange]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _field_changes(old.get(key, MISSING), new.get(key, MISSING), f"{path}.{key}" if path else key)
    elif _is_records(old) and _is_records(new):
        for index in range(max(len(old), len(new))):
            before, after = (side[index] if index < len(side) else MISSING for side in (old, new))
            yield from _field_changes(before, after, f"{path}[{index}]")
    elif old is MISSING:
        yield FieldChange(path, None, new, is_added=True)
    elif new is MISSING:
        yield FieldChange(path, old, None, is_removed=True)
    elif type(old) is not type(new) or old != new:
        yield FieldChange(path, old, new)


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _without(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in keys}


def _type(found: _Found) -> str:
    return str(found.step.get("type") or "")


def _words(place: Place) -> str:
    name, body = place
    return f"{name}.{body}" if name else ""


# --- lines -------------------------------------------------------------------------------------------------


def differing_lines(old: str, new: str, *, context: int = CONTEXT_LINES) -> list[Row]:
    """Compare two texts line by line; equal lines far from any change are left out. Equal texts give []."""
    before, after = old.splitlines(), new.splitlines()
    rows: list[Row] = []
    shown = 0
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(context):
        start = group[0][1]
        if start > shown:
            rows.append(Row("gap", hidden=start - shown))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                for offset, text in enumerate(before[old_from:old_to]):
                    rows.append(Row("same", old_from + offset + 1, new_from + offset + 1, (Piece(text),)))
            else:
                rows += _replaced(before[old_from:old_to], after[new_from:new_to], old_from + 1, new_from + 1)
        shown = group[-1][2]
    if rows and shown < len(before):
        rows.append(Row("gap", hidden=len(before) - shown))
    return rows


def _replaced(old: list[str], new: list[str], old_number: int, new_number: int) -> list[Row]:
    left: list[tuple[Piece, ...]] = [(Piece(text),) for text in old]
    right: list[tuple[Piece, ...]] = [(Piece(text),) for text in new]
    if len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            left[index], right[index] = _pieces(before, after)
    return [
        *(Row("removed", old_number + index, None, pieces) for index, pieces in enumerate(left)),
        *(Row("added", None, new_number + index, pieces) for index, pieces in enumerate(right)),
    ]


def _pieces(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Mark the words that differ, in lines that are much the same."""
    before, after = WORDS.findall(old), WORDS.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if len(before) + len(after) > 600 or matcher.ratio() < 0.5:
        return (Piece(old),), (Piece(new),)
    left, right = [], []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if old_from < old_to:
            left.append(Piece("".join(before[old_from:old_to]), tag != "equal"))
        if new_from < new_to:
            right.append(Piece("".join(after[new_from:new_to]), tag != "equal"))
    return tuple(left), tuple(right)
