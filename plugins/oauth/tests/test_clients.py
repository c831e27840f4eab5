"""Client ids: set by an admin, found by host, and never sent to a host that a student typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from plugins.manifest import manifest_from
from plugins.models import OAuthClient
from plugins.oauth.clients import client_for, redirect_uri, token_host
from plugins.tests.conftest import manifest_document

CAMPUS = {
    "type": "oauth2",
    "authorization_url": "https://{campus}/auth",
    "token_url": "https://{campus}/token",
}


def campus_manifest() -> Any:
    properties = {"campus": {"type": "string", "title": "Campus"}}
    return manifest_from(
        manifest_document(
            "campus-integration",
            authentication=CAMPUS,
            configuration={"schema": {"type": "object", "properties": properties}},
            security={"network_policy": "restricted", "allowed_hosts": ["{campus}"]},
        )
    )


@pytest.mark.django_db
class TestFinding:
    def test_the_client_of_the_host_is_taken(self) -> None:
        manifest = campus_manifest()
        mine = OAuthClient.objects.create(plugin=manifest.name, host="a.example.edu", client_id="a")
        OAuthClient.objects.create(plugin=manifest.name, host="b.example.edu", client_id="b")

        assert client_for(manifest, manifest.ways[0], {"campus": "A.example.edu"}) == mine
        assert token_host(manifest, manifest.ways[0], {"campus": "a.example.edu"}) == "a.example.edu"

    def test_one_for_any_host_is_not_sent_to_a_host_that_was_typed(self) -> None:
        manifest = campus_manifest()
        OAuthClient.objects.create(plugin=manifest.name, client_id="any", client_secret="s")

        with pytest.raises(ValidationError) as refusal:
            client_for(manifest, manifest.ways[0], {"campus": "evil.example.com"})

        assert "at evil.example.com yet" in refusal.value.message_dict["campus"][0]

    def test_the_client_of_another_plugin_is_not_taken(self) -> None:
        OAuthClient.objects.create(plugin="other", host="a.example.edu", client_id="a")

        with pytest.raises(ValidationError):
            client_for(campus_manifest(), campus_manifest().ways[0], {"campus": "a.example.edu"})


@pytest.mark.django_db
@pytest.mark.usefixtures("provider")
class TestInTheAdmin:
    def test_the_secret_is_written_and_never_shown(self, admin_client: Any, provider: Any) -> None:
        add = "/admin/plugins/oauthclient/add/?plugin=notes-integration"
        assert redirect_uri() in admin_client.get(add).content.decode()
        data = {"plugin": "notes-integration", "host": "", "client_id": "me", "secret": "first-secret"}
        assert admin_client.post(add, data).status_code == 302
        row = OAuthClient.objects.get()
        assert row.client_secret == "first-secret"

        change = f"/admin/plugins/oauthclient/{row.pk}/change/"
        assert "first-secret" not in admin_client.get(change).content.decode()
        assert "first-secret" not in admin_client.get("/admin/plugins/oauthclient/").content.decode()
        admin_client.post(change, {**data, "client_id": "you", "secret": ""})
        row.refresh_from_db()
        assert (row.client_id, row.client_secret) == ("you", "first-secret")
        admin_client.post(change, {**data, "secret": "second-secret"})
        row.refresh_from_db()
        assert row.client_secret == "second-secret"

    def test_a_second_for_the_same_host_is_refused(self, admin_client: Any) -> None:
        OAuthClient.objects.create(plugin="notes-integration", client_id="me")
        data = {"plugin": "notes-integration", "host": "", "client_id": "again"}

        answer = admin_client.post("/admin/plugins/oauthclient/add/", data)

        assert answer.status_code == 200 and OAuthClient.objects.count() == 1

    @pytest.mark.parametrize("host", ["https://x.example.com/", "10.0.0.1", "localhost"])
    def test_a_host_that_is_none_is_refused(self, host: str) -> None:
        with pytest.raises(ValidationError) as refusal:
            OAuthClient(plugin="notes-integration", host=host, client_id="x").full_clean()

        assert "host" in refusal.value.message_dict

    def test_a_typed_host_must_be_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("plugins.registry.get_manifest", lambda name: campus_manifest())

        with pytest.raises(ValidationError) as refusal:
            OAuthClient(plugin="campus-integration", client_id="x").full_clean()

        assert "secret would be sent to any" in refusal.value.message_dict["host"][0]
