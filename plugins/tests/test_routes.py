"""Endpoints of a manifest as routes of the API: what is checked on the way in and on the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins import calls, running, tasks
from plugins.models import ActionCall
from plugins.tests.factories import ConnectionFactory
from plugins.tests.test_manifest_fields import EVERYTHING

BASE = "/api/v1/plugins/paper-box"
ROUTES = """\
    - {name: get_newest, method: GET, path: /papers/newest, responses: {200: {description: x}}}
    - name: get_paper
      method: GET
      path: /papers/{paper_id}
      parameters:
        - {name: paper_id, in: path, type: string}
        - {name: page, in: query, type: integer, minimum: 1}
        - {name: since, in: query, type: string, format: date-time}
        - {name: scale, in: query, type: number}
        - {name: full, in: query, type: boolean}
    - name: drop_paper
      method: DELETE
      path: /papers/{paper_id}
      parameters: [{name: paper_id, in: path, type: string}]
    - name: mend_paper
      method: PATCH
      path: /papers/{paper_id}
      parameters: [{name: paper_id, in: path, type: string}]
    - {name: add_paper, method: POST, path: /papers, parameters: [{name: name, in: body, type: string, required: true}]}
"""


@pytest.fixture
def answers(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The paper box lies in a folder of the operator; its program answers what stands here, else its parameters."""
    folder = tmp_path / "plugins" / "paper-box"
    folder.mkdir(parents=True)
    (folder / "plugin-manifest.yaml").write_text(EVERYTHING.replace("  webhooks:\n", f"{ROUTES}\n  webhooks:\n", 1))
    (folder / "plugin.py").write_text("")
    settings.PLUGINS = {**settings.PLUGINS, "DIRECTORIES": [tmp_path / "plugins"], "PAGE_WAIT_S": 5}
    given: dict[str, Any] = {}

    def converse(plugin: Any, connection: Any, call: ActionCall, *args: Any, **kwargs: Any) -> Any:
        return {"data": given.get(call.action, {"action": call.action, **call.params})}

    monkeypatch.setattr(running, "_converse", converse)
    # The worker is at hand: it takes up a call as soon as that is asked for.
    monkeypatch.setattr(tasks.run_action_call, "delay_on_commit", calls.run_row)
    return given


@pytest.fixture
def box(owner: Any) -> Any:
    return ConnectionFactory(owner=owner, plugin="paper-box", configuration={"box_domain": "box.example.com"})


