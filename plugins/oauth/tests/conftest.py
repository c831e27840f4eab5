"""A plugin that signs in, its service, and the doors to both."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.models import Connection, OAuthClient
from plugins.oauth.testing import HOST, Provider, running_provider
from plugins.tests.conftest import manifest_document, worker_at_hand  # noqa: F401, a fixture

PLUGIN = "notes-integration"
SITE = "https://core.example.edu"
CALLBACK = f"{SITE}/connections/oauth/callback/"

OAUTH = {
    "type": "oauth2",
    "name": "sign_in",
    "title": "Sign in with Notes",
    "authorization_url": f"https://{HOST}/authorize",
    "token_url": f"https://{HOST}/token",
    "scopes": ["notes:read", "profile"],
    "authorization_parameters": {"access_type": "offline"},
    "refresh_token_supported": True,
    "revocation": {"url": f"https://{HOST}/revoke", "proof": "token_form"},
}

PROGRAM = """
from coreengine_sdk import Plugin, PluginError

plugin = Plugin("notes-integration")


@plugin.authenticate
def authenticate(call):
    return call.http.get("/me").expect_ok().json()


@plugin.validate
def validate(call):
    return {"folder": "There is no such folder."} if call.config.get("folder") == "missing" else {}


@plugin.action("get_way")
def get_way(call):
    return {**call.authentication, "id": call.http.get("/me").expect_ok().json()["id"]}


plugin.run()
"""


def notes_manifest(**oauth: Any) -> dict[str, Any]:
    document = manifest_document(
        PLUGIN,
        authentication={**OAUTH, "alternatives": [{"type": "api_key", "name": "token"}], **oauth},
        configuration={
            "schema": {
                "type": "object",
                "properties": {"folder": {"type": "string", "title": "Folder"}, "depth": {"type": "integer"}},
            }
        },
        endpoints=[{"name": "get_way", "method": "GET", "path": "/way"}],
        security={"network_policy": "restricted", "allowed_hosts": [HOST]},
    )
    return document


def write_plugin(folder: Path, **oauth: Any) -> None:
    """Write the plugin; a plugin of these tests runs in the confined process, as if it were shipped."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "plugin-manifest.yaml").write_text(yaml.safe_dump(notes_manifest(**oauth)), encoding="utf-8")
    (folder / "plugin.py").write_text(textwrap.dedent(PROGRAM), encoding="utf-8")


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog that holds the plugin of these tests alone."""
    write_plugin(tmp_path / "catalog" / "notes")
    monkeypatch.setattr("plugins.registry.CATALOG", tmp_path / "catalog")
    return tmp_path / "catalog" / "notes"


@pytest.fixture
def provider(catalog: Path, settings: Any) -> Iterator[Provider]:
    """The service behind the plugin."""
    from coreengine.kernel.outbound.network import close_pools

    settings.SITE_URL = SITE
    with running_provider() as running:
        settings.PLUGINS = {
            **settings.PLUGINS,
            "SANDBOX": "process",
            "GATEWAY_HOSTS": {HOST: running.url},
            "PAGE_WAIT_S": 5.0,
        }
        yield running
        close_pools()


@pytest.fixture
def client_row(db: None, provider: Provider) -> OAuthClient:
    """What an admin set."""
    return OAuthClient.objects.create(plugin=PLUGIN, client_id=provider.client_id, client_secret=provider.client_secret)


@pytest.fixture
def connected(client_row: OAuthClient, provider: Provider, owner: Any) -> Connection:
    """A connection that was signed in to, without the way there."""
    from django.utils import timezone

    from plugins.oauth import protocol
    from plugins.oauth.testing import Grant

    answer = provider._give(Grant(provider.account, ""), with_refresh=True)
    import json

    credential = protocol.read_tokens(200, "application/json", json.dumps(answer).encode())
    return Connection.objects.create(
        owner=owner,
        plugin=PLUGIN,
        way="sign_in",
        label="Notes",
        configuration={},
        credential=credential,
        identity={"id": provider.account, "name": "Student"},
        health=Connection.Health.HEALTHY,
        confirmed_at=timezone.now(),
    )


def leave(page: Any, **fields: str) -> str:
    """Fill in the form and return where the student is sent."""
    response = page.post(f"/connections/new/{PLUGIN}/", {"way": "sign_in", **fields})
    assert response.status_code == 200, response.context["form"].errors
    return response.context["address"]


def come_back(page: Any, answer: dict[str, str]) -> Any:
    """Follow the service's redirect and our own, up to the page where it ends."""
    response = page.get("/connections/oauth/callback/", answer)
    if response.status_code != 302:
        return response
    return page.get(response["Location"])


@pytest.fixture
def commits_at_once(db: None, worker_at_hand: None) -> Iterator[None]:  # noqa: F811, the fixture above
    """Run what waits for a commit when the outermost block of the code ends: the test's own transaction never does.

    Saves emptying every table after every test, which takes longer than the tests.
    """
    from django.db import connection as database

    depth, real = len(database.savepoint_ids), database.savepoint_commit

    def commit(sid: str) -> None:
        real(sid)
        while len(database.savepoint_ids) <= depth and database.run_on_commit:
            _, function, _ = database.run_on_commit.pop(0)
            function()

    database.savepoint_commit = commit
    yield
    database.savepoint_commit = real
