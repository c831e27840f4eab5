"""Read a definition written as YAML (JSON is YAML too), keeping where every value stands.

Only plain data: no tags, no anchors and aliases (which can blow a few lines up to gigabytes), no key twice.
Words such as `on`, `yes` and `12:30` stay texts, as in YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import yaml

from workflows.engine.definition import DefinitionInvalid, Fault

MAX_SOURCE_LENGTH = 256_000
MAX_NODES = 20_000
MAX_DEPTH = 50


class _Loader(yaml.SafeLoader):
    """YAML's core types only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


@dataclass(frozen=True)
class Place:
    """Where a value begins in the source, counted from 1, and how its text is laid out."""

    line: int
    column: int
    style: str = ""
    """Empty for plain text, a quote, or `|` and `>` for a block whose first line is `line`."""


@dataclass(frozen=True)
class Source:
    """A definition as written: its data, and the place of every value and key by path."""

    text: str
    data: Any
    places: dict[str, Place]

    def place_of(self, path: str) -> Place:
        """The place of a path, or of the nearest thing around it."""
        while path not in self.places and path:
            path = re.sub(r"(\.[^.\[\]]*|\[\d+\]|^[^.\[\]]*)$", "", path)
        return self.places.get(path) or Place(1, 1)

    def locate(self, faults: Iterable[Fault]) -> list[Fault]:
        """Give faults the line and column of the whole source, in reading order."""
        located = []
        for fault in faults:
            place = self.place_of(fault.path)
            line, column = place.line, place.column
            if fault.line and fault.path in self.places:
                # Inside a text: the fault counts lines and columns in the text itself.
                if place.style in ("|", ">"):
                    line, column = place.line + fault.line - 1, place.column + fault.column - 1
                elif fault.line == 1:
                    column += fault.column - 1 + len(place.style)
                else:
                    line += fault.line - 1
            located.append(replace(fault, line=line, column=column))
        return sorted(located, key=lambda fault: (fault.line, fault.column))


def read_source(text: str) -> Source:
    """Read the text of a definition.

    Raises:
        DefinitionInvalid: it is too large, not YAML, or uses what is not allowed; with line and column.
    """
    if len(text) > MAX_SOURCE_LENGTH:
        message = f"The definition has {len(text):,} characters; {MAX_SOURCE_LENGTH:,} are allowed."
        raise DefinitionInvalid([Fault("", message, 1, 1)])
    try:
        _refuse_expansion(text)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"This is not valid YAML: {error.problem or error.context}."
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise DefinitionInvalid([Fault("", message, *place)]) from None
    except yaml.YAMLError as error:
        line, column = _offset_place(text, getattr(error, "position", 0) or 0)
        raise DefinitionInvalid(
            [Fault("", "This contains a character that YAML does not allow.", line, column)]
        ) from None
    except ValueError as error:
        raise DefinitionInvalid([Fault("", f"This is not valid YAML: {error}.", 1, 1)]) from None
    if root is None:
        raise DefinitionInvalid([Fault("", "The definition is empty.", 1, 1)])
    reader = _Reader(text)
    data = reader.read(root, "")
    if reader.faults:
        raise DefinitionInvalid(reader.faults)
    return Source(text, data, reader.places)


def _refuse_expansion(text: str) -> None:
    """Look at the stream of events, which is never larger than the text, before anything is built."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _fault("Anchors and aliases (& and *) are not allowed; write the value out.", event)
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            tag = getattr(event, "tag", None)
            if tag and tag != "!":
                raise _fault(f"The tag {tag} is not allowed.", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _fault(f"The definition is nested deeper than {MAX_DEPTH} levels.", event)
        if nodes > MAX_NODES:
            raise _fault(f"The definition has more than {MAX_NODES:,} values.", event)


def _fault(message: str, event: yaml.Event) -> DefinitionInvalid:
    mark = event.start_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return DefinitionInvalid([Fault("", message, line, column)])


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.places: dict[str, Place] = {}
        self.faults: list[Fault] = []
        self._constructor = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node, path: str) -> Any:
        self.places[path] = self._place(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, f"{path}[{index}]") for index, child in enumerate(node.value)]
        try:
            return self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._add(path, "This value cannot be read.", node)
            return None

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self._add(path, "A key must be a plain text.", key_node)
                continue
            here = f"{path}.{key}" if path else key
            if key in answer:
                self._add(here, f"The key “{key}” stands twice.", key_node)
            answer[key] = self.read(value_node, here)
            if not isinstance(value_node, yaml.ScalarNode) or value_node.value == "":
                # Of a list, a map or nothing at all, the key is the better place to point at.
                mark = key_node.start_mark
                self.places[here] = Place(mark.line + 1, mark.column + 1)
        return answer

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        style = (getattr(node, "style", None) or "") if isinstance(node, yaml.ScalarNode) else ""
        if style in ("|", ">"):
            # The text begins on a line after the sign, indented.
            for number in range(mark.line + 1, len(self.lines)):
                line = self.lines[number]
                if line.strip():
                    return Place(number + 1, len(line) - len(line.lstrip()) + 1, style)
        return Place(mark.line + 1, mark.column + 1, style)

    def _add(self, path: str, message: str, node: yaml.Node) -> None:
        mark = node.start_mark
        self.faults.append(Fault(path, message, mark.line + 1, mark.column + 1))


def _offset_place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
