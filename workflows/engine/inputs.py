"""What an execution may be given, and what can be kept at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from coreengine.kernel.expressions import nearest
from workflows.engine.definition import Fault


def unstorable(value: Any, path: str = "", depth: int = 0) -> tuple[str, str] | None:
    """Where and why a value cannot be kept as JSON in the database, or None."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return path, "This text contains half a surrogate pair."
        return (path, "This text contains a NUL character.") if "\x00" in value else None
    if isinstance(value, float) and not math.isfinite(value):
        return path, "This is not a finite number."
    if depth > 60:
        return path, "This is nested too deep."
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            if not isinstance(key, str):
                return here, "Keys must be texts."
            found = unstorable(key, here) or unstorable(item, here, depth + 1)
            if found:
                return found
        return None
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            found = unstorable(item, f"{path}[{index}]", depth + 1)
            if found:
                return found
        return None
    if value is None or isinstance(value, bool | int | float):
        return None
    return path, f"A value of the kind {type(value).__name__} cannot be kept."


def input_faults(schema: Mapping[str, Any], inputs: Any) -> list[Fault]:
    """What is wrong with the inputs of an execution. Inputs that the schema does not know are refused."""
    if not isinstance(inputs, Mapping):
        return [Fault("inputs", "Inputs are a map of names and values.")]
    unusable = unstorable(inputs, "inputs")
    if unusable:
        return [Fault(*unusable)]
    if not schema:
        return [Fault(f"inputs.{key}", "This workflow takes no inputs.") for key in inputs]
    faults = []
    properties = schema.get("properties") or {}
    for error in Draft202012Validator(schema).iter_errors(inputs):
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        faults.append(Fault(f"inputs{place}", error.message))
    if not schema.get("additionalProperties") and "additionalProperties" not in schema:
        faults += [
            Fault(f"inputs.{key}", f"There is no input “{key}”.{nearest(key, properties)}")
            for key in inputs
            if key not in properties
        ]
    return faults
