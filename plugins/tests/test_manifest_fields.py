"""Every field of a manifest, and each fault that lies between two of them."""
# ruff: noqa: E501, a table of faults reads best one fault a line

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.manifest import RequestRule, Signature, parse_manifest
from plugins.tests.test_manifest import faults_of

EVERYTHING = (Path(__file__).parent / "manifests" / "everything.yaml").read_text(encoding="utf-8")


def test_every_field_is_read() -> None:
    manifest = parse_manifest(EVERYTHING)
    reading, writing = manifest.endpoints
    changed, shared, emptied = manifest.webhooks

    assert manifest.capabilities == ("read_files", "write_files", "webhook_receiver")
    assert (reading.capability, reading.confirm, reading.is_repeatable) == ("read_files", "", True)
    assert (writing.capability, writing.needs_confirmation, writing.is_repeatable) == ("write_files", True, True)
    assert changed.signature == Signature("hmac_sha256", "X-Box-Signature", "sha256=")
    assert changed.delivery_id_headers == ("X-Box-Channel", "X-Box-Delivery")
    assert (changed.event_header, changed.kept_headers) == ("X-Box-Event", ("X-Box-Resource",))
    assert shared.signature == Signature("token", "X-Box-Token") and emptied.signature == Signature("url_secret")
    assert manifest.security.requests == (
        RequestRule("read_files", ("GET", "HEAD"), ("/v1/papers", "/v1/{region}/")),
        RequestRule("write_files", ("PUT",), ("/v1/papers",), "files.{box_domain}"),
    )
    resources = manifest.resources
    assert (resources.memory_bytes, resources.cpu_cores, resources.storage_bytes) == (64 * 2**20, 0.25, 2**29)
    assert (resources.requested_memory_bytes, resources.requested_cpu_cores) == (32 * 2**20, 0.1)
    assert resources.requested_storage_bytes == 10**6
    assert manifest.security.environment_variables == ("LANG", "TZ")


def test_a_manifest_without_request_rules_says_whether_it_writes() -> None:
    rules = EVERYTHING[EVERYTHING.index("    requests:\n      -") : EVERYTHING.index("    environment_variables")]
    silent = parse_manifest(EVERYTHING.replace(rules, ""))

    assert silent.security.requests is None and silent.writes_outside


def test_the_question_before_a_call_is_one_short_line() -> None:
    endpoint = parse_manifest(EVERYTHING).endpoint_by_name["write_paper"]

    assert endpoint.question({"name": "Essay\n one.md"}) == "Write Essay one.md into your box"
    assert endpoint.question({}) == "Write … into your box"
    assert len(endpoint.question({"name": "x" * 500})) < 160


FAULTS = [
    ("capability: read_files\n", "capability: read_filse\n", "spec.endpoints[0].capability", 'did you mean "read_files"?'),
    ("capability: read_files\n", "capability: read_grades\n", "spec.endpoints[0].capability", "not among spec.capabilities"),
    ("{capability: write_files,", "{capability: write_planner,", "spec.security.requests[1].capability", "not among spec.capabilities"),
    ("methods: [PUT]", "methods: [put]", "spec.security.requests[1].methods[0]", "not one of GET, HEAD"),
    ("methods: [PUT]", "methods: []", "spec.security.requests[1].methods", "must not be empty"),
    ("methods: [PUT]", "methods: [PUT, PUT]", "spec.security.requests[1].methods", "listed 2 times"),
    ('paths: [/v1/papers, "', 'paths: [v1/papers, "', "spec.security.requests[0].paths[0]", "is not the start of a path"),
    ('paths: [/v1/papers, "', 'paths: [/v1/../papers, "', "spec.security.requests[0].paths[0]", "is not the start of a path"),
    ('paths: [/v1/papers, "', 'paths: [/v1%2fpapers, "', "spec.security.requests[0].paths[0]", "is not the start of a path"),
    ('"/v1/{region}/"', '"/v1/{regoin}/"', "spec.security.requests[0].paths[1]", 'did you mean "region"?'),
    ('host: "files.{box_domain}"}', "host: evil.example.com}", "spec.security.requests[1].host", "not among spec.security.allowed_hosts"),
    ('host: "files.{box_domain}"}', "hots: x.example.com}", "spec.security.requests[1].hots", 'did you mean "host"?'),
    ("path: /papers\n", 'path: "/papers/{id}"\n', "spec.endpoints[1].path", "write it the same way"),
    ("name: paper_id, in: path, type: string", "name: paper_id, in: path, type: array", "spec.endpoints[1].parameters[0].type", "only be in the body"),
    ("default: 10", "default: 51", "spec.endpoints[0].parameters[1].default", "does not fit the parameter"),
    ("{name: tags,", "{name: connection,", "spec.endpoints[0].parameters[0].name", "parameter of every route"),
    ("confirm: Write {name}", "confirm: Write {nam}", "spec.endpoints[1].confirm", 'did you mean "name"?'),
    ("confirm: Write {name}", "confirm: Write {0}", "spec.endpoints[1].confirm", "{0} is not a parameter"),
    ("      description: Papers, newest first\n", "      confirm: Read\n", "spec.endpoints[0].confirm", "nothing to say yes to"),
    ("write_files, webhook_receiver]", "write_files]", "spec.capabilities", 'lacks "webhook_receiver"'),
    (", header: X-Box-Signature", "", "spec.webhooks[0].signature.header", "hmac_sha256 needs the header"),
    (", header: X-Box-Token", "", "spec.webhooks[1].signature.header", "token needs the header"),
    ("{type: url_secret}", "{type: url_secret, header: X-Y}", "spec.webhooks[2].signature.header", "has no meaning"),
    ("{type: url_secret}", "{type: none}", "spec.webhooks[2].signature.type", "write url_secret"),
    ("{type: url_secret}", "{}", "spec.webhooks[2].signature.type", "is missing"),
    ("[X-Box-Channel, X-Box-Delivery]", "[X-Box-Channel, x-box-channel]", "spec.webhooks[0].delivery_id_headers", "listed 2 times"),
    ("event_header: X-Box-Event", 'event_header: "X Box"', "spec.webhooks[0].event_header", "not the name of a header"),
    ("{type: token, header: X-Box-Token}", "{type: token, header: X-T}\n      kept_headers: [x-t]", "spec.webhooks[1].kept_headers[0]", "never shown"),
    ("requests: {memory: 32Mi, cpu: 0.1, storage: 1M}", "requests: {storage: 1Gi}", "spec.resources.requests.storage", "more than the limit"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "replacement", "path", "words"), FAULTS)
def test_a_fault_is_told_at_its_field(found: str, replacement: str, path: str, words: str) -> None:
    assert EVERYTHING.count(found) == 1
    assert words in faults_of(EVERYTHING.replace(found, replacement))[path]
