"""The test kit against recorded HTTP, and held to a manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ValidationError

from plugins.sdk.recordings import Recording, UnexpectedRequest
from plugins.sdk.testkit import DoesNotFit, PluginAnsweredError, PluginBroke, PluginKit
from plugins.tests.peer import one_after_the_other, running_peer, text

HOST = "api.example.com"
TOKEN = "canary-token-4711"
MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Plugin",
    "metadata": {"name": "recorded", "version": "1.0.0", "description": "Written for a test"},
    "spec": {
        "capabilities": ["read_files", "webhook_receiver"],
        "authentication": {"type": "api_key", "header": "X-Api-Key", "prefix": "Key"},
        "endpoints": [
            {
                "name": "get",
                "method": "GET",
                "path": "/things",
                "parameters": [
                    {"name": "path", "in": "query", "type": "string", "default": "/v1/things"},
                    {"name": "times", "in": "query", "type": "integer", "maximum": 9, "default": 1},
                ],
                "responses": {200: {"description": "Things", "schema": {"type": "array", "items": {"type": "object"}}}},
            }
        ],
        "webhooks": [
            {
                "name": "changed",
                "signature": {"type": "url_secret"},
                "payload_schema": {"type": "object", "required": ["id"]},
            }
        ],
        "security": {
            "network_policy": "restricted",
            "allowed_hosts": [HOST],
            "requests": [{"capability": "read_files", "methods": ["GET"], "paths": ["/v1/"]}],
        },
    },
}
PROGRAM = """
from coreengine_sdk import Plugin

plugin = Plugin("recorded")


@plugin.action("get")
def get(call):
    for _ in range(call.params["times"]):
        answer = call.http.get(call.params["path"], {"q": "a b"}).expect_ok().json()
    call.storage.set("seen", answer)
    call.progress(1, 1)
    return answer


@plugin.webhook("changed")
def changed(call):
    return {"events": [{"type": call.event or "Not a name", "data": call.payload}]}


