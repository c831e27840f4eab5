"""Faults of the ways to an account, each said at its field."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.faults import ManifestFaulty
from plugins.manifest import manifest_from
from plugins.tests.conftest import manifest_document

HOST = "a.example.com"
OAUTH = {"type": "oauth2", "authorization_url": f"https://{HOST}/auth", "token_url": f"https://{HOST}/token"}
BASE = "spec.authentication"


def faults_of(authentication: Any, **spec: Any) -> list[str]:
    with pytest.raises(ManifestFaulty) as refusal:
        manifest_from(manifest_document(authentication=authentication, **spec))
    return [str(fault) for fault in refusal.value.faults]


@pytest.mark.parametrize(
    ("authentication", "words"),
    [
        ({"type": "oauth2"}, f"{BASE}.authorization_url: is missing"),
        ({"type": "magic"}, f"{BASE}.type"),
        ({"type": "api_key", "scopes": ["x"]}, f'{BASE}.scopes: belongs to "oauth2"'),
        ({**OAUTH, "header": "X-Key"}, f'{BASE}.header: belongs to "api_key"'),
        ({**OAUTH, "authorization_url": "http://a.example.com/"}, f"{BASE}.authorization_url"),
        ({**OAUTH, "token_url": "https://{nowhere}/"}, "{nowhere} is not a setting"),
        ({**OAUTH, "revocation": {"url": f"https://{HOST}/r"}}, f"{BASE}.revocation.proof: is missing"),
        ({**OAUTH, "revocation": {"url": f"https://{HOST}/{{who}}", "proof": "bearer"}}, "{who} is not a setting"),
        (
            {**OAUTH, "authorization_parameters": {"redirect_uri": "https://evil.example/"}},
            "is set by Core Engine alone",
        ),
        ({**OAUTH, "authorization_parameters": {"code_challenge_method": "plain"}}, "is set by Core Engine alone"),
        ({"type": "api_key", "alternatives": [{"type": "api_key"}]}, "is the name of two ways"),
        ({"type": "api_key", "alternatives": [{"type": "basic_auth", "alternatives": []}]}, "at the first way only"),
        ({"type": "feed_url"}, "a feed needs its host"),
    ],
)
def test_a_fault_is_said_at_its_field(authentication: Any, words: str) -> None:
    found = faults_of(authentication)

    assert any(words in fault for fault in found), found


@pytest.mark.parametrize(
    ("authentication", "setting"), [({"type": "basic_auth"}, "username"), ({"type": "api_key"}, "label")]
)
def test_a_setting_does_not_take_the_name_of_a_field_of_the_form(authentication: Any, setting: str) -> None:
    configuration = {"schema": {"type": "object", "properties": {setting: {"type": "string"}}}}

    assert f"properties.{setting}" in faults_of(authentication, configuration=configuration)[0]


def test_ways_keep_their_order_and_have_names() -> None:
    ways = {**OAUTH, "alternatives": [{"type": "api_key", "name": "token"}, {"type": "basic_auth"}]}
    manifest = manifest_from(manifest_document(authentication=ways))

    assert [way.name for way in manifest.ways] == ["oauth2", "token", "basic_auth"]
    assert manifest.way("") is manifest.authentication is manifest.ways[0]
    assert manifest.way("token") is manifest.ways[1] and manifest.way("gone") is None
    assert (manifest.ways[0].pkce, manifest.ways[0].scope_separator) == (True, " ")
