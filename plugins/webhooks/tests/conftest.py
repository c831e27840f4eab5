"""A plugin that takes in webhooks of every way of proving the sender, installed for the tests of this folder."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins import registry
from plugins.models import Connection
from plugins.tests.conftest import manifest_document
from plugins.tests.factories import ConnectionFactory

PLUGIN = "forge"
HUB = {"type": "hmac_sha256", "header": "X-Hub-Signature-256", "prefix": "sha256="}
WEBHOOKS: list[dict[str, Any]] = [
    {
        "name": "repository",
        "description": "Pushes, issues and runs of a repository.",
        "signature": HUB,
        "delivery_id_headers": ["X-GitHub-Delivery"],
        "event_header": "X-GitHub-Event",
        "kept_headers": ["X-GitHub-Hook-ID"],
        "payload_schema": {"type": "object", "properties": {"ref": {"type": "string"}, "wanted": {"type": "string"}}},
    },
    {
        "name": "channel",
        "signature": {"type": "token", "header": "X-Goog-Channel-Token"},
        "delivery_id_headers": ["X-Goog-Channel-ID", "X-Goog-Message-Number"],
        "event_header": "X-Goog-Resource-State",
    },
    {"name": "standard", "signature": {"type": "standard_webhooks"}},
    {"name": "secret_address", "signature": {"type": "url_secret"}},
    {"name": "unproven"},
]
PROGRAM = """
    from coreengine_sdk import Plugin, PluginError

    plugin = Plugin("forge")


    def take_in(call):
        payload = call.payload
        wanted = payload.get("wanted") if isinstance(payload, dict) else None
        if wanted == "error":
            raise PluginError("gone", "The repository does not exist any more.")
        if wanted == "again":
            raise PluginError("unavailable", "The service has a problem of its own.", retryable=True)
        if wanted == "nonsense":
            return {"events": "push"}
        if wanted == "nothing":
            return None
        return {"events": [{"type": "push", "data": {"payload": payload}}], "sync": wanted == "sync"}


    for name in ("repository", "channel", "standard", "secret_address"):
        plugin.webhook(name)(take_in)
    plugin.run()
"""


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Path:
    """The plugin's folder; it counts as shipped, so that the confined process may run it."""
    folder = tmp_path / "catalog" / PLUGIN
    folder.mkdir(parents=True)
    document = manifest_document(PLUGIN, webhooks=WEBHOOKS)
    document["spec"]["capabilities"] = ["webhook_receiver"]
    (folder / "plugin-manifest.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "plugin.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    monkeypatch.setattr(registry, "CATALOG", folder.parent)
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process"}
    settings.SITE_URL = "https://core.example.edu"
    return folder


@pytest.fixture
def connection(forge: Path, owner: Any) -> Connection:
    """The owner's connection to it."""
    return ConnectionFactory(owner=owner, plugin=PLUGIN, label="Forge", configuration={}, credential={})
