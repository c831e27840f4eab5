"""Read a manifest file and name every fault of it at once."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from plugins.checking import problems_of, validator_for
from plugins.faults import Fault, ManifestFaulty, did_you_mean, join_path
from plugins.formats import FORMATS, PLACEHOLDER, cpu_cores, looks_secret, memory_bytes
from plugins.manifest_ways import authentication_faults, authentication_templates
from plugins.schema_rules import MAX_DEPTH, circle_faults, is_too_deep, schema_faults
from plugins.settings_schema import SECRET_WORDS, settings_faults

SCHEMA_FILE = Path(__file__).parent / "schemas" / "plugin-manifest-v1.json"
MAX_MANIFEST_BYTES = 256 * 1024
RESERVED_PARAMETERS = {"connection", "confirmation"}
_QUANTITY_READERS: dict[str, Any] = {"memory": memory_bytes, "storage": memory_bytes, "cpu": cpu_cores}
_WITHOUT_HEADER = {
    "url_secret": "which looks at no header",
    "standard_webhooks": "which has headers of its own: webhook-id, webhook-timestamp and webhook-signature",
}
_NAMES_OF_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


class _ManifestLoader(yaml.SafeLoader):
    """YAML without the parts that surprise: no aliases, no dates, no key written twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.MarkedYAMLError(problem="aliases are not used in manifests", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool) and key is not None:
                raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f'"{key}" is written twice', problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_ManifestLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def manifest_schema() -> dict[str, Any]:
    """Return the published JSON Schema of manifests."""
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(formats=())
    for name, (check, _) in FORMATS.items():
        formats.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    return Draft202012Validator(manifest_schema(), format_checker=formats)


def read_yaml(text: str | bytes, *, source: str = "") -> dict[str, Any]:
    """Parse manifest text into a mapping.

    Raises:
        ManifestFaulty: too large, not YAML, a key twice, or not a mapping.
    """
    if len(text) > MAX_MANIFEST_BYTES:
        raise ManifestFaulty([Fault("", f"The file is larger than {MAX_MANIFEST_BYTES // 1024} KiB.")], source=source)
    try:
        found = yaml.load(text, Loader=_ManifestLoader)  # noqa: S506, a SafeLoader with fewer features
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ManifestFaulty([Fault(place, error.problem or "this is not YAML")], source=source) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ManifestFaulty([Fault("", f"This is not YAML: {error}")], source=source) from error
    if not isinstance(found, dict):
        raise ManifestFaulty([Fault("", "The file must hold a mapping with apiVersion, kind, metadata and spec.")])
    return found


