"""What an execution may be given, and what can be kept at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from coreengine.kernel.expressions import nearest
from coreengine.kernel.storable import unstorable
from workflows.engine.definition import Fault


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
