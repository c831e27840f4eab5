"""What ends a webhook's telling is called by the host alone, so it must be callable by the host alone."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.faults import ManifestFaulty
from plugins.manifest import manifest_from
from plugins.tests.conftest import manifest_document

STOP = {"name": "stop_watching", "method": "POST", "path": "/stop"}


def read(stop: str, **endpoint: Any) -> Any:
    document = manifest_document(
        capabilities=["webhook_receiver"],
        endpoints=[{**STOP, **endpoint}],
        webhooks=[{"name": "changes", "signature": {"type": "url_secret"}, "stop": stop}],
    )
    return manifest_from(document)


def test_it_names_an_endpoint() -> None:
    assert read("stop_watching").webhooks[0].stop == "stop_watching"
    with pytest.raises(ManifestFaulty, match='did you mean "stop_watching"'):
        read("stop_watchin")


@pytest.mark.parametrize(
    "endpoint",
    [
        {"confirm": "Stop it?"},
        {"parameters": [{"name": "channel", "in": "body", "type": "string", "required": True}]},
    ],
)
def test_it_needs_neither_a_yes_nor_a_parameter(endpoint: dict[str, Any]) -> None:
    with pytest.raises(ManifestFaulty, match="neither a yes nor a parameter"):
        read("stop_watching", **endpoint)