def normalise(value: Any, *, in_schema: bool = False) -> Any:
    """Bring the liberties that manifests take into plain JSON Schema.

    Integer keys (response codes) become text. `required: true` at a property, as in OpenAPI 2, moves into the
    `required` list of the object around it, in the settings schema, payloads, responses and definitions.
    """
    if isinstance(value, list):
        return [normalise(item, in_schema=in_schema) for item in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key if isinstance(key, str) else json.dumps(key)
        within = in_schema or name in {"schema", "payload_schema", "definitions"}
        result[name] = normalise(item, in_schema=within)
    properties = result.get("properties")
    if in_schema and isinstance(properties, dict):
        listed = result.get("required")
        required = list(listed) if isinstance(listed, list) else []
        for name, schema in properties.items():
            if isinstance(schema, dict) and isinstance(schema.get("required"), bool):
                wanted = schema.pop("required")
                if wanted and name not in required:
                    required.append(name)
        if required:
            result["required"] = required
    return result


def check_manifest(document: dict[str, Any]) -> list[Fault]:
    """Return every fault of a normalised manifest, in reading order; an empty list means it is good."""
    if is_too_deep(document):
        return [Fault("", f"The manifest is nested deeper than {MAX_DEPTH} levels.")]
    faults = list(_schema_faults(document))
    if not faults:
        faults = list(_meaning_faults(document))
    return faults


def _schema_faults(document: dict[str, Any]) -> Iterator[Fault]:
    for error in sorted(_validator().iter_errors(document), key=lambda found: [str(part) for part in found.path]):
        yield from _in_words(error)


def _in_words(error: Any) -> Iterator[Fault]:
    path = list(error.absolute_path)
    shown = join_path(path)
    value = error.instance
    match error.validator:
        case "additionalProperties":
            known = list(error.schema.get("properties", {}))
            for name in value:
                if name == "writeOnly" and path[:2] == ["spec", "configuration"]:
                    yield Fault(join_path([*path, name]), SECRET_WORDS)
                elif name not in known:
                    yield Fault(join_path([*path, name]), f"is not a known field{did_you_mean(name, known)}")
        case "required":
            for name in error.validator_value:
                if name not in value:
                    yield Fault(join_path([*path, name]), "is missing")
        case "enum" if path[-2:] == ["signature", "type"] and value == "none":
            yield Fault(shown, '"none" would let anyone send; where the secret address is enough, write url_secret')
        case "enum" if path[:2] == ["spec", "configuration"] and path[-1:] == ["type"] and value == "object":
            yield Fault(shown, "an object has no form: make each of its fields a setting of its own, such as from_day")
        case "enum" if path[:2] == ["spec", "configuration"] and path[-1:] == ["format"] and value == "password":
            yield Fault(shown, SECRET_WORDS)
        case "enum":
            allowed = [str(item) for item in error.validator_value]
            words = f'must be "{allowed[0]}"' if len(allowed) == 1 else f"is not one of {', '.join(allowed)}"
            yield Fault(shown, f"{_quoted(value)} {words}{did_you_mean(str(value), allowed)}")
        case "const":
            yield Fault(shown, f"must be {_quoted(error.validator_value)}")
        case "type":
            wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
            yield Fault(shown, f"must be {' or '.join(_NAMES_OF_TYPES[name] for name in wanted)}, not {_kind(value)}")
        case "format":
            yield Fault(shown, f"{_quoted(value)} {FORMATS[error.validator_value][1]}")
        case "propertyNames" | "pattern":
            yield Fault(shown, f"{_quoted(value)} is not a name that can stand here")
        case "minItems" | "minLength":
            yield Fault(shown, "must not be empty")
        case "maxItems" | "maxLength" | "maxProperties":
            yield Fault(shown, f"is longer than {error.validator_value}")
        case _:
            yield Fault(shown, error.message)


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "empty"}
    return names.get(type(value), "a number")


def _meaning_faults(document: dict[str, Any]) -> Iterator[Fault]:
    spec = document["spec"]
    definitions = document.get("definitions", {})
    settings_schema = spec.get("configuration", {}).get("schema", {})
    fields = settings_schema.get("properties", {})
    yield from _duplicates("spec.capabilities", spec["capabilities"])
    yield from settings_faults(settings_schema)
    yield from _placeholder_faults(spec, fields)
    yield from authentication_faults(spec)
    yield from _endpoint_faults(spec)
    yield from _webhook_faults(spec)
    yield from _security_faults(spec)
    yield from _request_faults(spec)
    for name, schema in definitions.items():
        yield from schema_faults(f"definitions.{name}", schema, definitions)
    yield from circle_faults(definitions)
    for number, endpoint in enumerate(spec.get("endpoints", [])):
        for index, parameter in enumerate(endpoint.get("parameters", [])):
            where = f"spec.endpoints[{number}].parameters[{index}]"
            yield from _parameter_faults(where, parameter, definitions)
        for code, response in endpoint.get("responses", {}).items():
            if "schema" in response:
                where = f"spec.endpoints[{number}].responses.{code}.schema"
                yield from schema_faults(where, response["schema"], definitions)
    for number, webhook in enumerate(spec.get("webhooks", [])):
        if "payload_schema" in webhook:
            yield from schema_faults(f"spec.webhooks[{number}].payload_schema", webhook["payload_schema"], definitions)


def _duplicates(path: str, values: list[Any]) -> Iterator[Fault]:
    for value, count in Counter(str(item) for item in values).items():
        if count > 1:
            yield Fault(path, f'"{value}" is listed {count} times')


def _named_twice(path: str, items: list[dict[str, Any]]) -> Iterator[Fault]:
    seen: set[str] = set()
    for number, item in enumerate(items):
        if item["name"] in seen:
            yield Fault(f"{path}[{number}].name", f'"{item["name"]}" is used twice')
        seen.add(item["name"])


