"""Tries values on the schemas of manifests, bounded in time and depth, whoever wrote the two."""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from plugins.formats import VALUE_FORMATS

BUDGET_S = 4.0
MAX_PATTERN_TEXT = 500
"""A text with a pattern is never longer: what trying the pattern can cost grows faster than the text."""
MAX_UNIQUE_ITEMS = 500
_clock = threading.local()


class _TookTooLong(Exception):
    """The time for one check is over."""


def validator_for(
    schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None, *, with_formats: bool = False
) -> Any:
    """Return what tries values on a schema; `#/definitions/…` are those given. Formats count where asked for."""
    whole = {**schema, "definitions": dict(definitions)} if definitions is not None else dict(schema)
    return _validator_class()(whole, format_checker=_format_checker() if with_formats else None)


def problems_of(validator: Any, value: Any, *, at_most: int = 20) -> list[Any]:
    """Return the first problems that a value has (jsonschema's errors); [] if it fits.

    A check that takes too long, or goes too deep, is a problem of the value.
    """
    from jsonschema import ValidationError

    found: list[Any] = []
    _clock.until = time.monotonic() + BUDGET_S
    try:
        for problem in validator.iter_errors(value):
            found.append(problem)
            if len(found) >= at_most:
                break
    except _TookTooLong:
        found.append(ValidationError("takes too long to check", validator="time", instance=None))
    except RecursionError:
        found.append(ValidationError("is nested too deep to check", validator="depth", instance=None))
    finally:
        _clock.until = None
    return found


def _look_at_clock() -> None:
    until = getattr(_clock, "until", None)
    if until is not None and time.monotonic() > until:
        raise _TookTooLong


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not validator.is_type(instance, "string"):
        return
    _look_at_clock()
    if len(instance) > MAX_PATTERN_TEXT:
        yield ValidationError(f"is longer than {MAX_PATTERN_TEXT} characters, which nothing with a pattern may be")
    elif not re.search(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError
    from jsonschema._utils import uniq

    if not wanted or not validator.is_type(instance, "array"):
        return
    if len(instance) > MAX_UNIQUE_ITEMS:
        yield ValidationError(f"has more than {MAX_UNIQUE_ITEMS} items, which nothing with uniqueItems may have")
    elif not uniq(instance):
        yield ValidationError("has the same item twice")


@functools.cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    def timed(keyword: str) -> Any:
        original = Draft202012Validator.VALIDATORS[keyword]

        def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            _look_at_clock()
            yield from original(validator, value, instance, schema) or ()

        return check

    bounded = {keyword: timed(keyword) for keyword in ("$ref", "properties", "items", "additionalProperties")}
    return extend(Draft202012Validator, {**bounded, "pattern": _pattern, "uniqueItems": _unique_items})


@functools.cache
def _format_checker() -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, (check, _) in VALUE_FORMATS.items():
        checker.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    return checker
