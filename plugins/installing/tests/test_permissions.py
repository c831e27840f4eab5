"""Permissions: everything a manifest asks for is told, and an upgrade that asks for more says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.installing.permissions import FULL_NETWORK, compare, consent_key, permissions_of
from plugins.manifest import manifest_from, parse_manifest
from plugins.tests.conftest import manifest_document
from plugins.tests.test_manifest_fields import EVERYTHING


def asked(**spec: Any) -> Any:
    return permissions_of(manifest_from(manifest_document("paper-box", **spec)))


def added(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [item.key for item in compare(asked(**before), asked(**after)).added]


def test_everything_that_is_asked_for_is_told_in_words() -> None:
    words = {item.key: item.words for item in permissions_of(parse_manifest(EVERYTHING))}

    assert words["capability:write_files"] == "Write files"
    assert words["webhook:paper_changed"] == "Receive “paper changed”, signed by the service"
    assert "whoever knows the secret address" in words["webhook:box_emptied:url_secret"]
    assert words["host:{box_domain}"] == "Send requests to the host that each student names as “Domain”"
    assert words["host:cdn.paper-box.example.com"] == "Send requests to cdn.paper-box.example.com"
    assert "PUT /v1/papers and below" in words["request:PUT:files.{box_domain}:/v1/papers"]
    assert words["environment:LANG"] == "Read the server’s environment variable LANG"
    assert words["scope:files.write"] == "Ask them to grant “files.write”"
    assert words["limit:memory"].startswith("64.0 MB") and "files:read_write" in words
    assert "unasked:write_paper" not in words


HOME = {"network_policy": "restricted", "allowed_hosts": ["a.example.com"]}
WRITE = {"name": "put_it", "method": "PUT", "path": "/it"}
READS = [{"capability": "read_files", "methods": ["GET"], "paths": ["/v1"]}]
GROWTH = [
    ({}, {"capabilities": ["read_files", "write_files"]}, "capability:write_files"),
    ({}, {"security": HOME}, "host:a.example.com"),
    ({}, {"security": {"network_policy": "full"}}, FULL_NETWORK),
    ({"security": {**HOME, "requests": READS}}, {"security": HOME}, "requests:read"),
    (
        {"security": {**HOME, "requests": READS}},
        {"security": {**HOME, "requests": [{**READS[0], "paths": ["/v1", "/v2"]}]}},
        "request:GET:a.example.com:/v2",
    ),
    ({}, {"security": {"environment_variables": ["LANG"]}}, "environment:LANG"),
    ({}, {"security": {"file_system_access": "read_write"}}, "files:read_write"),
    ({"endpoints": [{**WRITE, "confirm": "Put it"}]}, {"endpoints": [WRITE]}, "unasked:put_it"),
    ({}, {"resources": {"limits": {"memory": "256Mi"}}}, "limit:memory"),
    ({}, {"resources": {"limits": {"storage": "2Gi"}}}, "limit:storage"),
    ({}, {"authentication": {"type": "basic_auth"}}, "account:basic_auth:"),
]


@pytest.mark.parametrize(("before", "after", "key"), GROWTH)
def test_what_grows_needs_consent_and_what_shrinks_does_not(
    before: dict[str, Any], after: dict[str, Any], key: str
) -> None:
    assert key in added(before, after)
    assert key not in added(after, before)
    assert added(after, after) == []


def test_a_larger_limit_says_what_it_was() -> None:
    change = compare(asked(), asked(resources={"limits": {"memory": "256Mi"}}))

    assert change.added[0].words == "256 MB of memory in each action, until now 128 MB"


def test_a_workflow_that_changed_is_a_new_permission(tmp_path: Path) -> None:
    manifest = manifest_from(manifest_document("paper-box"))
    (tmp_path / "workflows").mkdir()
    file = tmp_path / "workflows" / "sync-papers.yaml"
    file.write_text("name: one")
    before = permissions_of(manifest, tmp_path)
    file.write_text("name: two")

    change = compare(before, permissions_of(manifest, tmp_path))

    assert [item.words for item in change.added] == ["Give each connection the workflow “sync papers”"]


def test_a_consent_names_exactly_what_was_shown() -> None:
    assert consent_key(asked()) == consent_key(tuple(reversed(asked())))
    assert consent_key(asked()) != consent_key(asked(resources={"limits": {"memory": "129Mi"}}))
