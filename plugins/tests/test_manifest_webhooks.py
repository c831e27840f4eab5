"""What a manifest says of how webhooks prove who sent them, beyond what test_manifest_fields covers."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.faults import ManifestFaulty
from plugins.manifest import Manifest, manifest_from
from plugins.tests.conftest import manifest_document


def manifest(**fields: Any) -> Manifest:
    document = manifest_document(webhooks=[{"name": "push", **fields}])
    document["spec"]["capabilities"] = ["webhook_receiver"]
    return manifest_from(document)


def test_standard_webhooks_need_no_header_of_their_own() -> None:
    signature = manifest(signature={"type": "standard_webhooks"}).webhooks[0].signature

    assert signature is not None and (signature.type, signature.header) == ("standard_webhooks", "")


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"signature": {"type": "hmac_sha1", "header": "X-Hub-Signature"}}, "signature.type", "hmac_sha256"),
        ({"signature": {"type": "standard_webhooks", "prefix": "v1,"}}, "signature.prefix", "headers of its own"),
        ({"kept_headers": ["Cookie"]}, "kept_headers[0]", "never shown"),
        ({"kept_headers": ["Authorization"]}, "kept_headers[0]", "never shown"),
    ],
)
def test_a_fault_is_told_at_its_field(fields: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ManifestFaulty) as refusal:
        manifest(**fields)

    assert words in {fault.path: fault.message for fault in refusal.value.faults}[f"spec.webhooks[0].{path}"]
