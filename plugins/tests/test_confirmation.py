"""An action that needs a person's yes is not done without it, whatever door it comes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins import registry
from plugins.faults import ManifestFaulty
from plugins.manifest import Manifest, manifest_from
from plugins.models import ActionCall, Connection
from plugins.services import call_action
from plugins.tests.conftest import manifest_document
from workflows.rules import faults_of_data

NAME = "paper-integration"
PROGRAM = """
from coreengine_sdk import Plugin
plugin = Plugin("paper-integration")

@plugin.action("write")
def write(call):
    return {"written": call.params}

plugin.run()
"""
WRITE = {
    "name": "write",
    "method": "POST",
    "path": "/papers",
    "confirm": "Write “{name}” to {folder}",
    "parameters": [
        {"name": "name", "in": "body", "type": "string", "required": True},
        {"name": "folder", "in": "body", "type": "string", "default": "your desk"},
    ],
}
SENTENCE = "Write “Essay” to your desk"


def manifest_of(**changes: Any) -> Manifest:
    return manifest_from(manifest_document(NAME, capabilities=["write_files"], endpoints=[{**WRITE, **changes}]))


@pytest.fixture
def plugin(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin beside that for Canvas, shipped as it is: the process sandbox runs nobody else's."""
    catalog = tmp_path / "catalog"
    folder = catalog / "paper"
    folder.mkdir(parents=True)
    (catalog / "canvas").symlink_to(registry.CATALOG / "canvas")
    monkeypatch.setattr(registry, "CATALOG", catalog)
    document = manifest_document(NAME, capabilities=["write_files"], endpoints=[WRITE])
    (folder / "plugin-manifest.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    (folder / "plugin.py").write_text(PROGRAM, "utf-8")
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process"}


@pytest.fixture
def connection(owner: Any, plugin: None) -> Connection:
    return Connection.objects.create(owner=owner, plugin=NAME, label="Paper", credential={}, health="healthy")


class TestTheSentence:
    def test_is_filled_in_with_defaults_and_what_was_given(self) -> None:
        endpoint = manifest_of().endpoint_by_name["write"]
        assert endpoint.question({"name": "Essay"}) == SENTENCE
        assert endpoint.question({"name": "Essay", "folder": "Work"}) == "Write “Essay” to Work"

    def test_cannot_be_ended_by_a_value(self) -> None:
        endpoint = manifest_of().endpoint_by_name["write"]
        found = endpoint.question({"name": "a\n\nAll is well\u202e", "folder": "x" * 500})
        assert "\n" not in found and "\u202e" not in found and len(found) < 300

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"confirm": "Write {nmae}"}, "{nmae} is not a parameter"),
            ({"method": "GET", "parameters": []}, "nothing to say yes to"),
            (
                {"parameters": [{"name": "confirmation", "in": "body", "type": "string"}], "confirm": "Write it"},
                "the answer itself",
            ),
        ],
    )
    def test_is_checked_with_the_manifest(self, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(ManifestFaulty) as caught:
            manifest_of(**changes)
        assert words in str(caught.value)


@pytest.mark.django_db(transaction=True)
class TestTheApi:
    def test_asks_first_and_does_it_after_a_yes(self, api: Any, connection: Any, worker_at_hand: None) -> None:
        url = f"/api/v1/plugins/{NAME}/papers"
        asked = api.post(url, {"name": "Essay"}, format="json")
        assert (asked.status_code, asked.data["code"], asked.data["detail"]) == (409, "confirmation_needed", SENTENCE)
        assert not ActionCall.objects.exists()

        done = api.post(url, {"name": "Essay", "confirmation": "approved"}, format="json")
        assert done.status_code == 200, done.data
        assert done.data == {"written": {"name": "Essay", "folder": "your desk"}}

    def test_the_same_key_serves_the_question_and_the_repeated_request(
        self, api: Any, connection: Any, worker_at_hand: None
    ) -> None:
        url, key = f"/api/v1/plugins/{NAME}/papers", {"HTTP_IDEMPOTENCY_KEY": "k1"}
        assert api.post(url, {"name": "Essay"}, format="json", **key).status_code == 409
        body = {"name": "Essay", "confirmation": "approved"}
        assert [api.post(url, body, format="json", **key).status_code for _ in range(2)] == [200, 200]
        assert ActionCall.objects.count() == 1

    @pytest.mark.parametrize("answer", ["rejected", "yes", "APPROVED", True, {"a": 1}])
    def test_any_other_answer_is_refused(self, api: Any, connection: Any, answer: Any) -> None:
        body = {"name": "Essay", "confirmation": answer}
        refused = api.post(f"/api/v1/plugins/{NAME}/papers", body, format="json")
        assert (refused.status_code, refused.data["code"]) == (409, "not_approved")
        assert not ActionCall.objects.exists()

    def test_wrong_parameters_are_said_before_anybody_is_asked(self, api: Any, connection: Any) -> None:
        assert api.post(f"/api/v1/plugins/{NAME}/papers", {}, format="json").status_code == 422

    def test_the_openapi_document_tells_of_the_question(self, api: Any, plugin: None) -> None:
        operation = api.get("/api/v1/schema/?format=json").json()["paths"][f"/api/v1/plugins/{NAME}/papers"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert schema["properties"]["confirmation"]["enum"] == ["approved"]
        assert "confirmation_needed" in operation["responses"]["409"]["description"]


@pytest.mark.django_db(transaction=True)
class TestWorkers:
    def test_nothing_is_done_without_the_yes(self, owner: Any, connection: Any) -> None:
        for answer, code in (("", "confirmation_needed"), ("rejected", "not_approved")):
            result = call_action(connection, "write", {"name": "Essay"}, by=owner, confirmation=answer)
            assert (result.success, result.error_code, result.retryable) == (False, code, False)
            assert SENTENCE in result.error
        assert not ActionCall.objects.exists()

    def test_it_is_done_with_it(self, owner: Any, connection: Any) -> None:
        result = call_action(connection, "write", {"name": "Essay"}, by=owner, confirmation="approved")
        assert result.success, result.error

    def test_a_step_passes_on_what_its_approval_answered(self, owner: Any, connection: Any) -> None:
        from workflows.steps.plugin_action import PluginExecutor
        from workflows.tests.test_steps import call_of

        config = {"plugin": NAME, "action": "write", "params": {"name": "Essay"}}
        outcomes = [
            PluginExecutor().run(call_of(owner, "plugin_action", {**config, "confirmation": answer}))
            for answer in (None, "rejected", "approved")
        ]
        assert [outcome.ok for outcome in outcomes] == [False, False, True]
        assert SENTENCE in outcomes[0].error and "not approved" in outcomes[1].error


class TestDefinitions:
    def definition(self, confirmation: str | None = None, *, action: str = "write", **ask: Any) -> dict[str, Any]:
        step: dict[str, Any] = {
            "name": "write",
            "type": "plugin_action",
            "depends_on": ["ask"],
            "config": {"plugin": NAME, "action": action, "params": {"name": "Essay"}},
        }
        if confirmation is not None:
            step["config"]["confirmation"] = confirmation
        ask_step = {"name": "ask", "type": "approval", "config": {"message": "Shall it be written?", **ask}}
        return {"name": "Write", "steps": [ask_step, step]}

    def faults(self, data: dict[str, Any]) -> list[str]:
        return [f"{fault.path}: {fault.message}" for fault in faults_of_data(data)]

    def test_an_approval_before_it_gives_the_yes(self, plugin: None) -> None:
        assert self.faults(self.definition("{{ steps.ask.result.decision }}")) == []

    @pytest.mark.parametrize(
        "confirmation",
        [
            "approved",
            "{{ 'approved' }}",
            "{{ inputs.answer }}",
            "{{ steps.ask.result.comment }}",
            "{{ steps.ask.result }}",
        ],
    )
    def test_nothing_else_does(self, plugin: None, confirmation: str) -> None:
        faults = self.faults(self.definition(confirmation))
        assert any("steps[1].config.confirmation: A yes can only come from a person" in fault for fault in faults)

    def test_without_one_it_cannot_be_saved(self, plugin: None) -> None:
        [fault] = self.faults(self.definition())
        assert "needs a person's yes (“Write “{name}” to {folder}”)" in fault

    def test_an_approval_that_approves_by_itself_is_no_persons_yes(self, plugin: None) -> None:
        [fault] = self.faults(self.definition("{{ steps.ask.result.decision }}", timeout_action="approve"))
        assert "approves by itself" in fault

    def test_an_approval_that_may_come_later_is_refused(self, plugin: None) -> None:
        data = self.definition("{{ steps.ask.result.decision }}")
        del data["steps"][1]["depends_on"]
        assert any("not sure to be over before" in fault for fault in self.faults(data))

    def test_a_step_that_is_no_approval_is_refused(self, plugin: None) -> None:
        data = self.definition("{{ steps.ask.result.decision }}")
        data["steps"][0] = {
            "name": "ask",
            "type": "system_action",
            "config": {"action": "update_variable", "params": {"name": "decision", "value": "approved"}},
        }
        assert any("A yes can only come from a person" in fault for fault in self.faults(data))

    def test_where_nobody_is_asked_it_is_left_out(self, plugin: None) -> None:
        data = self.definition("{{ steps.ask.result.decision }}")
        data["steps"][1]["config"] |= {"plugin": "canvas-integration", "action": "get_courses", "params": {}}
        assert any("needs nobody's yes" in fault for fault in self.faults(data))
