"""Manifests: what is accepted, and every fault at its field."""
# ruff: noqa: E501, a table of faults reads best one fault a line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coreengine.kernel.outbound.hosts import is_host
from plugins.faults import ManifestFaulty
from plugins.formats import cpu_cores, memory_bytes
from plugins.manifest import manifest_from, parse_manifest
from plugins.tests.conftest import manifest_document

EXAMPLE = (Path(__file__).parent / "manifests" / "original-example.yaml").read_text(encoding="utf-8")


def faults_of(text: str) -> dict[str, str]:
    with pytest.raises(ManifestFaulty) as refusal:
        parse_manifest(text)
    return {fault.path: fault.message for fault in refusal.value.faults}


class TestTheOriginalExample:
    def test_loads_verbatim(self) -> None:
        manifest = parse_manifest(EXAMPLE)

        assert (manifest.name, manifest.version) == ("canvas-integration", "1.2.0")
        assert manifest.resources.memory_bytes == 128 * 2**20
        assert manifest.resources.cpu_cores == 0.1
        assert manifest.security.network_policy == "restricted"
        assert [webhook.name for webhook in manifest.webhooks] == ["assignment_created"]

    def test_required_at_a_property_moves_to_its_object(self) -> None:
        schema = parse_manifest(EXAMPLE).settings_schema

        assert schema["required"] == ["canvas_domain"]
        assert "required" not in schema["properties"]["canvas_domain"]

    def test_integer_response_keys_give_the_answers_schema(self) -> None:
        endpoint = parse_manifest(EXAMPLE).endpoint_by_name["get_courses"]

        assert endpoint.response == {"type": "array", "items": {"$ref": "#/definitions/Course"}}

    def test_an_endpoint_is_repeatable_when_it_reads_or_says_so(self) -> None:
        def repeatable(method: str, *more: str) -> bool:
            text = EXAMPLE.replace('method: "GET"', "\n      ".join([f'method: "{method}"', *more]), 1)
            return parse_manifest(text).endpoint_by_name["get_courses"].is_repeatable

        assert repeatable("GET") and not repeatable("POST") and repeatable("POST", "idempotent: true")

    def test_parameters_keep_their_own_required(self) -> None:
        endpoint = parse_manifest(EXAMPLE).endpoint_by_name["get_assignments"]

        assert endpoint.params_schema["required"] == ["course_id"]


