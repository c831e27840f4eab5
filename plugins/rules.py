"""Checks that pages, API and workflows share: settings, credentials, parameters and answers of plugins."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from coreengine.kernel.outbound.hosts import is_host
from plugins.checking import problems_of, validator_for
from plugins.faults import did_you_mean, join_path
from plugins.formats import PLACEHOLDER, VALUE_FORMATS
from plugins.manifest import Authentication, Endpoint, Manifest
from plugins.settings_schema import problem_of

MAX_CREDENTIAL_LENGTH = 4_000
MAX_FAULTS = 20


def check_configuration(manifest: Manifest, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with defaults filled in and values of the right types.

    Raises:
        ValidationError: by setting.
    """
    fields: Mapping[str, Any] = manifest.settings_schema.get("properties", {})
    required = set(manifest.settings_schema.get("required", ()))
    errors: dict[str, str] = {}
    cleaned: dict[str, Any] = manifest.defaults()
    for name in given:
        if name not in fields:
            errors[str(name)] = f"{manifest.title} has no such setting{did_you_mean(str(name), fields) or '.'}"
    for name, schema in fields.items():
        value = given.get(name, cleaned.get(name))
        if isinstance(value, str):
            value = value.strip()
        if value in (None, "", []):
            cleaned.pop(name, None)
            if name in required:
                errors[name] = f"{schema.get('title', name)} is needed."
            continue
        if name in home_settings(manifest) and isinstance(value, str):
            value = host_of(value)
        if words := problem_of(schema, value):
            errors[name] = words
        elif name in home_settings(manifest) and not is_host(str(value)):
            errors[name] = "Write the name of the host alone, such as canvas.example.edu."
        else:
            cleaned[name] = value
    if errors:
        raise ValidationError(errors)
    return cleaned


def check_credential(
    manifest: Manifest,
    way: Authentication | None,
    given: Mapping[str, Any],
    configuration: Mapping[str, Any],
) -> dict[str, str]:
    """Return the credential with only the fields that its way has.

    Raises:
        ValidationError: by field (`token`, or `username` and `password`, or `url`).
    """
    errors: dict[str, str] = {}
    cleaned: dict[str, str] = {}
    for name, words in credential_fields(way).items():
        value = given.get(name)
        text = value.strip() if isinstance(value, str) else ""
        if not text:
            errors[name] = f"{words} is needed."
        elif len(text) > MAX_CREDENTIAL_LENGTH:
            errors[name] = f"{words} is longer than {MAX_CREDENTIAL_LENGTH} characters."
        elif not (text.isascii() and text.isprintable()):
            errors[name] = f"{words} has characters that cannot be part of it. Copy it again, without line breaks."
        elif name == "url":
            try:
                cleaned[name] = _feed_address(manifest, text, configuration)
            except ValidationError as error:
                errors[name] = error.message
        else:
            cleaned[name] = text
    if errors:
        raise ValidationError(errors)
    return cleaned


def credential_fields(way: Authentication | None) -> dict[str, str]:
    """Return the fields that a student fills in for a credential, with their labels; {} where there are none."""
    if way is None or way.needs_sign_in:
        return {}
    if way.type == "basic_auth":
        return {"username": "User name", "password": "Password"}
    if way.type == "feed_url":
        return {"url": "Feed address"}
    is_key = way.type == "api_key" and way.prefix != "Bearer"
    return {"token": "API key" if is_key else "Access token"}


def _feed_address(manifest: Manifest, text: str, configuration: Mapping[str, Any]) -> str:
    """Return a pasted feed address in the spelling that is asked; calendars write webcal for https."""
    address = re.sub(r"^webcals?://", "https://", text, flags=re.IGNORECASE)
    match = re.match(r"https://([^/?#:@]+)[/?]", address, flags=re.IGNORECASE)
    if match is None or not is_host(match[1].lower()):
        raise ValidationError("Paste the whole address, beginning with https://.")
    host, allowed = match[1].lower(), manifest.hosts(configuration)
    if allowed and host not in allowed:
        raise ValidationError(f"That address is at {host}; this connection reads from {' or '.join(allowed[:3])}.")
    return f"https://{host}{address[match.end(1) :]}"