@pytest.mark.django_db
@pytest.mark.usefixtures("answers", "box")
class TestTheWayIn:
    def test_texts_become_the_types_of_the_manifest(self, api: Any) -> None:
        answer = api.get(f"{BASE}/papers/7?page=9007199254740993&scale=0.5&full=true&since=2026-01-01T00:00:00Z")

        assert answer.json() == {
            "action": "get_paper",
            "paper_id": "7",
            "page": 9007199254740993,
            "scale": 0.5,
            "full": True,
            "since": "2026-01-01T00:00:00Z",
        }

    def test_what_is_written_out_goes_before_what_is_filled_in(self, api: Any) -> None:
        assert api.get(f"{BASE}/papers/newest").json() == {"action": "get_newest"}
        assert api.get(f"{BASE}/papers/newer").json()["action"] == "get_paper"

    @pytest.mark.parametrize(
        ("query", "field", "words"),
        [
            ("page=0", "page", "less than the minimum"),
            ("page=1_0", "page", "is not a whole number"),
            ("page=nan", "page", "is not a whole number"),
            ("scale=inf", "scale", "is not a number"),
            ("full=perhaps", "full", "is not true or false"),
            ("since=yesterday", "since", "Write a moment with its zone"),
            ("pages=1", "pages", 'did you mean "page"?'),
            ("paper_id=8", "paper_id", "takes this in the path"),
        ],
    )
    def test_what_does_not_fit_is_told_at_its_parameter(self, api: Any, query: str, field: str, words: str) -> None:
        answer = api.get(f"{BASE}/papers/7?{query}")

        assert answer.status_code == 422 and answer["Content-Type"].startswith("application/problem+json")
        assert words in " ".join(answer.json()["errors"][field])

    def test_everything_that_is_wrong_is_told_at_once(self, api: Any) -> None:
        errors = api.get(f"{BASE}/papers/7?page=0&colour=1&paper_id=8").json()["errors"]

        assert set(errors) == {"page", "colour", "paper_id"}
        assert errors["colour"] == ["get_paper has no such parameter."]

    def test_a_body_is_checked_as_a_query_is(self, api: Any) -> None:
        good = api.post(f"{BASE}/papers", {"name": "Essay"}, format="json")
        assert (good.status_code, good.json()) == (200, {"action": "add_paper", "name": "Essay"})

        for path, body, field in (
            ("/papers", {}, "name"),
            ("/papers", {"name": 7}, "name"),
            ("/papers", {"name": "x", "nam": 1}, "nam"),
            ("/papers?name=x", {"name": "x"}, "name"),
        ):
            answer = api.post(f"{BASE}{path}", body, format="json")
            assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
        assert api.post(f"{BASE}/papers", ["x"], format="json").status_code == 422

    @pytest.mark.parametrize(("method", "action"), [("delete", "drop_paper"), ("patch", "mend_paper")])
    def test_every_method_reaches_its_endpoint(self, api: Any, method: str, action: str) -> None:
        answer = getattr(api, method)(f"{BASE}/papers/7")

        assert answer.json() == {"action": action, "paper_id": "7"}
        assert ActionCall.objects.get(pk=answer["Core-Engine-Action"]).action == action

    def test_a_write_that_needs_a_yes_gets_none_without_it(self, api: Any) -> None:
        asked = api.put(f"{BASE}/papers/7", {"name": "Essay"}, format="json")
        assert (asked.status_code, asked.json()["code"]) == (409, "confirmation_needed")
        assert "Write Essay into your box" in asked.json()["detail"]

        done = api.put(f"{BASE}/papers/7", {"name": "Essay", "confirmation": "approved"}, format="json")
        assert done.status_code == 502 and "lacks id" in done.json()["detail"]

    def test_a_switched_off_plugin_says_so(self, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from plugins import registry
        from plugins.installing.shelf import Shelf

        monkeypatch.setattr(registry, "read_shelf", lambda: Shelf({}, frozenset({"paper-box"})))

        answer = api.get(f"{BASE}/papers")

        assert (answer.status_code, answer.json()["code"]) == (409, "plugin_disabled")


@pytest.mark.django_db
class TestTheWayOut:
    def test_the_answer_has_the_status_that_the_manifest_says(self, api: Any, answers: Any, box: Any) -> None:
        answers["write_paper"] = {"id": "7", "parent": {"id": "6", "parent": {"id": "5"}}}

        answer = api.put(f"{BASE}/papers/7", {"name": "x", "confirmation": "approved"}, format="json")

        assert (answer.status_code, answer.json()["id"]) == (201, "7")

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({"id": 7}, "id 7 is not text"),
            ({"id": "7", "parent": {"id": "6", "parent": {}}}, "parent.parent lacks id"),
            ([], "[] is not an object"),
        ],
    )
    def test_an_answer_that_does_not_fit_is_not_passed_on(
        self, api: Any, answers: Any, box: Any, data: Any, words: str
    ) -> None:
        answers["write_paper"] = data

        answer = api.put(f"{BASE}/papers/7", {"name": "x", "confirmation": "approved"}, format="json")

        assert (answer.status_code, answer.json()["code"]) == (502, "answer_does_not_fit")
        assert words in answer.json()["detail"]

    def test_definitions_are_components_that_nothing_else_is_called_like(self, api: Any, answers: Any) -> None:
        document = api.get("/api/v1/schema/?format=json").json()
        operation = document["paths"][f"{BASE}/papers/{{paper_id}}"]["put"]

        assert operation["responses"]["201"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/PaperBox_Paper"
        }
        paper = document["components"]["schemas"]["PaperBox_Paper"]
        assert paper["properties"]["parent"] == {"$ref": "#/components/schemas/PaperBox_Paper"}
        assert set(document["paths"][f"{BASE}/papers/{{paper_id}}"]) == {"get", "put", "patch", "delete"}
