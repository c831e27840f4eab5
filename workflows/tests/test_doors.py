"""Pages and API are doors to the same services: the same act through either has the same outcome."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from workflows.models import Execution, Workflow
from workflows.rules import faults_of_source
from workflows.running import runner
from workflows.services import delete_workflow, start_execution
from workflows.tests.factories import SOURCE, make_workflow

pytestmark = pytest.mark.django_db

CHANGED = SOURCE.replace("Tell me", "Tell them")
FAULTY = SOURCE.replace("inputs.text", "inputs.txt")


class PageDoor:
    """The student in a browser."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def create(self, source: str) -> int:
        return self.browser.post("/workflows/new/", {"source": source}).status_code

    def save(self, workflow: Workflow, source: str) -> int:
        return self.browser.post(f"/workflows/{workflow.pk}/edit/", {"source": source}).status_code

    def activate(self, workflow: Workflow, is_active: bool) -> int:
        value = "true" if is_active else "false"
        return self.browser.post(f"/workflows/{workflow.pk}/active/", {"is_active": value}).status_code

    def delete(self, workflow: Workflow) -> int:
        return self.browser.post(f"/workflows/{workflow.pk}/delete/").status_code

    def restore(self, workflow: Workflow) -> int:
        return self.browser.post(f"/workflows/{workflow.pk}/restore/").status_code

    def start(self, workflow: Workflow, text: str) -> int:
        return self.browser.post(f"/workflows/{workflow.pk}/start/", {"text": text}).status_code

    def cancel(self, execution: Execution) -> int:
        return self.browser.post(f"/executions/{execution.pk}/cancel/").status_code


class ApiDoor:
    """A program of the student."""

    def __init__(self, program: Any) -> None:
        self.program = program

    def create(self, source: str) -> int:
        return self.program.post("/api/v1/workflows/", {"source": source}, format="json").status_code

    def save(self, workflow: Workflow, source: str) -> int:
        return self.program.patch(f"/api/v1/workflows/{workflow.pk}/", {"source": source}, format="json").status_code

    def activate(self, workflow: Workflow, is_active: bool) -> int:
        body = {"is_active": is_active}
        return self.program.patch(f"/api/v1/workflows/{workflow.pk}/", body, format="json").status_code

    def delete(self, workflow: Workflow) -> int:
        return self.program.delete(f"/api/v1/workflows/{workflow.pk}/").status_code

    def restore(self, workflow: Workflow) -> int:
        return self.program.post(f"/api/v1/workflows/{workflow.pk}/restore/").status_code

    def start(self, workflow: Workflow, text: str) -> int:
        body = {"inputs": {"text": text}}
        return self.program.post(f"/api/v1/workflows/{workflow.pk}/executions/", body, format="json").status_code

    def cancel(self, execution: Execution) -> int:
        return self.program.post(f"/api/v1/executions/{execution.pk}/cancel/").status_code


@pytest.fixture(params=["page", "api"])
def door(request: Any) -> Any:
    """One of the two doors, opened by the owner."""
    client = request.getfixturevalue(request.param)
    return PageDoor(client) if request.param == "page" else ApiDoor(client)


def is_fine(code: int) -> bool:
    return code in (200, 201, 204, 302)


class TestBothDoors:
    def test_create(self, door: Any, owner: Any) -> None:
        assert is_fine(door.create(SOURCE))
        assert Workflow.objects.visible_to(owner).get().version.source == SOURCE

    def test_a_faulty_definition_is_422_and_saves_nothing(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)

        assert door.create(FAULTY) == door.save(workflow, FAULTY) == 422
        assert Workflow.objects.count() == 1 and workflow.versions.count() == 1

    def test_save(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)

        assert is_fine(door.save(workflow, CHANGED))
        workflow.refresh_from_db()
        assert (workflow.name, workflow.version.number, workflow.version.created_by) == ("Tell them", 2, owner)

    def test_pause_and_let_go_on(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        for is_active in (False, True):
            assert is_fine(door.activate(workflow, is_active))
            workflow.refresh_from_db()
            assert workflow.is_active is is_active

    def test_delete_and_restore(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)

        assert is_fine(door.delete(workflow))
        assert not Workflow.objects.visible_to(owner).exists()
        assert is_fine(door.restore(workflow))
        assert Workflow.objects.visible_to(owner).exists()

    def test_start(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)

        assert is_fine(door.start(workflow, "hi"))
        execution = Execution.objects.get()
        assert (execution.inputs, execution.actor, execution.status) == ({"text": "hi"}, owner, "pending")

    def test_a_shipped_one_under_way_is_not_started_twice(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner, shipped_key="p/sync-p", connection_id=3)

        assert is_fine(door.start(workflow, "hi")) and is_fine(door.start(workflow, "hi"))
        assert Execution.objects.count() == 1

    def test_cancel_and_cancel_too_late(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner)
        open_one, over = start_execution(workflow, by=owner), start_execution(workflow, by=owner)
        runner().advance(over.pk)

        assert is_fine(door.cancel(open_one))
        assert door.cancel(over) == 409
        open_one.refresh_from_db()
        assert open_one.status == "cancelled"

    @pytest.mark.parametrize(
        "act",
        [
            lambda door, mine: door.save(mine, CHANGED),
            lambda door, mine: door.activate(mine, False),
            lambda door, mine: door.delete(mine),
            lambda door, mine: door.restore(mine),
            lambda door, mine: door.start(mine, "hi"),
            lambda door, mine: door.cancel(mine.executions.get()),
        ],
        ids=["save", "activate", "delete", "restore", "start", "cancel"],
    )
    def test_what_belongs_to_another_student_is_404(
        self, door: Any, stranger: Any, act: Callable[[Any, Workflow], int]
    ) -> None:
        workflow = make_workflow(stranger)
        start_execution(workflow, by=stranger)

        assert act(door, workflow) == 404

    def test_a_removed_one_is_404(self, door: Any, owner: Any) -> None:
        workflow = delete_workflow(make_workflow(owner), by=owner)

        assert door.start(workflow, "hi") == door.save(workflow, CHANGED) == 404


A_STEP = "steps: [{name: x, type: wait, config: {duration: 1}}]"


def completed(example: str) -> str:
    """A whole workflow around an example that shows only steps, or only what starts it."""
    if example.startswith("name:"):
        return example
    steps = f"steps:\n{indent(example, '  ')}" if example.startswith("- ") else f"{example}\n{A_STEP}"
    return f"name: x\ninputs: {{additionalProperties: true}}\n{steps}"


def test_the_examples_of_the_guide_are_without_faults() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "workflows.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)

    assert examples
    for example in examples:
        assert faults_of_source(completed(example)) == [], example