def with_feed_host(manifest: Manifest, given: Mapping[str, Any], credential: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which a pasted feed address has named the host, where the student left that empty."""
    filled = dict(given)
    host = host_of(re.sub(r"^webcals?://", "https://", str(credential.get("url") or "").strip(), flags=re.IGNORECASE))
    for name in home_settings(manifest):
        if not filled.get(name) and is_host(host):
            filled[name] = host
    return filled


def home_settings(manifest: Manifest) -> list[str]:
    """Return the settings that name the host the plugin talks to."""
    return [
        name for host in manifest.security.allowed_hosts for name in PLACEHOLDER.findall(host) if host == f"{{{name}}}"
    ]


def host_of(text: str) -> str:
    """Take the host out of what people paste: a whole address, a slash at the end, capitals."""
    return re.sub(r"^https?://", "", text.strip(), flags=re.IGNORECASE).split("/", 1)[0].lower().rstrip(".")


def check_params(manifest: Manifest, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action's parameters with defaults filled in.

    Raises:
        ValidationError: by parameter, or under `action` if there is no such endpoint.
    """
    endpoint = manifest.endpoint_by_name.get(action)
    if endpoint is None:
        hint = did_you_mean(action, manifest.endpoint_by_name) or "."
        raise ValidationError({"action": f'{manifest.title} has no action "{action}"{hint}'})
    params = {
        parameter.name: parameter.schema["default"]
        for parameter in endpoint.parameters
        if "default" in parameter.schema
    }
    params |= {name: value for name, value in given.items() if value is not None}
    errors: dict[str, list[str]] = {}
    known = [parameter.name for parameter in endpoint.parameters]
    for problem in problems_of(_params_validator(manifest, endpoint.name), params):
        if problem.validator == "required":
            for name in problem.validator_value:
                if name not in params:
                    errors[name] = [f"{action} needs this."]
        elif problem.validator == "additionalProperties":
            for name in params:
                if name not in known:
                    errors[name] = [f"{action} has no such parameter{did_you_mean(name, known) or '.'}"]
        else:
            errors.setdefault(join_path(problem.absolute_path), []).append(_schema_words(problem))
    if errors:
        raise ValidationError(errors)
    return params


def read_request(
    manifest: Manifest,
    endpoint: Endpoint,
    *,
    query: Mapping[str, list[str]],
    body: Mapping[str, Any],
    in_path: Mapping[str, list[str]],
) -> dict[str, Any]:
    """Return what a request gives an endpoint, in the types of its parameters.

    Raises:
        ValidationError: by parameter, where one stands in the wrong place; then with all that is wrong beside.
    """
    given = {**coerce_params(endpoint, query), **body, **coerce_params(endpoint, in_path)}
    try:
        check_places(endpoint, query=query, body=body)
    except ValidationError as misplaced:
        try:
            check_params(manifest, endpoint.name, given)
        except ValidationError as unfit:
            raise ValidationError({**unfit.message_dict, **misplaced.message_dict}) from misplaced
        raise
    return given


def check_places(endpoint: Endpoint, *, query: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Refuse parameters that stand where they do not belong.

    Raises:
        ValidationError: by parameter.
    """
    places = {parameter.name: parameter.place for parameter in endpoint.parameters}
    errors: dict[str, str] = {}
    for given, place in ((query, "query"), (body, "body")):
        known = [name for name, where in places.items() if where == place]
        for raw_name in given:
            name = raw_name.removesuffix("[]") if place == "query" else raw_name
            if name in known:
                continue
            if name in places:
                errors[name] = f"{endpoint.name} takes this in the {places[name]}, not in the {place}."
            else:
                errors[name] = f"{endpoint.name} has no such parameter{did_you_mean(name, places) or '.'}"
    if errors:
        raise ValidationError(errors)


def coerce_params(endpoint: Endpoint, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Turn the texts of a query string into the types of the endpoint's parameters; what does not fit stays text."""
    types = {parameter.name: parameter.schema for parameter in endpoint.parameters}
    found: dict[str, Any] = {}
    for raw_name, values in given.items():
        name = raw_name.removesuffix("[]")
        schema = types.get(name, {})
        if schema.get("type") == "array":
            items = [
                part for value in values for part in (value.split(",") if not raw_name.endswith("[]") else [value])
            ]
            inner = schema.get("items", {}).get("type", "string")
            found[name] = [_coerced(item, inner) for item in items if item]
        elif values:
            found[name] = _coerced(values[-1], schema.get("type", "string"))
    return found


def answer_faults(manifest: Manifest, action: str, data: Any) -> list[str]:
    """Say where a plugin's answer does not fit the schema that its manifest promises; [] if it does."""
    return _faults(_answer_validator(manifest, action), data, "the answer")


def payload_faults(manifest: Manifest, webhook: str, payload: Any) -> list[str]:
    """Say where a webhook's payload does not fit the schema that the manifest gives; [] if it does."""
    return _faults(_payload_validator(manifest, webhook), payload, "the payload")


def _faults(validator: Any, value: Any, whole: str) -> list[str]:
    if validator is None:
        return []
    return [
        f"{join_path(problem.absolute_path) or whole} {_schema_words(problem)}"
        for problem in problems_of(validator, value, at_most=MAX_FAULTS)
    ]


def _coerced(text: str, kind: Any) -> Any:
    kinds = kind if isinstance(kind, list) else [kind]
    if "boolean" in kinds and text.lower() in {"true", "1", "false", "0"}:
        return text.lower() in {"true", "1"}
    # Only what JSON calls a number: neither "nan" nor "1_000", and whole numbers stay exact at any size.
    if "integer" in kinds and re.fullmatch(r"-?[0-9]{1,100}", text, re.ASCII):
        return int(text)
    if "number" in kinds and re.fullmatch(r"-?[0-9]{1,100}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,2})?", text, re.ASCII):
        return float(text) if re.search(r"[.eE]", text) else int(text)
    return text


def _schema_words(problem: Any) -> str:
    shown = json.dumps(problem.instance, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
    match problem.validator:
        case "enum":
            return f"{shown} is not one of {', '.join(str(item) for item in problem.validator_value)}"
        case "type":
            kinds = problem.validator_value if isinstance(problem.validator_value, list) else [problem.validator_value]
            return f"{shown} is not {' or '.join(_KINDS.get(kind, kind) for kind in kinds)}"
        case "format":
            return f"{shown} is not right. {VALUE_FORMATS[problem.validator_value][1]}"
        case "required":
            missing = [name for name in problem.validator_value if name not in problem.instance]
            return f"lacks {', '.join(missing)}"
    return problem.message if len(problem.message) <= 200 else f"{shown} does not fit ({problem.validator})"


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}


# The manifest object stays the same as long as its file does (registry), so its identity can be the key.
@functools.lru_cache(maxsize=256)
def _params_validator(manifest: Manifest, action: str) -> Any:
    schema = manifest.endpoint_by_name[action].params_schema
    return validator_for(schema, manifest.definitions, with_formats=True)


@functools.lru_cache(maxsize=256)
def _answer_validator(manifest: Manifest, action: str) -> Any:
    endpoint = manifest.endpoint_by_name.get(action)
    if endpoint is None or endpoint.response is None:
        return None
    return validator_for(endpoint.response, manifest.definitions)


@functools.lru_cache(maxsize=256)
def _payload_validator(manifest: Manifest, webhook: str) -> Any:
    schema = manifest.webhook_by_name[webhook].payload_schema
    return None if schema is None else validator_for(schema, manifest.definitions)