# what is changed in the example: (text, replacement), then the field and words of its fault
FAULTS = [
    ('"restricted"', '"open"', "spec.security.network_policy", '"open" is not one of none, restricted, full'),
    ('version: "1.2.0"', 'version: "1.2"', "metadata.version", "not a semantic version"),
    ('version: "1.2.0"', 'version: "01.2.0"', "metadata.version", "not a semantic version"),
    ("  description: \"Canvas LMS integration for assignments and courses\"\n", "", "metadata.description", "is missing"),
    ("  license:", "  licence:", "metadata.licence", 'did you mean "license"?'),
    ("  capabilities:", "  capabilites:", "spec.capabilites", 'did you mean "capabilities"?'),
    ('"read_grades"', '"read_grade"', "spec.capabilities[2]", 'did you mean "read_grades"?'),
    ('"read_grades"', '"read_courses"', "spec.capabilities", '"read_courses" is listed 2 times'),
    ('memory: "128Mi"', 'memory: "128MB"', "spec.resources.limits.memory", "is not a quantity"),
    ('memory: "64Mi"', 'memory: "256Mi"', "spec.resources.requests.memory", "more than the limit 128Mi"),
    ('cpu: "100m"', 'cpu: "0m"', "spec.resources.limits.cpu", "is not a CPU quantity"),
    ("environment_variables: []", "environment_variables: [CANVAS_TOKEN]", "spec.security.environment_variables[0]", "looks like a secret"),
    ("environment_variables: []", "environment_variables: [DATABASE_URL]", "spec.security.environment_variables[0]", "looks like a secret"),
    ("environment_variables: []", 'allowed_hosts: ["*.edu"]', "spec.security.allowed_hosts[0]", "is not a host name"),
    ("environment_variables: []", 'allowed_hosts: ["10.0.0.1"]', "spec.security.allowed_hosts[0]", "is not a host name"),
    ("environment_variables: []", 'allowed_hosts: ["{canvas_domian}"]', "spec.security.allowed_hosts[0]", 'did you mean "canvas_domain"?'),
    ('"get_assignments"', '"get_courses"', "spec.endpoints[1].name", "used twice"),
    ("{course_id}/", "{id}/", "spec.endpoints[1].path", "{id} is not among the parameters"),
    ('method: "GET"', 'method: "FETCH"', "spec.endpoints[0].method", "not one of GET, POST"),
    ("#/definitions/Course", "#/definitions/Curse", "spec.endpoints[0].responses.200.schema.items.$ref", 'did you mean "Course"?'),
    ("#/definitions/Course", "https://evil.example/x", "spec.endpoints[0].responses.200.schema.items.$ref", "is not a reference"),
    ('default: "daily"', 'default: "never"', "spec.configuration.schema.properties.sync_frequency.default", "does not fit"),
    ("include_concluded:", "api_token:", None, ""),
    ('kind: "Plugin"', 'kind: "Plug"', "kind", 'must be "Plugin"'),
    ('kind: "Plugin"', 'kind: "Plugin"\nkind: "Plugin"', "line 5, column 1", '"kind" is written twice'),
    ('kind: "Plugin"', "kind: [", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("found", "replacement", "path", "words"), FAULTS)
def test_a_fault_is_told_at_its_field(found: str, replacement: str, path: str | None, words: str) -> None:
    assert found in EXAMPLE
    broken = EXAMPLE.replace(found, replacement, 1)

    if path is None:
        if replacement == "api_token:":  # a boolean is no secret, whatever its name
            parse_manifest(broken)
        else:
            faults_of(broken)
        return
    assert words in faults_of(broken)[path]


def test_every_fault_is_named_at_once() -> None:
    broken = EXAMPLE.replace('"restricted"', '"open"').replace('version: "1.2.0"', 'version: "x"')

    assert set(faults_of(broken)) == {"spec.security.network_policy", "metadata.version"}


def test_a_text_setting_that_looks_like_a_credential_is_refused() -> None:
    broken = EXAMPLE.replace("canvas_domain:", "api_token:")

    assert (
        "credentials belong to spec.authentication"
        in faults_of(broken)["spec.configuration.schema.properties.api_token"]
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "just text",
        "a: &x 1\nb: *x",
        "\x00",
        "? [a, b]\n: 1",
        "x: " + "[" * 3000,
        "{" * 5000,
        "a: !!python/object:os.system x",
    ],
)
def test_what_is_no_manifest_is_a_fault_and_not_a_crash(text: str) -> None:
    assert faults_of(text)


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    assert "larger than" in faults_of("a: " + "x" * 300_000)[""]


@pytest.mark.parametrize("path", ["metadata", "spec", "spec.capabilities", "spec.security", "spec.endpoints"])
@pytest.mark.parametrize("value", [None, [], {}, "x", 7, True, [[]], {"a": {"b": []}}])
def test_a_wrong_shape_anywhere_is_a_fault_and_not_a_crash(path: str, value: Any) -> None:
    document = manifest_document()
    *above, last = path.split(".")
    place = document
    for name in above:
        place = place[name]
    place[last] = value

    try:
        manifest_from(document)
    except ManifestFaulty as refusal:
        assert refusal.faults
    else:
        assert value in ([], {})  # an empty section says nothing, which is allowed


@pytest.mark.parametrize(
    ("text", "expected"), [("128Mi", 128 * 2**20), ("1Gi", 2**30), ("1G", 10**9), ("512", 512), ("0.5Mi", 2**19)]
)
def test_memory_quantities_are_bytes(text: str, expected: int) -> None:
    assert memory_bytes(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("100m", 0.1), ("2", 2.0), ("0.5", 0.5), (1, 1.0)])
def test_cpu_quantities_are_cores(text: str | int, expected: float) -> None:
    assert cpu_cores(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "017700000001",
        "a..b",
        "a.b.",
        "-a.example",
        "a_b.example",
        "A.example",
        "例.jp",
        "::1",
        "a.1",
        "",
    ],
)
def test_what_is_not_plainly_a_public_name_is_no_host(text: str) -> None:
    assert not is_host(text)
