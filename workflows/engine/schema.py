"""The published JSON Schema of a definition. Editors complete and check by it; `validation` knows more."""

from __future__ import annotations

from typing import Any

from workflows.engine.definition import (
    AI_AGENT,
    CONTINUE,
    DEFAULT_MAX_RETRIES,
    DEFAULT_STEP_TIMEOUT_S,
    DEFAULT_TIMEOUT_S,
    FAIL,
    LOOP,
    PLUGIN_ACTION,
    SYSTEM_ACTION,
)
from workflows.engine.validation import MAX_NAME_LENGTH, MAX_RETRIES, MAX_STEP_TIMEOUT_S, MAX_TIMEOUT_S, NAME

_PARAMS = {"type": "object", "description": "Names and values; `{{ expression }}` in any text is filled in."}


def _config(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


CONFIGS: dict[str, dict[str, Any]] = {
    PLUGIN_ACTION: _config(
        ["plugin", "action"],
        plugin={"type": "string", "description": "Name of the plugin, such as canvas-integration."},
        action={"type": "string", "description": "One of the plugin's endpoints."},
        params=_PARAMS,
        connection={
            "type": ["integer", "string"],
            "description": "Id of a connection; without it the workflow's own, or the only one.",
        },
    ),
    SYSTEM_ACTION: _config(["action"], action={"type": "string"}, params=_PARAMS),
    AI_AGENT: _config(
        ["agent", "prompt"],
        agent={"type": "string"},
        prompt={"type": "string", "minLength": 1, "maxLength": 50_000},
        parameters=_PARAMS,
    ),
    LOOP: _config(
        ["items", "steps"],
        items={"type": ["string", "array"], "description": "An expression that gives a list, or the list itself."},
        **{"as": {"type": "string", "pattern": f"^{NAME.pattern}$", "default": "item"}},
        steps={"$ref": "#/$defs/steps"},
        max_concurrency={"type": "integer", "minimum": 1, "maximum": 50, "default": 1},
        max_iterations={"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000},
    ),
}

DEFINITION_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "/api/v1/workflows/definition-schema/",
    "title": "Workflow definition",
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "steps"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH},
        "description": {"type": "string", "maxLength": 10_000},
        "version": {"type": ["string", "number"], "default": "1.0"},
        "variables": {"type": "object", "description": "First values of the execution's variables."},
        "inputs": {"type": "object", "description": "JSON Schema of what an execution is given."},
        "timeout": {"type": "integer", "minimum": 1, "maximum": MAX_TIMEOUT_S, "default": DEFAULT_TIMEOUT_S},
        "triggers": {"type": "array", "items": {"$ref": "#/$defs/trigger"}},
        "steps": {"$ref": "#/$defs/steps"},
    },
    "$defs": {
        "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
        "trigger": {
            "type": "object",
            "required": ["type"],
            "oneOf": [
                {"additionalProperties": False, "properties": {"type": {"const": "manual"}}},
                {
                    "additionalProperties": False,
                    "required": ["cron"],
                    "properties": {
                        "type": {"const": "schedule"},
                        "cron": {"type": "string", "description": "Five fields, such as 0 7 * * 1-5."},
                        "time_zone": {"type": "string", "description": "Such as Europe/Berlin; yours by default."},
                    },
                },
            ],
        },
        "step": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "type", "config"],
            "properties": {
                "name": {"type": "string", "pattern": f"^{NAME.pattern}$"},
                "description": {"type": "string", "maxLength": 2_000},
                "type": {"enum": list(CONFIGS)},
                "config": {"type": "object"},
                "depends_on": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                "condition": {"type": "string", "description": "A CEL expression; when false the step is skipped."},
                "timeout": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_TIMEOUT_S,
                    "default": DEFAULT_STEP_TIMEOUT_S,
                    "description": f"Seconds; at most {MAX_STEP_TIMEOUT_S} for anything but a loop.",
                },
                "max_retries": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": MAX_RETRIES,
                    "default": DEFAULT_MAX_RETRIES,
                },
                "on_error": {"enum": [FAIL, CONTINUE], "default": FAIL},
            },
            "allOf": [
                {"if": {"properties": {"type": {"const": kind}}}, "then": {"properties": {"config": config}}}
                for kind, config in CONFIGS.items()
            ],
        },
    },
}
