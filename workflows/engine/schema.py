"""The published JSON Schema of a definition. Editors complete and check by it; `validation` knows more."""

from __future__ import annotations

from typing import Any

from workflows.engine.definition import (
    AI_AGENT,
    ALL,
    ANY,
    APPROVAL,
    APPROVE,
    ASK,
    BODY,
    CONDITION,
    CONTINUE,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_S,
    ELSE,
    FAIL,
    LOOP,
    MISSED_POLICIES,
    OVERLAP_POLICIES,
    PARALLEL,
    PLUGIN_ACTION,
    PRIORITIES,
    REJECT,
    RETRY,
    SYSTEM_ACTION,
    THEN,
    WAIT,
)
from workflows.engine.fields import NAME
from workflows.engine.moments import LONGEST_WAIT_S
from workflows.engine.retry import RETRYABLE
from workflows.engine.trigger_checks import EVENT_TYPE, HEADER, MAX_TRIGGERS, SIGNATURE_ALGORITHMS
from workflows.engine.validation import (
    MAX_BRANCHES,
    MAX_NAME_LENGTH,
    MAX_RETRIES,
    MAX_STEP_TIMEOUT_S,
    MAX_TIMEOUT_S,
)

_PARAMS = {"type": "object", "description": "Names and values; `{{ expression }}` in any text is filled in."}

_TRIGGER_INPUTS = {"type": "object", "description": "Inputs of the execution; templates over trigger."}


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
        confirmation={
            "type": "string",
            "description": "For an action that needs a person's yes: {{ steps.NAME.result.decision }} of an approval.",
        },
    ),
    SYSTEM_ACTION: _config(["action"], action={"type": "string"}, params=_PARAMS),
    AI_AGENT: _config(
        ["agent", "prompt"],
        agent={"type": "string"},
        prompt={"type": "string", "minLength": 1, "maxLength": 50_000},
        parameters=_PARAMS,
    ),
    CONDITION: _config(
        ["expression", THEN],
        expression={"type": "string", "minLength": 1, "description": "CEL; true takes “then”, false “else”."},
        then={"$ref": "#/$defs/steps"},
        **{ELSE: {"type": "array", "items": {"$ref": "#/$defs/step"}}},
    ),
    LOOP: _config(
        ["items", BODY],
        items={"type": ["string", "array"], "description": "An expression that gives a list, or the list itself."},
        **{"as": {"type": "string", "pattern": f"^{NAME.pattern}$", "default": "item"}},
        steps={"$ref": "#/$defs/steps"},
        max_concurrency={"type": "integer", "minimum": 1, "maximum": 50, "default": 1},
        max_iterations={"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1000},
        until={
            "type": "string",
            "description": "CEL, looked at after each item that worked; when true, no further item begins.",
        },
        on_item_error={
            "enum": [FAIL, CONTINUE],
            "default": FAIL,
            "description": "With continue, a failed item becomes {error: words} in the result.",
        },
    ),
    PARALLEL: _config(
        ["branches"],
        branches={
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_BRANCHES,
            "propertyNames": {"pattern": f"^{NAME.pattern}$"},
            "additionalProperties": {"$ref": "#/$defs/steps"},
        },
        wait_for={
            "oneOf": [{"enum": [ALL, ANY]}, {"type": "integer", "minimum": 1}],
            "default": ALL,
            "description": "How many branches must work; the others are cancelled then.",
        },
    ),
    WAIT: {
        **_config(
            [],
            duration={"type": ["number", "string"], "description": "Seconds, “90s”, “2h30m”, or a template."},
            until={"type": "string", "description": "An RFC 3339 time, a CEL expression or a template that gives one."},
        ),
        "oneOf": [{"required": ["duration"]}, {"required": ["until"]}],
    },
    APPROVAL: _config(
        ["message"],
        message={"type": "string", "minLength": 1, "maxLength": 10_000, "description": "What the person is asked."},
        timeout_action={
            "enum": [APPROVE, REJECT, FAIL],
            "default": REJECT,
            "description": "What happens when nobody decides in time.",
        },
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
        "priority": {"enum": list(PRIORITIES), "default": "normal"},
        "error_workflow": {
            "type": "string",
            "maxLength": MAX_NAME_LENGTH,
            "description": "The name of a workflow of yours that starts when an execution of this one fails.",
        },
        "triggers": {"type": "array", "maxItems": MAX_TRIGGERS, "items": {"$ref": "#/$defs/trigger"}},
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
                        "missed": {"enum": list(MISSED_POLICIES), "default": "once"},
                        "overlap": {"enum": list(OVERLAP_POLICIES), "default": "skip"},
                        "inputs": _TRIGGER_INPUTS,
                    },
                },
                {
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {
                        "type": {"const": "webhook"},
                        "name": {"type": "string", "pattern": f"^{NAME.pattern}$"},
                        "signature": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["header"],
                            "properties": {
                                "header": {"type": "string", "pattern": f"^{HEADER.pattern}$"},
                                "algorithm": {"enum": list(SIGNATURE_ALGORITHMS), "default": "sha256"},
                            },
                        },
                        "delivery_id_header": {"type": "string", "pattern": f"^{HEADER.pattern}$"},
                        "inputs": _TRIGGER_INPUTS,
                    },
                },
                {
                    "additionalProperties": False,
                    "required": ["event"],
                    "properties": {
                        "type": {"const": "event"},
                        "event": {"type": "string", "pattern": f"^{EVENT_TYPE.pattern}$"},
                        "filter": {"type": "string", "description": "A CEL condition over trigger."},
                        "inputs": _TRIGGER_INPUTS,
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
                    "maximum": LONGEST_WAIT_S,
                    "description": (
                        f"Seconds. Of an attempt (300; at most {MAX_STEP_TIMEOUT_S}), of a decision (7 days), or of "
                        "the whole of a condition, loop or parallel (none)."
                    ),
                },
                "max_retries": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": MAX_RETRIES,
                    "default": DEFAULT_MAX_RETRIES,
                },
                "retry_on": {
                    "type": "array",
                    "items": {"enum": sorted(RETRYABLE)},
                    "description": "The kinds of error after which it is tried again; all of them by default.",
                },
                "on_error": {"enum": [FAIL, CONTINUE], "default": FAIL},
                "on_unknown": {
                    "enum": [RETRY, ASK],
                    "default": ASK,
                    "description": "What follows when nobody knows whether a call that must not happen twice did.",
                },
            },
            "allOf": [
                {"if": {"properties": {"type": {"const": kind}}}, "then": {"properties": {"config": config}}}
                for kind, config in CONFIGS.items()
            ],
        },
    },
}
