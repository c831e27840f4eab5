"""Workflows are made, changed, started and removed by these services."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from coreengine.kernel.models import Event, Notification
from workflows.errors import ExecutionFinished, KeyReused, WorkflowRemoved
from workflows.models import Execution, Workflow
from workflows.running import runner
from workflows.services import (
    cancel_execution,
    delete_workflow,
    restore_workflow,
    start_execution,
)
from workflows.tests.factories import SOURCE, make_workflow
from workflows.versions import create_workflow, save_version

pytestmark = pytest.mark.django_db

SCHEDULED = SOURCE + 'triggers:\n  - {type: schedule, cron: "0 7 * * *", time_zone: Europe/Berlin}\n'


class TestSaving:
    def test_a_new_workflow_has_version_1_and_is_on_record(self, owner: Any) -> None:
        workflow = make_workflow(owner)

        assert (workflow.name, workflow.version.number, workflow.is_active) == ("Tell me", 1, True)
        assert workflow.version.definition["steps"][0]["name"] == "tell"
        assert set(Event.objects.of(workflow).values_list("type", flat=True)) == {
            "workflow.created",
            "workflow.version_saved",
        }

    def test_every_fault_is_told_with_its_path_and_line(self, owner: Any) -> None:
        faulty = SOURCE.replace("create_notification", "create_notificaton").replace("inputs.text", "inputs.txt")

        with pytest.raises(ValidationError) as caught:
            create_workflow(owner, by=owner, source=faulty)

        faults = {(fault.path, fault.line) for fault in caught.value.faults}
        assert faults == {("steps[0].config.action", 9), ("steps[0].config.params.title", 11)}
        assert "Did you mean “create_notification”" in caught.value.message_dict["steps[0].config.action"][0]
        assert Workflow.objects.count() == 0

    def test_faulty_parameters_of_an_action_are_found_before_saving(self, owner: Any) -> None:
        faulty = SOURCE.replace('title: "{{ inputs.text }}"', "priority: loud")

        with pytest.raises(ValidationError) as caught:
            create_workflow(owner, by=owner, source=faulty)

        assert {f.path for f in caught.value.faults} == {
            "steps[0].config.params.title",
            "steps[0].config.params.priority",
        }

    def test_plugins_and_agents_that_do_not_exist_are_named(self, owner: Any) -> None:
        steps = [
            {"name": "a", "type": "plugin_action", "config": {"plugin": "canvas-integraton", "action": "get_courses"}},
            {"name": "b", "type": "plugin_action", "config": {"plugin": "canvas-integration", "action": "get_corses"}},
            {"name": "c", "type": "ai_agent", "config": {"agent": "sumarizer", "prompt": "x"}},
        ]
        with pytest.raises(ValidationError) as caught:
            create_workflow(owner, by=owner, definition={"name": "x", "steps": steps})

        words = {f.path: f.message for f in caught.value.faults}
        assert "Did you mean “canvas-integration”" in words["steps[0].config.plugin"]
        assert "get_corses" in words["steps[1].config.action"]
        assert "Did you mean “summarizer”" in words["steps[2].config.agent"]

    def test_saving_makes_a_version_and_saving_the_same_again_does_not(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        second = save_version(workflow, by=owner, source=SOURCE.replace("Tell me", "Tell them"))
        again = save_version(workflow, by=owner, source=second.source)

        workflow.refresh_from_db()
        assert (workflow.name, workflow.version, again, second.number) == ("Tell them", second, second, 2)

    def test_an_execution_keeps_the_version_it_began_with(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        execution = start_execution(workflow, by=owner)
        save_version(workflow, by=owner, source=SOURCE.replace("inputs.text", "'new ' + inputs.text"))
        runner().advance(execution.pk)

        assert Notification.objects.get().title == "hello"

    def test_removed_and_brought_back(self, owner: Any) -> None:
        workflow = delete_workflow(make_workflow(owner, SCHEDULED), by=owner)

        assert not Workflow.objects.visible_to(owner).exists()
        assert workflow.triggers.get().next_at is None
        with pytest.raises(WorkflowRemoved):
            start_execution(workflow, by=owner)
        restore_workflow(workflow, by=owner)
        assert Workflow.objects.visible_to(owner).get() == workflow
        assert workflow.triggers.get().next_at is not None


class TestStarting:
    def test_it_runs_and_says_so(self, owner: Any, django_capture_on_commit_callbacks: Any) -> None:
        execution = start_execution(make_workflow(owner), by=owner, inputs={"text": "good morning"})
        runner().advance(execution.pk)

        execution.refresh_from_db()
        assert (execution.status, execution.inputs) == ("completed", {"text": "good morning"})
        assert Notification.objects.get().title == "good morning"

    def test_defaults_of_inputs_apply_and_unknown_ones_are_refused(self, owner: Any) -> None:
        workflow = make_workflow(owner)

        assert start_execution(workflow, by=owner).inputs == {"text": "hello"}
        with pytest.raises(ValidationError) as caught:
            start_execution(workflow, by=owner, inputs={"txt": "x", "text": 5})
        assert set(caught.value.message_dict) == {"inputs.txt", "inputs.text"}

    @pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
    def test_inputs_that_cannot_be_kept_are_refused(self, owner: Any, text: str) -> None:
        with pytest.raises(ValidationError):
            start_execution(make_workflow(owner), by=owner, inputs={"text": text})

    def test_the_same_key_starts_one_and_other_inputs_are_refused(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        first = start_execution(workflow, by=owner, idempotency_key="k")
        again = start_execution(workflow, by=owner, idempotency_key="k")

        assert again == first and again.is_reused and not first.is_reused
        with pytest.raises(KeyReused):
            start_execution(workflow, by=owner, inputs={"text": "other"}, idempotency_key="k")

    def test_a_shipped_workflow_runs_once_at_a_time_for_its_connection(self, owner: Any) -> None:
        workflow = make_workflow(owner, shipped_key="p/sync-p", connection_id=5)
        first = start_execution(workflow, by=owner)
        second = start_execution(workflow, by=owner)

        assert second == first and second.is_reused
        runner().advance(first.pk)
        third = start_execution(workflow, by=owner)
        assert third != first and not third.is_reused

    def test_the_hint_is_sent_after_the_commit(
        self, owner: Any, monkeypatch: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        hinted: list[int] = []
        monkeypatch.setattr(runner().hints, "advance", lambda number, **_: hinted.append(number))
        with django_capture_on_commit_callbacks(execute=True):
            execution = start_execution(make_workflow(owner), by=owner)
            assert hinted == []

        assert hinted == [execution.pk]

    def test_a_broker_that_is_away_loses_nothing(self, owner: Any, monkeypatch: Any) -> None:
        from kombu.exceptions import OperationalError

        def refuse(*args: Any, **kwargs: Any) -> None:
            raise OperationalError("connection refused")

        monkeypatch.setattr("workflows.running.current_app.send_task", refuse)
        execution = start_execution(make_workflow(owner), by=owner)
        runner().hints.advance(execution.pk)
        Execution.objects.update(hinted_at=execution.created_at - timedelta(minutes=1))
        monkeypatch.setattr("workflows.running.CeleryHints.advance", lambda self, n, **_: runner().advance(n))
        runner().sweep()

        execution.refresh_from_db()
        assert execution.status == "completed"


class TestCancelling:
    def test_cancel_twice_is_harmless_and_after_the_end_is_refused(self, owner: Any) -> None:
        workflow = make_workflow(owner)
        first, second = start_execution(workflow, by=owner), start_execution(workflow, by=owner)

        assert cancel_execution(first, by=owner).status == "cancelled"
        assert cancel_execution(first, by=owner).status == "cancelled"
        runner().advance(second.pk)
        with pytest.raises(ExecutionFinished, match="completed already"):
            cancel_execution(second, by=owner)


@pytest.mark.django_db(transaction=True)
def test_two_starts_of_a_sync_in_the_same_moment_make_one(owner: Any) -> None:
    workflow = make_workflow(owner, shipped_key="p/sync-p", connection_id=6)
    started: list[int] = []
    together = threading.Barrier(4)

    def start() -> None:
        try:
            together.wait(30)
            started.append(start_execution(workflow, by=owner).pk)
        finally:
            connection.close()

    doors = [threading.Thread(target=start) for _ in range(4)]
    for door in doors:
        door.start()
    for door in doors:
        door.join(60)

    assert len(started) == 4 and len(set(started)) == 1


@pytest.mark.django_db
def test_an_end_between_insert_and_look_makes_the_start_try_again(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = make_workflow(owner, shipped_key="p/sync-p", connection_id=7)
    first = start_execution(workflow, by=owner)

    def look_too_late(workflow: Any) -> None:
        cancel_execution(first, by=owner)

    monkeypatch.setattr("workflows.services._under_way", look_too_late)

    second = start_execution(workflow, by=owner)

    assert second != first and not second.is_reused
