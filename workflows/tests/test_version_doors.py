"""Pages and API about drafts and versions do the same, and answer the same to what is not possible."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.models import Workflow, WorkflowVersion
from workflows.services import start_execution
from workflows.tests.factories import SOURCE, make_workflow
from workflows.versions import create_draft_workflow, draft_of, save_draft, save_version

pytestmark = pytest.mark.django_db

CHANGED = SOURCE.replace("Tell me", "Tell them")
FAULTY = SOURCE.replace("inputs.text", "inputs.txt")


class PageDoor:
    """The student in a browser."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def create_draft(self, source: str) -> Any:
        return self.browser.post("/workflows/new/", {"source": source, "action": "draft"})

    def save_draft(self, workflow: Workflow, source: str, revision: int) -> Any:
        body = {"source": source, "action": "draft", "revision": revision}
        return self.browser.post(f"/workflows/{workflow.pk}/edit/", body)

    def publish(self, workflow: Workflow, message: str = "") -> Any:
        body = {"source": draft_of(workflow).source, "action": "publish", "message": message}
        return self.browser.post(f"/workflows/{workflow.pk}/edit/", body)

    def discard(self, workflow: Workflow, revision: int) -> Any:
        return self.browser.post(f"/workflows/{workflow.pk}/draft/discard/", {"revision": revision})

    def restore(self, workflow: Workflow, number: int, revision: int) -> Any:
        return self.browser.post(f"/workflows/{workflow.pk}/versions/{number}/restore/", {"revision": revision})

    def diff(self, workflow: Workflow, query: str = "") -> Any:
        return self.browser.get(f"/workflows/{workflow.pk}/diff/{query}")

    def versions(self, workflow: Workflow) -> Any:
        return self.browser.get(f"/workflows/{workflow.pk}/versions/")


class ApiDoor:
    """A program of the student."""

    def __init__(self, program: Any) -> None:
        self.program = program

    def create_draft(self, source: str) -> Any:
        return self.program.post("/api/v1/workflows/", {"source": source, "is_draft": True}, format="json")

    def save_draft(self, workflow: Workflow, source: str, revision: int) -> Any:
        body = {"source": source, "revision": revision}
        return self.program.patch(f"/api/v1/workflows/{workflow.pk}/draft/", body, format="json")

    def publish(self, workflow: Workflow, message: str = "") -> Any:
        return self.program.post(f"/api/v1/workflows/{workflow.pk}/publish/", {"message": message}, format="json")

    def discard(self, workflow: Workflow, revision: int) -> Any:
        return self.program.delete(f"/api/v1/workflows/{workflow.pk}/draft/?revision={revision}")

    def restore(self, workflow: Workflow, number: int, revision: int) -> Any:
        url = f"/api/v1/workflows/{workflow.pk}/versions/{number}/restore/"
        return self.program.post(url, {"revision": revision}, format="json")

    def diff(self, workflow: Workflow, query: str = "") -> Any:
        return self.program.get(f"/api/v1/workflows/{workflow.pk}/diff/{query}")

    def versions(self, workflow: Workflow) -> Any:
        return self.program.get(f"/api/v1/workflows/{workflow.pk}/versions/")


@pytest.fixture(params=["page", "api"])
def door(request: Any) -> Any:
    """One of the two doors, opened by the owner."""
    client = request.getfixturevalue(request.param)
    return PageDoor(client) if request.param == "page" else ApiDoor(client)


def is_fine(answer: Any) -> bool:
    return answer.status_code in (200, 201, 204, 302)


