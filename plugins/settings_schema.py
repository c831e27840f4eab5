"""The settings that a manifest declares: what their schema may hold, what a value has to be, and how to say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from plugins.checking import problems_of, validator_for
from plugins.faults import Fault, did_you_mean
from plugins.formats import VALUE_FORMATS, looks_like_credential
from plugins.schema_rules import schema_faults

_CHOICE_WORDS = {"realtime": "As soon as possible"}
MAX_SETTING_LENGTH = 500
SECRET_WORDS = "is a secret: settings are handed to the plugin, credentials belong to spec.authentication"
# Names that the form of a connection has for itself.
RESERVED_NAMES = {"label", "token", "username", "password", "url", "plugin", "way", "source"}
_OF_TYPE = {
    "pattern": {"string"},
    "format": {"string"},
    "minLength": {"string"},
    "maxLength": {"string"},
    "minimum": {"integer", "number"},
    "maximum": {"integer", "number"},
    "exclusiveMinimum": {"integer", "number"},
    "exclusiveMaximum": {"integer", "number"},
    "multipleOf": {"integer", "number"},
    "items": {"array"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "uniqueItems": {"array"},
}
_RANGES = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))
_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
}


def choices_of(schema: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return the values that can be chosen with the manifest's words for them ("" where it has none); [] if any can."""
    if "oneOf" in schema:
        return [(choice["const"], choice.get("title", "")) for choice in schema["oneOf"]]
    return [(value, "") for value in schema.get("enum", ())]


def worded_choices(schema: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return the values that can be chosen, each with words: the manifest's, or its name as a word."""
    return [
        (value, words or _CHOICE_WORDS.get(str(value), str(value).replace("_", " ").capitalize()))
        for value, words in choices_of(schema)
    ]


def settings_faults(schema: dict[str, Any]) -> Iterator[Fault]:
    """Say what is wrong with a configuration schema that has the right shape, at its field."""
    base = "spec.configuration.schema"
    fields = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in fields:
            yield Fault(f"{base}.required", f'"{name}" is not a property{did_you_mean(name, fields)}')
    for name, field in fields.items():
        yield from _field_faults(f"{base}.properties.{name}", name, field)


def problem_of(schema: Mapping[str, Any], value: Any) -> str:
    """Say why a value is not one that a setting can have; "" if it is."""
    if isinstance(value, str) and len(value) > min(schema.get("maxLength", MAX_SETTING_LENGTH), MAX_SETTING_LENGTH):
        most = min(schema.get("maxLength", MAX_SETTING_LENGTH), MAX_SETTING_LENGTH)
        return f"That is longer than {most} characters."
    problems = problems_of(validator_for(schema, with_formats=True), value, at_most=1)
    return _words(problems[0], schema) if problems else ""


def _field_faults(where: str, name: str, field: dict[str, Any]) -> Iterator[Fault]:
    kind = field["type"]
    if name in RESERVED_NAMES:
        yield Fault(where, f'"{name}" is a field that every connection has; choose another name')
    if looks_like_credential(name) and kind == "string":
        yield Fault(where, f"looks as if it {SECRET_WORDS}")
    for keyword, kinds in _OF_TYPE.items():
        if keyword in field and kind not in kinds:
            yield Fault(f"{where}.{keyword}", f"has no meaning for {_KINDS[kind]}")
    for least, most in _RANGES:
        if least in field and most in field and field[least] > field[most]:
            yield Fault(f"{where}.{least}", f"{field[least]} is more than the {most}, {field[most]}")
    if "enum" in field and "oneOf" in field:
        yield Fault(f"{where}.oneOf", "says the same as enum; write one of the two")
    if kind == "array" and not choices_of(field.get("items", {})):
        yield Fault(f"{where}.items", "must say what can be chosen, with enum or oneOf")
    plain = {key: value for key, value in field.items() if key not in {"enum", "oneOf", "default"}}
    faults = list(schema_faults(where, plain, {}))
    yield from faults
    if faults:
        return
    for keyword, choices, of in (("enum", field, plain), ("items", field.get("items", {}), {})):
        type_of = {"type": choices.get("type", kind)}
        for value, _ in choices_of(choices):
            if problems_of(validator_for({**of, **type_of}, with_formats=True), value, at_most=1):
                yield Fault(f"{where}.{keyword}", f"{value!r} is not {_KINDS[type_of['type']]} that this can be")
    if "default" in field and (words := problem_of(field, field["default"])):
        yield Fault(f"{where}.default", f"does not fit the field: {words}")


def _words(problem: Any, schema: Mapping[str, Any]) -> str:
    limit = problem.validator_value
    match problem.validator:
        case "enum" | "oneOf":
            within = schema.get("items", {}) if problem.absolute_path else schema
            return f"Choose one of {', '.join(str(value) for value, _ in choices_of(within))}."
        case "pattern":
            example = schema.get("examples") or re.findall(r"e\.g\.,? ([^)\s]+)", schema.get("description", ""))
            return f"That does not have the right form{f', such as {example[0]}' if example else ''}."
        case "format":
            return VALUE_FORMATS[limit][1]
        case "type":
            return f"This must be {_KINDS.get(limit, limit)}."
        case "minimum":
            return f"This must be at least {limit}."
        case "maximum":
            return f"This must be at most {limit}."
        case "exclusiveMinimum":
            return f"This must be more than {limit}."
        case "exclusiveMaximum":
            return f"This must be less than {limit}."
        case "multipleOf":
            return f"This must be a multiple of {limit}."
        case "minLength":
            return f"This needs at least {limit} character{'' if limit == 1 else 's'}."
        case "minItems":
            return f"Choose at least {limit}."
        case "maxItems":
            return f"Choose at most {limit}."
        case "uniqueItems":
            return "Choose each only once."
    return f"{problem.message}."
