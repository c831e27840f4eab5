"""The ways to connect beside signing in: token, user name and password, and the secret address of a feed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins import services
from plugins.models import Connection, GatewayCall
from plugins.tests.conftest import manifest_document
from plugins.tests.peer import Peer, running_peer, text

PLUGIN, HOST = "diary-integration", "diary.example.edu"
FEED = f"https://{HOST}/feeds/calendars/user_AbCdEf0123456789.ics"
PROGRAM = """
from coreengine_sdk import Plugin

plugin = Plugin("diary-integration")


@plugin.authenticate
def authenticate(call):
    if call.authentication["type"] == "feed_url":
        call.http.get("feed:").expect_ok()
        return {"id": "", "name": "Feed"}
    return call.http.get("/me").expect_ok().json()


@plugin.action("read")
def read(call):
    answer = call.http.get("feed:")
    return {"way": call.authentication["way"], "url": answer.url, "text": answer.text, "headers": answer.headers}


plugin.run()
"""


@pytest.fixture
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Peer]:
    folder = tmp_path / "catalog" / "diary"
    folder.mkdir(parents=True)
    document = manifest_document(
        PLUGIN,
        authentication={
            "type": "basic_auth",
            "alternatives": [
                {"type": "api_key", "name": "key", "header": "X-Key"},
                {"type": "feed_url", "name": "feed"},
            ],
        },
        configuration={
            "schema": {
                "type": "object",
                "required": ["host"],
                "properties": {"host": {"type": "string", "title": "Host"}},
            }
        },
        endpoints=[{"name": "read", "method": "GET", "path": "/read"}],
        security={"network_policy": "restricted", "allowed_hosts": ["{host}"]},
    )
    (folder / "plugin-manifest.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "plugin.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setattr("plugins.registry.CATALOG", tmp_path / "catalog")
    with running_peer() as peer:
        settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": {HOST: peer.url}}
        peer.answers["/me"] = text('{"id": "7", "name": "Ada"}')
        peer.answers["/feeds/calendars/user_AbCdEf0123456789.ics"] = text(
            f"BEGIN:VCALENDAR\nX-ORIGINAL-URL:{FEED}\nEND:VCALENDAR", content_type="text/calendar"
        )
        yield peer


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker_at_hand")
class TestWays:
    def test_a_feed_is_read_and_its_address_seen_by_nobody(
        self, diary: Peer, owner: Any, page: Any, api: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        answer = page.post(f"/connections/new/{PLUGIN}/", {"way": "feed", "url": FEED.replace("https", "webcal")})

        connection = Connection.objects.get(owner=owner)
        assert answer.status_code == 302 and connection.configuration == {"host": HOST}
        assert (connection.way, connection.health, connection.credential) == ("feed", "healthy", {"url": FEED})
        result = services.call_action(connection, "read", {}, by=owner)
        assert result.data["way"] == "feed" and "[hidden]" in result.data["text"] and result.data["url"] == "feed:"
        assert {call.path for call in GatewayCall.objects.all()} == {"(feed address)"}
        seen = [page.get(path).content.decode() for path in ("/connections/", connection.get_absolute_url())]
        seen += [page.get(f"/connections/{connection.pk}/edit/").content.decode(), caplog.text, str(result)]
        seen += [api.get(f"/api/v1/connections/{connection.pk}/calls/").content.decode()]
        assert "user_AbCdEf" not in " ".join(seen)
        assert all("Authorization" not in headers for _, _, headers, _ in diary.asked)

    @pytest.mark.parametrize(
        ("url", "configuration", "words"),
        [
            ("http://diary.example.edu/feed.ics", {}, "beginning with https://"),
            ("https://10.0.0.1/feed.ics", {"host": HOST}, "beginning with https://"),
            ("https://ada:secret@diary.example.edu/feed.ics", {"host": HOST}, "beginning with https://"),
            ("https://diary.example.edu:8443/feed.ics", {"host": HOST}, "beginning with https://"),
            ("https://elsewhere.example.com/feed.ics", {"host": HOST}, "That address is at elsewhere.example.com"),
        ],
    )
    def test_an_address_that_cannot_be_one_is_refused_at_its_field(
        self, diary: Peer, api: Any, url: str, configuration: dict[str, str], words: str
    ) -> None:
        body = {"plugin": PLUGIN, "way": "feed", "url": url, "configuration": configuration}
        answer = api.post("/api/v1/connections/", body, format="json")

        assert answer.status_code == 422 and words in str(answer.json()["errors"]["url"])
        assert not Connection.objects.exists() and not diary.asked

    def test_a_password_goes_to_the_service_alone(self, diary: Peer, api: Any) -> None:
        body = {"plugin": PLUGIN, "configuration": {"host": HOST}, "username": "ada", "password": "lovelace-1815"}
        answer = api.post("/api/v1/connections/", body, format="json")

        assert answer.status_code == 201 and answer.json()["way"] == "basic_auth"
        assert "lovelace" not in answer.content.decode()
        _, _, headers, _ = diary.asked[0]
        assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"ada:lovelace-1815"

    def test_only_the_password_can_be_changed(self, diary: Peer, api: Any, owner: Any) -> None:
        body = {"plugin": PLUGIN, "configuration": {"host": HOST}, "username": "ada", "password": "lovelace-1815"}
        number = api.post("/api/v1/connections/", body, format="json").json()["id"]

        assert api.patch(f"/api/v1/connections/{number}/", {"password": "byron-1816"}, format="json").status_code == 200
        assert Connection.objects.get().credential == {"username": "ada", "password": "byron-1816"}

    def test_the_way_of_a_connection_can_be_changed(self, diary: Peer, page: Any, owner: Any) -> None:
        services.connect(
            owner, PLUGIN, configuration={"host": HOST}, credential={"username": "a", "password": "b"}, by=owner
        )
        connection = Connection.objects.get()

        answer = page.post(f"/connections/{connection.pk}/edit/", {"way": "key", "host": HOST, "token": "key-123456"})

        assert answer.status_code == 302
        connection.refresh_from_db()
        assert (connection.way, connection.credential) == ("key", {"token": "key-123456"})
        assert diary.asked[-1][2]["X-Key"] == "key-123456"

    def test_without_a_name_it_is_the_way_that_takes_what_was_given(self, diary: Peer, api: Any, page: Any) -> None:
        body = {"plugin": PLUGIN, "configuration": {"host": HOST}, "token": "key-123456"}
        assert api.post("/api/v1/connections/", body, format="json").json()["way"] == "key"
        page.post(f"/connections/new/{PLUGIN}/", {"host": HOST, "token": "key-123456"})
        page.post(f"/connections/new/{PLUGIN}/", {"url": FEED})

        assert list(Connection.objects.order_by("pk").values_list("way", flat=True)) == ["key", "key", "feed"]

    def test_another_way_needs_its_own_secret(self, diary: Peer, api: Any, owner: Any) -> None:
        services.connect(
            owner, PLUGIN, configuration={"host": HOST}, credential={"token": "key-1"}, way="key", by=owner
        )
        number = Connection.objects.get().pk

        answer = api.patch(f"/api/v1/connections/{number}/", {"way": "feed"}, format="json")

        assert answer.status_code == 422 and "url" in answer.json()["errors"]

    def test_a_feed_is_only_read(self, diary: Peer, owner: Any) -> None:
        from coreengine.kernel.outbound.errors import RequestFailed
        from plugins.gateway.gateway import Gateway
        from plugins.gateway.records import Access
        from plugins.registry import get_manifest

        access = Access(1, get_manifest(PLUGIN), {"host": HOST}, {"url": FEED}, way="feed")
        for params in ({"method": "POST"}, {"query": {"a": 1}}, {"method": "DELETE"}):
            with pytest.raises(RequestFailed):
                Gateway(access).serve({"url": "feed:", **params}, 1e12)
        for way, credential in (("key", {"token": "x"}), ("", {})):
            with pytest.raises(RequestFailed):
                Gateway(Access(1, get_manifest(PLUGIN), {"host": HOST}, credential, way=way)).serve(
                    {"url": "feed:"}, 1e12
                )
        assert not diary.asked