class TestBothDoors:
    def test_a_faulty_draft_of_a_new_workflow_is_kept(self, door: Any, owner: Any) -> None:
        assert is_fine(door.create_draft(FAULTY))
        workflow = Workflow.objects.visible_to(owner).get()
        assert (workflow.version, draft_of(workflow).source, draft_of(workflow).saved_by) == (None, FAULTY, owner)

    def test_save_publish_and_what_the_list_says(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        start_execution(workflow, by=owner)

        assert is_fine(door.save_draft(workflow, CHANGED, workflow.revision))
        assert is_fine(door.publish(workflow, "For everyone"))
        workflow.refresh_from_db()
        assert (workflow.version.number, workflow.version.message) == (2, "For everyone")
        counts = workflow.versions.with_execution_count().values_list("number", "execution_count")
        assert dict(counts) == {1: 1, 2: 0}
        assert "For everyone" in door.versions(workflow).content.decode()

    def test_the_second_window_is_409_and_changes_nothing(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)

        assert door.save_draft(workflow, FAULTY, workflow.revision).status_code == 409
        assert draft_of(workflow).source == CHANGED

    def test_publishing_a_faulty_draft_is_422_with_its_line(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=FAULTY)
        answer = door.publish(workflow)

        assert answer.status_code == 422 and b"txt" in answer.content
        assert WorkflowVersion.objects.count() == 1 and draft_of(workflow).source == FAULTY

    def test_discard(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        revision = save_draft(workflow, by=owner, source=CHANGED).workflow.revision

        assert door.discard(workflow, revision - 1).status_code == 409
        assert is_fine(door.discard(workflow, revision))
        assert draft_of(workflow) is None

    def test_restore(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_version(workflow, by=owner, source=CHANGED)
        workflow.refresh_from_db()

        assert door.restore(workflow, 1, 77).status_code == 409
        assert door.restore(workflow, 7, workflow.revision).status_code == 404
        assert is_fine(door.restore(workflow, 1, workflow.revision))
        assert is_fine(door.publish(workflow))
        workflow.refresh_from_db()
        assert (workflow.version.number, workflow.version.restores) == (3, 1)

    def test_diff(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_version(workflow, by=owner, source=CHANGED)

        answer = door.diff(workflow, "?from=1&to=2").content.decode()
        assert "Tell me" in answer and "Tell them" in answer
        assert is_fine(door.diff(workflow))
        for query in ("?to=9", "?from=draft", "?from=1&to=%C2%B2"):
            assert door.diff(workflow, query).status_code == 404

    def test_what_belongs_to_another_student_is_404(self, door: Any, stranger: Any) -> None:
        workflow = make_workflow(stranger)
        revision = save_draft(workflow, by=stranger, source=CHANGED).workflow.revision

        answers = [
            door.save_draft(workflow, FAULTY, revision),
            door.publish(workflow),
            door.discard(workflow, revision),
            door.restore(workflow, 1, revision),
            door.diff(workflow),
            door.versions(workflow),
        ]
        assert [answer.status_code for answer in answers] == [404] * 6


class TestPages:
    def test_a_lost_race_shows_both_texts_and_a_second_press_decides(self, page: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)
        mine = SOURCE.replace("Tell me", "Tell us")
        url = f"/workflows/{workflow.pk}/edit/"
        answer = page.post(url, {"source": mine, "action": "draft", "revision": workflow.revision})

        words = answer.content.decode()
        assert "saved elsewhere while you wrote" in words and "them" in words and mine.splitlines()[0] in words
        page.post(url, {"source": mine, "action": "draft", "revision": answer.context["revision"]})
        assert draft_of(workflow).source == mine

    def test_a_workflow_that_is_only_a_draft_opens_in_the_editor(self, page: Any, owner: Any) -> None:
        workflow = create_draft_workflow(owner, by=owner, source=FAULTY)

        assert page.get(f"/workflows/{workflow.pk}/").headers["Location"] == f"/workflows/{workflow.pk}/edit/"
        editor = page.get(f"/workflows/{workflow.pk}/edit/").content.decode()
        assert "only a draft" in editor and "inputs.txt" in editor
        for url in ("/workflows/", f"/workflows/{workflow.pk}/versions/"):
            assert page.get(url).status_code == 200
        page.post(f"/workflows/{workflow.pk}/start/")
        assert workflow.executions.count() == 0
        page.post(f"/workflows/{workflow.pk}/draft/discard/")
        assert not Workflow.objects.visible_to(owner).exists()

    def test_the_editor_shows_the_draft_and_warns_when_another_version_came(self, page: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_draft(workflow, by=owner, source=CHANGED)
        save_version(workflow, by=owner, source=SOURCE.replace("Tell me", "Tell us"))

        words = page.get(f"/workflows/{workflow.pk}/edit/").content.decode()
        assert "Tell them" in words and "was published after it was begun" in words


class TestApi:
    def test_a_draft_is_told_with_its_faults(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        assert api.get(f"/api/v1/workflows/{workflow.pk}/draft/").status_code == 404
        save_draft(workflow, by=owner, source=FAULTY)
        told = api.get(f"/api/v1/workflows/{workflow.pk}/draft/").json()

        assert (told["is_valid"], told["base"], told["faults"][0]["line"]) == (False, 1, 11)
        assert api.get(f"/api/v1/workflows/{workflow.pk}/").json()["has_draft"] is True

    def test_a_draft_may_be_any_json(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        url = f"/api/v1/workflows/{workflow.pk}/draft/"
        for definition in ({}, [], 3, "x", {"steps": [{"name": "é"}]}):
            revision = api.get(f"/api/v1/workflows/{workflow.pk}/").json()["revision"]
            answer = api.patch(url, {"definition": definition, "revision": revision}, format="json")
            assert answer.status_code == 200 and answer.json()["is_valid"] is False

    def test_one_version_by_its_number(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        url = f"/api/v1/workflows/{workflow.pk}/versions/"

        assert api.get(f"{url}1/").json()["execution_count"] == 0
        assert api.get(f"{url}2/").status_code == 404

    def test_a_difference_names_steps_and_paths(self, api: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        save_version(workflow, by=owner, source=SOURCE.replace("name: tell", "name: say"))
        told = api.get(f"/api/v1/workflows/{workflow.pk}/diff/").json()

        assert (told["old"]["number"], told["new"]["number"], told["is_same"]) == (1, 2, False)
        assert [(c["kind"], c["old_name"], c["name"]) for c in told["changes"]] == [("renamed", "tell", "say")]
        assert "+  - name: say" in told["lines"]

    def test_a_draft_only_workflow_starts_409(self, api: Any, owner: Any) -> None:
        workflow = create_draft_workflow(owner, by=owner, source=SOURCE)
        answer = api.post(f"/api/v1/workflows/{workflow.pk}/executions/", {}, format="json")

        assert (answer.status_code, answer.json()["code"]) == (409, "not_published")
        assert api.get("/api/v1/workflows/").json()["results"][0]["version"] is None
