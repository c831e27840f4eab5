"""What the JSON Schemas in a manifest may hold, so that no value can make checking it endless.

A stranger writes the schema and, as the plugin, also the values: an ambiguous pattern or a definition that refers to
itself in a circle would hold up the whole worker. The rest, a bound on time, is in `checking`.
"""

from __future__ import annotations

import re
import re._constants as sre  # type: ignore[import-untyped]
import re._parser as sre_parser  # type: ignore[import-untyped]
from collections.abc import Iterator
from typing import Any

from plugins.faults import Fault, did_you_mean, join_path

Path = tuple[str | int, ...]
MAX_DEPTH = 40
MAX_REPEATS = 3
_MAPS = ("properties", "definitions", "$defs", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_IN_PLACE = {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"}
_REFUSED = {
    "$id": "a manifest's schemas refer to #/definitions/… only",
    "$anchor": "a manifest's schemas refer to #/definitions/… only",
    "$dynamicRef": "a manifest's schemas refer to #/definitions/… only",
    "$dynamicAnchor": "a manifest's schemas refer to #/definitions/… only",
    "$recursiveRef": "a manifest's schemas refer to #/definitions/… only",
    "patternProperties": "is not used in manifests; describe the values with additionalProperties",
}


def subschemas(schema: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield a schema and every schema within it with its path; what stands in enum, const or default is none."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for name in _MAPS:
        inner = schema.get(name)
        if isinstance(inner, dict):
            for key, item in inner.items():
                yield from subschemas(item, (*path, name, key))
    for name in _LISTS:
        inner = schema.get(name)
        if isinstance(inner, list):
            for number, item in enumerate(inner):
                yield from subschemas(item, (*path, name, number))
    for name in _SINGLE:
        yield from subschemas(schema.get(name), (*path, name))


def is_too_deep(value: Any, *, depth: int = MAX_DEPTH) -> bool:
    """Tell whether a document is nested deeper than anything that walks it should have to follow."""
    level = [value]
    for _ in range(depth):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def schema_faults(where: str, schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[Fault]:
    """Say what is wrong with one schema of a manifest, at its field."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, re.error, RecursionError) as error:
        inner = join_path(getattr(error, "absolute_path", []))
        words = "it is nested too deep" if isinstance(error, RecursionError) else getattr(error, "message", str(error))
        yield Fault(f"{where}.{inner}" if inner else where, f"is not JSON Schema: {words}")
        return
    for path, item in subschemas(schema):
        for name, words in _REFUSED.items():
            if name in item:
                yield Fault(_at(where, (*path, name)), words)
        if "$ref" in item:
            yield from _reference_faults(_at(where, (*path, "$ref")), item["$ref"], definitions)
        if isinstance(pattern := item.get("pattern"), str) and (words := pattern_fault(pattern)):
            yield Fault(_at(where, (*path, "pattern")), words)


def circle_faults(definitions: dict[str, Any]) -> Iterator[Fault]:
    """Name definitions that refer to themselves without going into the value: checking them would never end.

    A tree, whose `items` refer back, is no such circle.
    """
    leads_to = {name: set(_in_place_references(schema)) for name, schema in definitions.items()}
    for name in definitions:
        seen: set[str] = set()
        waiting = list(leads_to[name])
        while waiting:
            other = waiting.pop()
            if other == name:
                yield Fault(f"definitions.{name}", "refers to itself without end")
                break
            if other not in seen:
                seen.add(other)
                waiting.extend(leads_to.get(other, ()))


def pattern_fault(pattern: str) -> str:
    """Say why a regular expression is not one that can be tried on anything; "" if it can."""
    try:
        parsed = sre_parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return "is not a regular expression"
    try:
        repeats = _count_repeats(parsed, inside=False)
    except _Ambiguous as error:
        return str(error)
    if repeats > MAX_REPEATS:
        return f"has more than {MAX_REPEATS} parts that repeat without bound, which can take for ever to try"
    return ""


class _Ambiguous(Exception):
    """The expression can match one text in very many ways."""


def _count_repeats(parsed: Any, *, inside: bool) -> int:
    count = 0
    for code, argument in parsed:
        if code in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
            least, most, body = argument
            varies = most - least > 16 if most is not sre.MAXREPEAT else True
            if inside and most != least:
                raise _Ambiguous("repeats something that itself repeats, which can take for ever to try")
            is_plain = most == 1 or _is_separated(list(body))
            count += _count_repeats(body, inside=inside or not is_plain) + int(varies)
        elif code in {sre.ASSERT, sre.ASSERT_NOT, sre.GROUPREF, sre.GROUPREF_EXISTS}:
            raise _Ambiguous("looks ahead, behind or back, which is not used in manifests")
        elif code is sre.SUBPATTERN:
            count += _count_repeats(argument[-1], inside=inside)
        elif code is sre.ATOMIC_GROUP:
            count += _count_repeats(argument, inside=inside)
        elif code is sre.BRANCH:
            if inside:
                raise _Ambiguous("repeats a choice between alternatives, which can take for ever to try")
            count += max(_count_repeats(branch, inside=inside) for branch in argument[1])
    return count


def _is_separated(body: list[Any]) -> bool:
    """Tell whether each turn of a repeated part begins or ends with a letter that nothing else in it can match.

    So it is in `(-[a-z]+)*`: there is one way only to cut a text into turns.
    """
    if len(body) == 1 and body[0][0] is sre.SUBPATTERN:
        return _is_separated(list(body[0][1][-1]))
    for place, others in ((0, body[1:]), (-1, body[:-1])):
        code, letter = body[place] if body else (None, None)
        if code is sre.LITERAL and not chr(letter).isalpha() and not any(_matches(item, letter) for item in others):
            return True
    return False


def _matches(item: Any, letter: int) -> bool:
    """Tell whether a part could match a letter; anything that is not plain counts as if it could."""
    code, argument = item
    if code is sre.LITERAL:
        return bool(argument == letter)
    if code in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
        return any(_matches(inner, letter) for inner in argument[2])
    if code is not sre.IN or argument[0][0] is sre.NEGATE:
        return True
    return any(
        (kind is sre.LITERAL and value == letter)
        or (kind is sre.RANGE and value[0] <= letter <= value[1])
        or (kind not in {sre.LITERAL, sre.RANGE})
        for kind, value in argument
    )


def _reference_faults(where: str, reference: Any, definitions: dict[str, Any]) -> Iterator[Fault]:
    if not isinstance(reference, str) or not reference.startswith("#/definitions/"):
        yield Fault(where, f"{str(reference)[:80]!r} is not a reference such as #/definitions/Course")
    elif (name := reference.removeprefix("#/definitions/")) not in definitions:
        yield Fault(where, f'there is no definition "{name}"{did_you_mean(name, definitions)}')


def _in_place_references(schema: Any) -> Iterator[str]:
    """Yield the definitions that are tried on the very same value."""
    for path, item in subschemas(schema):
        if all(not isinstance(part, str) or part in _IN_PLACE for part in path if _is_keyword(path, part)):
            reference = item.get("$ref")
            if isinstance(reference, str):
                yield reference.removeprefix("#/definitions/")


def _is_keyword(path: Path, part: str | int) -> bool:
    """Tell whether a part of a path is a keyword, not the name of a dependent schema."""
    place = path.index(part)
    return place == 0 or path[place - 1] != "dependentSchemas"


def _at(where: str, path: Path) -> str:
    inner = join_path(path)
    return f"{where}.{inner}" if not inner.startswith("[") else f"{where}{inner}"
