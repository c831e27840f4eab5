"""Checks that pages and API share: definitions as they are written, and the inputs of an execution."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from django.core.exceptions import ValidationError

from workflows.catalogue import InstalledCatalogue
from workflows.engine.definition import Definition, DefinitionInvalid, Fault, build_definition
from workflows.engine.inputs import input_faults
from workflows.engine.source import read_source
from workflows.engine.validation import find_faults


@dataclass(frozen=True)
class CheckedDefinition:
    """A definition without faults: as written, as data, and built."""

    source: str
    data: dict[str, Any]
    definition: Definition


class DefinitionFaulty(ValidationError):
    """A definition has faults. `faults` has each with path, line and column; `extra` goes into API errors."""

    def __init__(self, faults: list[Fault]) -> None:
        messages: dict[str, list[str]] = {}
        for fault in faults:
            place = f"Line {fault.line}: " if fault.line else ""
            messages.setdefault(fault.path or "definition", []).append(f"{place}{fault.message}")
        super().__init__(messages)
        self.faults = faults
        self.extra = {"faults": [fault_as_json(fault) for fault in faults]}


def fault_as_json(fault: Fault) -> dict[str, Any]:
    """A fault for programs."""
    return {"path": fault.path, "line": fault.line, "column": fault.column, "message": fault.message}


def faults_of_source(text: str) -> list[Fault]:
    """Every fault of a definition in YAML, with its line, in reading order. Empty when it is good."""
    try:
        source = read_source(text)
    except DefinitionInvalid as error:
        return error.faults
    return source.locate(find_faults(source.data, InstalledCatalogue()))


def faults_of_data(data: Any) -> list[Fault]:
    """Every fault of a definition given as data, with its path."""
    return find_faults(data, InstalledCatalogue())


def check_definition(*, source: str | None = None, definition: Mapping[str, Any] | None = None) -> CheckedDefinition:
    """Check a definition given as YAML or as data.

    Raises:
        DefinitionFaulty: with every fault.
    """
    if source is None:
        faults = faults_of_data(definition)
        if faults:
            raise DefinitionFaulty(faults)
        data = copy.deepcopy(dict(definition or {}))
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
        return CheckedDefinition(text, data, build_definition(data))
    faults = faults_of_source(source)
    if faults:
        raise DefinitionFaulty(faults)
    data = read_source(source).data
    return CheckedDefinition(source, data, build_definition(data))


def check_inputs(definition: Definition, inputs: Any) -> dict[str, Any]:
    """The inputs of an execution with the defaults of their schema.

    Raises:
        ValidationError: by path, such as `inputs.course`.
    """
    given = dict(inputs) if isinstance(inputs, Mapping) else inputs
    if isinstance(given, dict):
        for name, described in (definition.inputs.get("properties") or {}).items():
            if name not in given and isinstance(described, Mapping) and "default" in described:
                given[name] = copy.deepcopy(described["default"])
    messages: dict[str, list[str]] = {}
    for fault in input_faults(definition.inputs, given):
        messages.setdefault(fault.path, []).append(fault.message)
    if messages:
        raise ValidationError(messages)
    return given
