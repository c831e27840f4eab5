"""The API's doors to workflows and executions."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator

from coreengine.kernel.models import IdempotentRequest
from workflows.models import Execution, Workflow
from workflows.running import runner
from workflows.services import start_execution
from workflows.tests.factories import SOURCE, make_workflow

pytestmark = pytest.mark.django_db

URL = "/api/v1/workflows/"


class TestWorkflows:
    def test_made_from_yaml_or_json_and_read_back(self, api: Any) -> None:
        made = api.post(URL, {"source": SOURCE}, format="json")
        other = api.post(URL, {"definition": made.json()["definition"]}, format="json")

        assert (made.status_code, other.status_code) == (201, 201)
        assert made.json()["source"] == SOURCE and made.json()["version"] == 1
        assert api.get(made["Location"]).json()["definition"]["name"] == "Tell me"
        assert other.json()["definition"] == made.json()["definition"]

    def test_a_faulty_definition_is_422_with_every_fault_its_path_and_line(self, api: Any) -> None:
        answer = api.post(URL, {"source": SOURCE.replace("inputs.text", "input.text") + "extra: 1\n"}, format="json")

        document = answer.json()
        assert answer.status_code == 422 and answer["Content-Type"].startswith("application/problem+json")
        assert {(f["path"], f["line"]) for f in document["faults"]} == {
            ("steps[0].config.params.title", 11),
            ("extra", 12),
        }
        assert set(document["errors"]) == {"steps[0].config.params.title", "extra"}

    @pytest.mark.parametrize("body", [{}, {"source": SOURCE, "definition": {}}, {"source": ""}, {"definition": 5}])
    def test_a_body_without_a_definition_is_422(self, api: Any, body: dict[str, Any]) -> None:
        assert api.post(URL, body, format="json").status_code == 422

    def test_a_change_makes_a_version(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        answer = api.patch(f"{URL}{workflow.pk}/", {"source": SOURCE.replace("Tell me", "New")}, format="json")
        paused = api.patch(f"{URL}{workflow.pk}/", {"is_active": False}, format="json")

        assert (answer.json()["version"], answer.json()["name"]) == (2, "New")
        assert paused.json()["is_active"] is False and paused.json()["version"] == 2
        versions = api.get(f"{URL}{workflow.pk}/versions/").json()["results"]
        assert [version["number"] for version in versions] == [2, 1]

    def test_removed_and_restored(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)

        assert api.delete(f"{URL}{workflow.pk}/").status_code == 204
        assert api.get(f"{URL}{workflow.pk}/").status_code == 404
        assert api.post(f"{URL}{workflow.pk}/restore/").status_code == 200
        assert api.get(f"{URL}{workflow.pk}/").status_code == 200

    def test_another_students_workflow_is_404_everywhere(self, api: Any, stranger: Any) -> None:
        workflow = make_workflow(stranger)
        execution = start_execution(workflow, by=stranger)
        one, run = f"{URL}{workflow.pk}/", f"/api/v1/executions/{execution.pk}/"

        answers = [api.get(one), api.patch(one, {"is_active": False}, format="json"), api.delete(one)]
        answers += [api.post(f"{one}executions/"), api.post(f"{one}restore/"), api.get(f"{one}versions/")]
        answers += [api.get(run), api.get(f"{run}steps/"), api.get(f"{run}events/"), api.post(f"{run}cancel/")]
        assert {answer.status_code for answer in answers} == {404}
        assert api.get(URL).json()["results"] == api.get("/api/v1/executions/").json()["results"] == []

    def test_checking_without_saving(self, api: Any) -> None:
        good = api.post(f"{URL}validate/", {"source": SOURCE}, format="json").json()
        bad = api.post(f"{URL}validate/", {"source": "name: [\n"}, format="json").json()

        assert good == {"is_valid": True, "faults": []}
        assert bad["is_valid"] is False and bad["faults"][0]["line"] == 2
        assert Workflow.objects.count() == 0

    def test_the_schema_of_definitions_accepts_good_ones_and_refuses_bad_ones(self, api: Any, owner: Any) -> None:
        schema = api.get(f"{URL}definition-schema/").json()
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)

        assert list(validator.iter_errors(make_workflow(owner).version.definition)) == []
        assert list(validator.iter_errors({"name": "x", "steps": [{"name": "a", "type": "loop", "config": {}}]}))

    @pytest.mark.parametrize("address", [URL, "/api/v1/executions/"])
    def test_a_list_costs_the_same_with_more_rows(self, api: Any, owner: Any, address: str) -> None:
        def cost(count: int) -> int:
            for number in range(count):
                start_execution(make_workflow(owner, SOURCE.replace("Tell me", f"Tell {number}")), by=owner)
            with CaptureQueriesContext(connection) as queries:
                assert api.get(address).status_code == 200
            return len(queries)

        api.get(address)  # the token notes its first use of the day

        assert cost(3) == cost(10)


class TestExecutions:
    def test_started_read_and_followed(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        started = api.post(f"{URL}{workflow.pk}/executions/", {"inputs": {"text": "hi"}}, format="json")
        number = started.json()["id"]
        runner().advance(number)
        read = api.get(started["Location"]).json()

        assert started.status_code == 201 and started.json()["is_reused"] is False
        assert (read["status"], read["workflow"], read["version"], read["inputs"]) == (
            "completed",
            workflow.pk,
            1,
            {"text": "hi"},
        )
        assert read["results"]["tell"]["status"] == "completed"
        assert {"current_step", "error_message", "started_at", "completed_at"} <= set(read)
        assert [s["path"] for s in api.get(f"{started['Location']}steps/").json()["results"]] == ["tell"]
        events = api.get(f"{started['Location']}events/").json()["results"]
        assert [e["type"] for e in events][:2] == ["workflow.execution.requested", "workflow.execution.started"]
        assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))

    def test_bad_inputs_are_422_by_path(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        answer = api.post(f"{URL}{workflow.pk}/executions/", {"inputs": {"text": 5}}, format="json")

        assert answer.status_code == 422 and list(answer.json()["errors"]) == ["inputs.text"]
        assert Execution.objects.count() == 0

    def test_the_same_idempotency_key_starts_one(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        address, key = f"{URL}{workflow.pk}/executions/", {"HTTP_IDEMPOTENCY_KEY": "abc"}
        first = api.post(address, {}, format="json", **key)
        again = api.post(address, {}, format="json", **key)

        assert first.json()["id"] == again.json()["id"] and Execution.objects.count() == 1

    def test_a_server_lost_before_it_kept_its_answer_leaves_neither_execution_nor_key(
        self, api: Any, owner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workflow = make_workflow(owner)
        address, key = f"{URL}{workflow.pk}/executions/", {"HTTP_IDEMPOTENCY_KEY": "abc"}

        save = IdempotentRequest.save

        def lost_when_it_has_the_answer(row: IdempotentRequest, **fields: Any) -> None:
            if "update_fields" in fields:
                raise SystemExit
            save(row, **fields)

        with monkeypatch.context() as patch:
            patch.setattr(IdempotentRequest, "save", lost_when_it_has_the_answer)
            with pytest.raises(SystemExit):
                api.post(address, {}, format="json", **key)
        assert not Execution.objects.exists() and not IdempotentRequest.objects.exists()
        assert api.post(address, {}, format="json", **key).status_code == 201

    def test_a_sync_under_way_is_given_back_with_a_clear_message(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner, shipped_key="p/sync-p", connection_id=9)
        address = f"{URL}{workflow.pk}/executions/"
        first = api.post(address, {}, format="json")
        second = api.post(address, {}, format="json")

        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json()["id"] == first.json()["id"] and second.json()["is_reused"] is True
        assert "under way already" in second.json()["message"]

    def test_cancel(self, api: Any, owner: Any) -> None:
        execution = start_execution(make_workflow(owner), by=owner)
        answer = api.post(f"/api/v1/executions/{execution.pk}/cancel/")

        assert answer.status_code == 200 and answer.json()["status"] == "cancelled"
        assert api.post(f"/api/v1/executions/{execution.pk}/cancel/").status_code == 200

    def test_cancel_after_the_end_is_409(self, api: Any, owner: Any) -> None:
        execution = start_execution(make_workflow(owner), by=owner)
        runner().advance(execution.pk)
        answer = api.post(f"/api/v1/executions/{execution.pk}/cancel/")

        assert answer.status_code == 409 and answer.json()["code"] == "execution_finished"

    def test_results_of_a_loop_come_in_order(self, api: Any, owner: Any) -> None:
        inner = {"name": "note", "type": "system_action", "config": {"action": "update_variable"}}
        inner["config"]["params"] = {"name": "n", "value": "{{ item }}"}
        steps = [{"name": "each", "type": "loop", "config": {"items": [3, 1, 2], "steps": [inner]}}]
        made = api.post(URL, {"definition": {"name": "Loop", "steps": steps}}, format="json").json()
        number = api.post(f"{URL}{made['id']}/executions/", {}, format="json").json()["id"]
        runner().advance(number)

        result = api.get(f"/api/v1/executions/{number}/").json()["results"]["each"]["result"]
        assert [item["note"]["value"] for item in result] == [3, 1, 2]
