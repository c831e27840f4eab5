"""Retrying and re-running through pages and API: the same act has the same outcome."""

from __future__ import annotations

from typing import Any

import pytest

from coreengine.kernel.models import Event, Notification
from workflows.models import Execution
from workflows.running import runner
from workflows.services import cancel_execution, delete_workflow, start_execution
from workflows.tests.factories import make_workflow
from workflows.versions import save_version

pytestmark = pytest.mark.django_db

SOURCE = """\
name: Two steps
inputs: {properties: {to: {type: string, default: nobody@example.com}}}
steps:
  - name: tell
    type: system_action
    config: {action: create_notification, params: {title: "Hello"}}
  - name: mail
    type: system_action
    depends_on: [tell]
    config: {action: send_email, params: {to: "{{ inputs.to }}", subject: Hi, body: There}}
"""
MENDED = SOURCE.replace('"{{ inputs.to }}"', "owner@example.edu")


class PageDoor:
    """The student in a browser."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def retry(self, execution: Execution, **body: Any) -> Any:
        return self.browser.post(f"/executions/{execution.pk}/retry/", body)

    def rerun(self, execution: Execution, **body: Any) -> Any:
        return self.browser.post(f"/executions/{execution.pk}/rerun/", body)


class ApiDoor:
    """A program of the student."""

    def __init__(self, program: Any) -> None:
        self.program = program

    def retry(self, execution: Execution, **body: Any) -> Any:
        return self.program.post(f"/api/v1/executions/{execution.pk}/retry/", body, format="json")

    def rerun(self, execution: Execution, **body: Any) -> Any:
        return self.program.post(f"/api/v1/executions/{execution.pk}/rerun/", body, format="json")


@pytest.fixture(params=["page", "api"])
def door(request: Any) -> Any:
    """One of the two doors, opened by the owner."""
    client = request.getfixturevalue(request.param)
    return PageDoor(client) if request.param == "page" else ApiDoor(client)


@pytest.fixture
def failed(owner: Any) -> Execution:
    """An execution whose second step failed."""
    execution = start_execution(make_workflow(owner, SOURCE), by=owner)
    runner().advance(execution.pk)
    execution.refresh_from_db()
    assert execution.status == "failed"
    return execution


def statuses(execution: Execution) -> dict[str, tuple[str, bool]]:
    return {s.path: (s.status, s.is_reused) for s in execution.steps.all()}


class TestBothDoors:
    def test_retry_with_the_mended_version(self, door: Any, failed: Execution, owner: Any) -> None:
        save_version(failed.workflow, by=owner, source=MENDED)
        answer = door.retry(failed, version="current")

        assert answer.status_code in (201, 302)
        again = Execution.objects.exclude(pk=failed.pk).get()
        assert (again.rerun_of, again.rerun_from, again.version.number) == (failed, "", 2)
        assert answer.headers["Location"].endswith(f"/executions/{again.pk}/")
        runner().advance(again.pk)
        again.refresh_from_db()
        assert again.status == "completed"
        assert statuses(again) == {"tell": ("completed", True), "mail": ("completed", False)}
        assert Notification.objects.filter(title="Hello").count() == 1

    def test_retry_keeps_the_version_it_ran_with(self, door: Any, failed: Execution, owner: Any) -> None:
        save_version(failed.workflow, by=owner, source=MENDED)
        door.retry(failed)
        again = Execution.objects.exclude(pk=failed.pk).get()
        runner().advance(again.pk)

        again.refresh_from_db()
        assert (again.version, again.status) == (failed.version, "failed")

    def test_run_again_from_a_step(self, door: Any, failed: Execution) -> None:
        assert door.rerun(failed, **{"from": "tell"}).status_code in (201, 302)
        again = Execution.objects.exclude(pk=failed.pk).get()
        runner().advance(again.pk)

        assert again.rerun_from == "tell"
        assert Notification.objects.filter(title="Hello").count() == 2

    def test_a_step_that_is_not_there_is_422(self, door: Any, failed: Execution) -> None:
        assert door.rerun(failed, **{"from": "nonsense"}).status_code == 422
        assert Execution.objects.count() == 1

    def test_what_is_under_way_or_finished_well_is_409(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner, MENDED)
        under_way = start_execution(workflow, by=owner)
        assert door.retry(under_way).status_code == 409
        runner().advance(under_way.pk)
        assert door.retry(under_way).status_code == 409
        assert Execution.objects.count() == 1

    def test_a_cancelled_one_can_be_retried(self, door: Any, owner: Any) -> None:
        execution = start_execution(make_workflow(owner, MENDED), by=owner)
        cancel_execution(execution, by=owner)

        assert door.retry(execution).status_code in (201, 302)

    def test_a_shipped_one_waits_for_the_one_under_way(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner, SOURCE, shipped_key="p/sync-p", connection_id=3)
        first = start_execution(workflow, by=owner)
        runner().advance(first.pk)
        start_execution(workflow, by=owner)

        assert door.retry(first).status_code == 409
        assert Execution.objects.count() == 2

    def test_a_removed_workflow_repeats_nothing(self, door: Any, failed: Execution, owner: Any) -> None:
        delete_workflow(failed.workflow, by=owner)

        assert door.retry(failed).status_code == 409

    def test_what_belongs_to_another_student_is_404(self, door: Any, stranger: Any) -> None:
        execution = start_execution(make_workflow(stranger, SOURCE), by=stranger)
        runner().advance(execution.pk)

        assert door.retry(execution).status_code == door.rerun(execution, **{"from": "tell"}).status_code == 404


class TestAround:
    def test_it_is_on_record_what_was_repeated(self, failed: Execution, api: Any) -> None:
        number = ApiDoor(api).rerun(failed, **{"from": "mail"}).json()["id"]
        asked = Event.objects.get(type="workflow.execution.requested", subject_id=str(number))

        assert (asked.data["rerun_of"], asked.data["rerun_from"]) == (failed.pk, "mail")
        told = api.get(f"/api/v1/executions/{number}/").json()
        assert (told["rerun_of"], told["rerun_from"]) == (failed.pk, "mail")

    def test_the_same_key_repeats_once(self, failed: Execution, api: Any) -> None:
        url = f"/api/v1/executions/{failed.pk}/retry/"
        answers = [api.post(url, {}, format="json", headers={"Idempotency-Key": "k"}) for _ in range(2)]

        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert Execution.objects.count() == 2

    def test_the_pages_offer_it_and_say_what_repeats_what(self, failed: Execution, page: Any, owner: Any) -> None:
        save_version(failed.workflow, by=owner, source=MENDED)
        words = page.get(f"/executions/{failed.pk}/").content.decode()
        assert "Retry with version 2" in words and 'name="from" value="mail"' in words
        page.post(f"/executions/{failed.pk}/retry/")
        again = Execution.objects.exclude(pk=failed.pk).get()
        runner().advance(again.pk)

        assert "Retry of <a" in page.get(f"/executions/{again.pk}/").content.decode()
        assert "Repeated by" in page.get(f"/executions/{failed.pk}/").content.decode()
        assert "taken over" in page.get(f"/executions/{again.pk}/").content.decode()
        assert page.get(f"/executions/{again.pk}/log/").status_code == 200
