"""The ways to an account that a manifest offers, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plugins.faults import Fault


def ways_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the ways to an account in the order they are offered: the first, then its alternatives."""
    first = spec.get("authentication")
    return [first, *first.get("alternatives", [])] if first else []


def way_name(way: dict[str, Any]) -> str:
    """Return the name that connections remember a way by."""
    return str(way.get("name") or way["type"])


def _way_paths(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, way in enumerate(ways_of(spec)):
        base = "spec.authentication"
        yield (base if number == 0 else f"{base}.alternatives[{number - 1}]"), way


def authentication_templates(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield field and text of every address in which settings may stand."""
    for path, way in _way_paths(spec):
        for name in ("authorization_url", "token_url", "token_page"):
            if name in way:
                yield f"{path}.{name}", way[name]
        if "revocation" in way:
            yield f"{path}.revocation.url", way["revocation"]["url"]


_OF_OAUTH2 = {
    "authorization_url",
    "token_url",
    "scopes",
    "scope_separator",
    "authorization_parameters",
    "refresh_token_supported",
    "pkce",
    "token_endpoint_auth_method",
    "revocation",
}
# The fields that a student fills in for a secret, in the same form as the settings.
_TYPED = {"api_key": {"token"}, "basic_auth": {"username", "password"}, "feed_url": {"url"}}
# What the sign-in itself decides; a manifest must not be able to weaken or redirect it.
_SET_BY_THE_HOST = {
    "client_id",
    "client_secret",
    "response_type",
    "response_mode",
    "redirect_uri",
    "state",
    "scope",
    "code_challenge",
    "code_challenge_method",
}


def authentication_faults(spec: dict[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with the ways, beyond their shape."""
    seen: set[str] = set()
    settings = spec.get("configuration", {}).get("schema", {}).get("properties", {})
    for field in sorted({"label", "way"} & set(settings)):
        yield Fault(f"spec.configuration.schema.properties.{field}", "is a name that every connection has already")
    for path, way in _way_paths(spec):
        name = way_name(way)
        if name in seen:
            yield Fault(f"{path}.name", f'"{name}" is the name of two ways; give each its own')
        seen.add(name)
        if path != "spec.authentication" and "alternatives" in way:
            yield Fault(f"{path}.alternatives", "stands at the first way only")
        if way["type"] == "oauth2":
            for needed in ("authorization_url", "token_url"):
                if needed not in way:
                    yield Fault(f"{path}.{needed}", "is missing")
        else:
            for field in sorted(_OF_OAUTH2 & set(way)):
                yield Fault(f"{path}.{field}", f'belongs to "oauth2", not to "{way["type"]}"')
        if way["type"] != "api_key":
            for field in sorted({"header", "prefix"} & set(way)):
                yield Fault(f"{path}.{field}", f'belongs to "api_key", not to "{way["type"]}"')
        for parameter in way.get("authorization_parameters", {}):
            if parameter in _SET_BY_THE_HOST:
                yield Fault(f"{path}.authorization_parameters.{parameter}", "is set by Core Engine alone")
        for field in sorted(_TYPED.get(way["type"], set()) & set(settings)):
            yield Fault(f"spec.configuration.schema.properties.{field}", f'is what "{name}" calls a part of its secret')
        if way["type"] == "feed_url" and not spec.get("security", {}).get("allowed_hosts"):
            yield Fault(f"{path}.type", "a feed needs its host in spec.security.allowed_hosts")
