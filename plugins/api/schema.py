"""Puts the routes of every manifest into the OpenAPI document."""

from __future__ import annotations

from typing import Any

from coreengine.kernel.api.schema import PROBLEM
from plugins.confirmation import APPROVED, PARAMETER
from plugins.manifest import Endpoint, Manifest
from plugins.registry import usable_plugins

_CONFIRMATION: dict[str, Any] = {
    "schema": {"type": "string", "enum": [APPROVED]},
    "description": "The student's yes. Without it the answer is 409 with the sentence to ask them.",
}
_CONNECTION = {
    "name": "connection",
    "in": "query",
    "required": False,
    "schema": {"type": "integer"},
    "description": "Which connection to use; may be left out while there is only one.",
}


def add_plugin_routes(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add one operation for each endpoint of each installed plugin (a post-processing hook of drf-spectacular)."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    for plugin in usable_plugins():
        manifest = plugin.manifest
        assert manifest is not None
        # The underscore keeps a plugin's names apart from those of Core Engine, which have none.
        prefix = "".join(word.capitalize() for word in manifest.name.split("-")) + "_"
        for name, schema in manifest.definitions.items():
            components[f"{prefix}{name}"] = _local(schema, prefix)
        for endpoint in manifest.endpoints:
            path = f"/api/v1/plugins/{manifest.name}{endpoint.path}"
            result["paths"].setdefault(path, {})[endpoint.method.lower()] = _operation(manifest, endpoint, prefix)
    return result


def _operation(manifest: Manifest, endpoint: Endpoint, prefix: str) -> dict[str, Any]:
    inline = [parameter for parameter in endpoint.parameters if parameter.place in {"path", "query"}]
    body = [parameter for parameter in endpoint.parameters if parameter.place == "body"]
    operation: dict[str, Any] = {
        "operationId": f"plugins_{manifest.name.replace('-', '_')}_{endpoint.name}",
        "summary": endpoint.description or endpoint.name,
        "tags": ["plugins"],
        "security": [{"bearerAuth": []}, {"cookieAuth": []}],
        "parameters": [
            *(
                {
                    "name": parameter.name,
                    "in": parameter.place,
                    "required": parameter.required,
                    "description": parameter.description,
                    "schema": _local(
                        {key: value for key, value in parameter.schema.items() if key != "description"}, prefix
                    ),
                }
                for parameter in inline
            ),
            _CONNECTION,
        ],
        "responses": {
            str(endpoint.status): {
                "description": "What the plugin found.",
                "content": {"application/json": {"schema": _local(endpoint.response or {}, prefix)}},
            },
            "202": {"description": "It takes longer; Location has the address of the status."},
            "default": {
                "description": "The request failed; the document says why.",
                "content": {"application/problem+json": {"schema": PROBLEM}},
            },
        },
    }
    if endpoint.confirm and not body:
        operation["parameters"].append({"name": PARAMETER, "in": "query", "required": False, **_CONFIRMATION})
    if endpoint.confirm:
        operation["responses"]["409"] = {
            "description": f"confirmation_needed: {endpoint.confirm} Ask the student, then repeat the request "
            f"with {PARAMETER}: {APPROVED}.",
            "content": {"application/problem+json": {"schema": PROBLEM}},
        }
    if body:
        schema = {
            "type": "object",
            "properties": {parameter.name: _local(dict(parameter.schema), prefix) for parameter in body},
            "required": [parameter.name for parameter in body if parameter.required],
        }
        if endpoint.confirm:
            schema["properties"][PARAMETER] = {**_CONFIRMATION["schema"], "description": _CONFIRMATION["description"]}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation


def _local(value: Any, prefix: str) -> Any:
    """Point references at the components of this document."""
    if isinstance(value, list):
        return [_local(item, prefix) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item.replace("#/definitions/", f"#/components/schemas/{prefix}")
        if key == "$ref" and isinstance(item, str)
        else _local(item, prefix)
        for key, item in value.items()
    }