def _placeholder_faults(spec: dict[str, Any], fields: dict[str, Any]) -> Iterator[Fault]:
    templates = list(authentication_templates(spec))
    hosts = spec.get("security", {}).get("allowed_hosts", [])
    templates += [(f"spec.security.allowed_hosts[{number}]", host) for number, host in enumerate(hosts)]
    for number, rule in enumerate(spec.get("security", {}).get("requests", [])):
        where = f"spec.security.requests[{number}]"
        templates += [(f"{where}.paths[{index}]", path) for index, path in enumerate(rule["paths"])]
    for path, template in templates:
        for name in PLACEHOLDER.findall(str(template)):
            if name not in fields and not (name == "client_id" and path.endswith(".revocation.url")):
                yield Fault(path, f"{{{name}}} is not a setting of this plugin{did_you_mean(name, fields)}")


def _endpoint_faults(spec: dict[str, Any]) -> Iterator[Fault]:
    base, endpoints = "spec.endpoints", spec.get("endpoints", [])
    yield from _named_twice(base, endpoints)
    routes: set[tuple[str, str]] = set()
    spellings: dict[str, str] = {}
    for number, endpoint in enumerate(endpoints):
        parameters = endpoint.get("parameters", [])
        route = (endpoint["method"], PLACEHOLDER.sub("{}", endpoint["path"]))
        if route in routes:
            yield Fault(f"{base}[{number}].path", f"{endpoint['method']} {endpoint['path']} is answered twice")
        routes.add(route)
        if (first := spellings.setdefault(route[1], endpoint["path"])) != endpoint["path"]:
            yield Fault(f"{base}[{number}].path", f"is the path {first} of another endpoint; write it the same way")
        yield from _named_twice(f"{base}[{number}].parameters", parameters)
        in_path = set(PLACEHOLDER.findall(endpoint["path"]))
        declared = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        for name in sorted(in_path - declared):
            yield Fault(f"{base}[{number}].path", f"{{{name}}} is not among the parameters that are in the path")
        for index, parameter in enumerate(parameters):
            where = f"{base}[{number}].parameters[{index}]"
            if parameter["in"] == "path" and parameter["name"] not in in_path:
                yield Fault(f"{where}.in", f'"{parameter["name"]}" does not stand in the path {endpoint["path"]}')
            if parameter["in"] == "body" and endpoint["method"] in {"GET", "DELETE"}:
                yield Fault(f"{where}.in", f"a {endpoint['method']} request has no body")
            if parameter["in"] in {"path", "query"} and parameter["type"] == "object":
                yield Fault(f"{where}.type", "an object can only be in the body")
        if "capability" in endpoint:
            yield from _undeclared(f"{base}[{number}].capability", endpoint["capability"], spec["capabilities"])
        yield from _confirm_faults(f"{base}[{number}].confirm", endpoint, [item["name"] for item in parameters])


def _parameter_faults(where: str, parameter: dict[str, Any], definitions: dict[str, Any]) -> Iterator[Fault]:
    schema = {key: value for key, value in parameter.items() if key not in {"name", "in", "required", "description"}}
    faults = list(schema_faults(where, schema, definitions))
    yield from faults
    if faults:
        return
    if parameter["name"] in RESERVED_PARAMETERS:
        yield Fault(f"{where}.name", f'"{parameter["name"]}" is a parameter of every route; choose another name')
    if parameter["in"] == "path" and not parameter.get("required", True):
        yield Fault(f"{where}.required", "what stands in the path is always needed")
    if parameter["in"] != "body" and parameter["type"] == "array":
        inner = parameter.get("items", {}).get("type", "string")
        if parameter["in"] == "path" or inner in ("array", "object"):
            yield Fault(f"{where}.type", "a list of lists or objects, or a list in the path, can only be in the body")
    if "default" in parameter:
        problems = problems_of(validator_for(schema, definitions, with_formats=True), parameter["default"], at_most=1)
        for problem in problems:
            yield Fault(f"{where}.default", f"does not fit the parameter: {problem.message}")


def _confirm_faults(where: str, endpoint: dict[str, Any], parameters: list[str]) -> Iterator[Fault]:
    sentence = endpoint.get("confirm", "")
    if sentence and endpoint["method"] == "GET":
        yield Fault(where, "a GET endpoint changes nothing, so there is nothing to say yes to")
    for name in re.findall(r"\{([^{}]*)\}", sentence):
        if name not in parameters:
            yield Fault(where, f"{{{name}}} is not a parameter of this endpoint{did_you_mean(name, parameters)}")
    if sentence and "confirmation" in parameters:
        yield Fault(where, 'the answer itself is called "confirmation"; give the parameter another name')


def _undeclared(where: str, capability: str, declared: list[str]) -> Iterator[Fault]:
    if capability not in declared:
        hint = did_you_mean(capability, declared)
        yield Fault(where, f'"{capability}" is not among spec.capabilities, so it is never granted{hint}')


