"""What admins see of workflows."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.models import Execution, StepExecution
from workflows.running import runner
from workflows.services import start_execution
from workflows.tests.factories import make_workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Any, staff: Any) -> Any:
    """A browser in which an admin is signed in."""
    client.force_login(staff)
    return client


@pytest.fixture
def execution(owner: Any) -> Execution:
    """One that is over."""
    execution = start_execution(make_workflow(owner), by=owner)
    runner().advance(execution.pk)
    return execution


@pytest.mark.parametrize("model", ["workflow", "workflowversion", "execution", "stepexecution"])
def test_lists_and_objects_open_and_are_read_only(desk: Any, execution: Execution, model: str) -> None:
    pks = {
        "workflow": execution.workflow_id,
        "workflowversion": execution.version_id,
        "execution": execution.pk,
        "stepexecution": StepExecution.objects.get().pk,
    }
    one = f"/admin/workflows/{model}/{pks[model]}/change/"

    assert desk.get(f"/admin/workflows/{model}/?q=tell").status_code == 200
    assert desk.get(one).status_code == 200
    assert desk.post(one, {"status": "pending"}).status_code == 403


@pytest.mark.parametrize("attention", ["lost", "retry", "ready"])
def test_steps_that_need_attention_can_be_picked_out(desk: Any, execution: Execution, attention: str) -> None:
    assert desk.get(f"/admin/workflows/stepexecution/?attention={attention}").status_code == 200


def test_the_page_of_workers_tells_parts_queues_and_open_work(desk: Any, owner: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("workflows.workers._workers", list)
    start_execution(make_workflow(owner), by=owner)

    page = desk.get("/admin/workflows/execution/workers/").content.decode()

    assert "No worker answered" in page and "executions pending" in page and "plugins" in page


def test_a_student_does_not_see_it(client: Any, owner: Any) -> None:
    client.force_login(owner)

    assert client.get("/admin/workflows/execution/workers/").status_code == 302