plugin.run()
"""
THINGS = {"request": {"method": "GET", "url": f"https://{HOST}/v1/things", "query": {"q": "a b"}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plugin-manifest.yaml").write_text(yaml.safe_dump(MANIFEST), encoding="utf-8")
    (tmp_path / "plugin.py").write_text(PROGRAM, encoding="utf-8")
    return tmp_path


def kit(folder: Path, *exchanges: dict[str, Any], name: str = "tape.yaml", **fields: Any) -> PluginKit:
    """A kit that answers from these exchanges."""
    written = json.dumps(list(exchanges)) if name.endswith(".json") else yaml.safe_dump(list(exchanges))
    (folder / name).write_text(written, encoding="utf-8")
    return PluginKit.for_folder(folder, token=TOKEN, recording=folder / name, record=False, **fields)


def answered(body: Any, status: int = 200, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {**THINGS, "response": {"status": status, "headers": named, "json": body}}


class TestReplay:
    @pytest.mark.parametrize("name", ["tape.yaml", "tape.json"])
    def test_a_request_is_answered_from_the_file(self, folder: Path, name: str) -> None:
        running = kit(folder, answered([{"id": 1}]), name=name)

        assert running.execute("get") == [{"id": 1}]
        assert [(method, status) for method, _, status in running.requests] == [("GET", 200)]
        assert running.stored == {"seen": [{"id": 1}]} and running.progress[0]["done"] == 1
        running.assert_all_used()

    def test_equal_requests_are_answered_in_turn_and_the_last_answer_stays(self, folder: Path) -> None:
        running = kit(folder, answered([]), answered([{"id": 2}]))

        assert running.execute("get", times=3) == [{"id": 2}]

    def test_one_that_is_not_recorded_fails_the_test_and_shows_the_nearest(self, folder: Path) -> None:
        other = {**answered([]), "request": {"method": "GET", "url": f"https://{HOST}/v1/things", "query": {"q": "c"}}}
        with pytest.raises(UnexpectedRequest) as caught:
            kit(folder, other).execute("get")

        assert "-  q: c" in str(caught.value) and "+  q: a b" in str(caught.value)

    def test_what_was_never_asked_is_named(self, folder: Path) -> None:
        running = kit(folder, answered([]), {**answered([]), "request": {"url": f"https://{HOST}/v1/other"}})
        running.execute("get")
        with pytest.raises(AssertionError, match="/v1/other"):
            running.assert_all_used()

    @pytest.mark.parametrize("code", ["timeout", "unreachable"])
    def test_a_service_that_is_away_is_told_as_the_host_tells_it(self, folder: Path, code: str) -> None:
        with pytest.raises(PluginAnsweredError) as caught:
            kit(folder, {**THINGS, "fail": code}).execute("get")

        assert (caught.value.code, caught.value.retryable) == (code, True)

    def test_being_asked_to_slow_down_costs_no_time(self, folder: Path) -> None:
        running = kit(folder, answered({}, 429, retry_after="50"), answered([{"id": 1}]))

        assert running.execute("get") == [{"id": 1}] and running.waits == [50.0]

    def test_a_plugin_that_floods_is_stopped(self, folder: Path) -> None:
        with pytest.raises(PluginBroke, match="more than 3 requests"):
            kit(folder, answered([]), max_requests=3).execute("get", times=4)

    @pytest.mark.parametrize(
        ("exchange", "words"),
        [({}, "no request"), ({"request": {}}, "no url"), ({**THINGS, "fail": "rain"}, "not known")],
    )
    def test_a_file_with_a_fault_is_refused(self, exchange: dict[str, Any], words: str) -> None:
        with pytest.raises(ValueError, match=words):
            Recording([exchange])


class TestManifest:
    def test_parameters_that_do_not_fit_are_refused(self, folder: Path) -> None:
        with pytest.raises(ValidationError):
            kit(folder).execute("get", times=10)

    def test_an_answer_that_does_not_fit_fails_with_its_place(self, folder: Path) -> None:
        with pytest.raises(DoesNotFit, match=r"\[0\]"):
            kit(folder, answered([7])).execute("get")

    def test_a_request_leaves_only_as_declared(self, folder: Path) -> None:
        for path, code in (("/v2/things", "request_not_allowed"), ("https://other.example.com/", "host_not_allowed")):
            with pytest.raises(PluginAnsweredError) as caught:
                kit(folder, answered([])).execute("get", path=path)
            assert caught.value.code == code

    def test_payload_and_answer_of_a_webhook_have_to_fit(self, folder: Path) -> None:
        running = kit(folder)
        assert running.webhook("changed", {"id": 1}, event="made")["events"] == [{"type": "made", "data": {"id": 1}}]
        with pytest.raises(DoesNotFit, match="lacks id"):
            running.webhook("changed", {})
        with pytest.raises(DoesNotFit, match="is not a name"):
            running.webhook("changed", {"id": 1})
        with pytest.raises(DoesNotFit, match="no webhook other"):
            running.webhook("other", {"id": 1})


class TestRecording:
    def test_the_service_is_asked_once_and_its_answers_are_kept_without_secrets(self, folder: Path) -> None:
        body = json.dumps([{"id": 1, "access_token": "abc", "text": f"it was {TOKEN}, and session-9"}])
        with running_peer() as peer:
            peer.answers["/v1/things"] = one_after_the_other(text(body, etag='"7"', set_cookie="s=1"), text("[]"))
            fields = {"token": TOKEN, "secrets": ["session-9"], "recording": folder / "new" / "tape.yaml"}
            recorder = PluginKit.for_folder(folder, record=True, hosts={HOST: peer.url}, **fields)
            given = recorder.execute("get")
            assert peer.asked[0][2]["X-Api-Key"] == f"Key {TOKEN}" and TOKEN in json.dumps(given)

        written = (folder / "new" / "tape.yaml").read_text()
        assert TOKEN not in written and "session-9" not in written and "abc" not in written
        assert "etag" in written and "s=1" not in written and "api.example.com/v1/things" in written
        again = PluginKit.for_folder(folder, record=False, **fields).execute("get")
        assert again[0]["id"] == 1 and again[0]["text"] == "it was [hidden], and [hidden]"