def _webhook_faults(spec: dict[str, Any]) -> Iterator[Fault]:
    webhooks = spec.get("webhooks", [])
    yield from _named_twice("spec.webhooks", webhooks)
    if webhooks and "webhook_receiver" not in spec["capabilities"]:
        yield Fault("spec.capabilities", 'lacks "webhook_receiver", which a plugin with webhooks needs')
    for number, webhook in enumerate(webhooks):
        where = f"spec.webhooks[{number}]"
        yield from _stop_faults(f"{where}.stop", webhook.get("stop", ""), spec.get("endpoints", []))
        signature = webhook.get("signature", {})
        kind = signature.get("type", "")
        if kind in {"hmac_sha256", "token"} and "header" not in signature:
            what = "signature" if kind == "hmac_sha256" else "token"
            yield Fault(f"{where}.signature.header", f"is missing: {kind} needs the header that carries the {what}")
        for name in ("header", "prefix"):
            if kind in _WITHOUT_HEADER and name in signature:
                yield Fault(f"{where}.signature.{name}", f"has no meaning with {kind}, {_WITHOUT_HEADER[kind]}")
        for name in ("delivery_id_headers", "kept_headers"):
            yield from _duplicates(f"{where}.{name}", [header.lower() for header in webhook.get(name, [])])
        for index, header in enumerate(webhook.get("kept_headers", [])):
            secret = {"authorization", "cookie"} | ({signature.get("header", "").lower()} if kind == "token" else set())
            if header.lower() in secret:
                yield Fault(f"{where}.kept_headers[{index}]", "carries a secret, which a plugin is never shown")


def _stop_faults(where: str, action: str, endpoints: list[dict[str, Any]]) -> Iterator[Fault]:
    """What ends the telling is called by the host alone: it asks nobody and needs nothing to be said."""
    endpoint = next((each for each in endpoints if each["name"] == action), None)
    if action and endpoint is None:
        yield Fault(where, f'"{action}" is not an endpoint{did_you_mean(action, [each["name"] for each in endpoints])}')
    elif endpoint and ("confirm" in endpoint or any(each.get("required") for each in endpoint.get("parameters", []))):
        yield Fault(where, f'"{action}" must need neither a yes nor a parameter')


def _request_faults(spec: dict[str, Any]) -> Iterator[Fault]:
    security = spec.get("security", {})
    policy, hosts = security.get("network_policy", "none"), security.get("allowed_hosts", [])
    for number, rule in enumerate(security.get("requests", [])):
        where = f"spec.security.requests[{number}]"
        yield from _undeclared(f"{where}.capability", rule["capability"], spec["capabilities"])
        yield from _duplicates(f"{where}.methods", rule["methods"])
        yield from _duplicates(f"{where}.paths", rule["paths"])
        if policy == "none":
            yield Fault(where, 'needs network_policy "restricted"; with "none" nothing leaves')
        elif "host" not in rule and not hosts:
            yield Fault(f"{where}.host", "is missing: without allowed_hosts there is no home that paths could go to")
        elif "host" in rule and policy == "restricted" and rule["host"] not in hosts:
            hint = did_you_mean(rule["host"], hosts)
            yield Fault(f"{where}.host", f'"{rule["host"]}" is not among spec.security.allowed_hosts{hint}')


def _security_faults(spec: dict[str, Any]) -> Iterator[Fault]:
    security = spec.get("security", {})
    hosts = security.get("allowed_hosts", [])
    yield from _duplicates("spec.security.allowed_hosts", hosts)
    if security.get("network_policy") == "none" and hosts:
        yield Fault("spec.security.allowed_hosts", 'needs network_policy "restricted"; with "none" nothing is reached')
    for number, name in enumerate(security.get("environment_variables", [])):
        if looks_secret(name):
            yield Fault(
                f"spec.security.environment_variables[{number}]",
                f'"{name}" looks like a secret or like the host\'s own; a plugin is never given one',
            )
    limits, requests = (spec.get("resources", {}).get(name, {}) for name in ("limits", "requests"))
    for name in sorted(set(limits) & set(requests)):
        reader = _QUANTITY_READERS[name]
        if reader(requests[name]) > reader(limits[name]):
            yield Fault(f"spec.resources.requests.{name}", f"{requests[name]} is more than the limit {limits[name]}")
