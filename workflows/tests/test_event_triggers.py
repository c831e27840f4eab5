"""Event triggers and error workflows: the log starts workflows, once for each event, and never in a circle."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from coreengine.kernel.events import deliver, record
from coreengine.kernel.models import Event, EventCursor, Notification
from coreengine.kernel.waiting import wait_until
from workflows.models import Execution, WorkflowTrigger
from workflows.running import runner
from workflows.services import set_active, start_execution
from workflows.tests.factories import make_workflow
from workflows.triggers.error_workflows import start_error_workflow
from workflows.triggers.events import MAX_DEPTH, start_workflows_of
from workflows.triggers.schedules import decide
from workflows.versions import save_version

pytestmark = pytest.mark.django_db

LISTENING = """\
name: Listen
inputs:
  properties:
    text: {type: string, default: nothing}
triggers:
  - type: event
    event: "lecture.*"
    filter: "trigger.event.data.points > 5"
    inputs: {text: "{{ trigger.event.type }} of {{ trigger.event.subject.id }}"}
steps:
  - name: tell
    type: system_action
    config: {action: create_notification, params: {title: "{{ inputs.text }}"}}
"""
UNFILTERED = LISTENING.replace('    filter: "trigger.event.data.points > 5"\n', "")
CIRCLE = """\
name: Again and again
triggers: [{type: event, event: workflow.execution.completed}]
steps: [{name: tell, type: system_action, config: {action: create_notification, params: {title: hello}}}]
"""
FAILING = """\
name: Fails
error_workflow: Clean up
steps:
  - name: fall
    type: system_action
    max_retries: 0
    config: {action: create_notification, params: {title: "{{ [1][int(variables.n)] }}"}}
variables: {n: 3}
"""
CLEAN_UP = """\
name: Clean up
steps:
  - name: tell
    type: system_action
    config:
      action: create_notification
      params: {title: "{{ trigger.workflow }} / {{ trigger.step }}", content: "{{ trigger.error }}"}
"""


def happen(owner: Any, type: str = "lecture.held", **data: Any) -> Event:
    """Record an event and hand it to the triggers."""
    event = record(type, actor=owner, subject=("test.lecture", 7), owner=owner, data={"points": 10, **data})
    event.refresh_from_db()
    start_workflows_of(event)
    return event


def follow(*, rounds: int = 30) -> None:
    """Run every execution, and hand every event of the log to the triggers, until nothing new happens."""
    seen: set[int] = set()
    for _ in range(rounds):
        for execution in Execution.objects.open():
            runner().advance(execution.pk)
        new = [event for event in Event.objects.order_by("pk") if event.pk not in seen]
        for event in new:
            seen.add(event.pk)
            if not event.type.startswith("workflow.step."):
                start_workflows_of(event)
            if event.type == "workflow.execution.failed":
                start_error_workflow(event)
        if not new:
            return
    raise AssertionError("it goes on for ever")


class TestEvents:
    def test_an_event_that_fits_starts_the_workflow_with_its_facts(self, owner: Any) -> None:
        make_workflow(owner, LISTENING)
        event = happen(owner)

        execution = Execution.objects.get()
        assert execution.inputs == {"text": "lecture.held of 7"} and execution.depth == 0
        assert execution.trigger["event"] == {
            "id": event.pk,
            "type": "lecture.held",
            "time": event.time.isoformat(),
            "subject": {"type": "test.lecture", "id": "7"},
            "data": {"points": 10},
        }

    @pytest.mark.parametrize(("type", "points"), [("course.created", 10), ("lecture", 10), ("lecture.held", 5)])
    def test_other_types_and_what_the_filter_leaves_out_start_nothing(self, owner: Any, type: str, points: int) -> None:
        make_workflow(owner, LISTENING)
        happen(owner, type, points=points)

        assert Execution.objects.count() == 0

    def test_the_same_event_starts_one_execution_for_each_trigger(self, owner: Any) -> None:
        for _ in range(2):
            make_workflow(owner, LISTENING)
        event = happen(owner)
        start_workflows_of(event)

        assert Execution.objects.count() == 2

    def test_anothers_events_are_none_of_its_business(self, owner: Any, stranger: Any) -> None:
        make_workflow(owner, LISTENING)
        happen(stranger)

        assert Execution.objects.count() == 0

    def test_what_happened_before_it_was_there_starts_nothing(self, owner: Any) -> None:
        make_workflow(owner, LISTENING)
        WorkflowTrigger.objects.update(created_at=timezone.now() + timedelta(minutes=1))
        happen(owner)

        assert Execution.objects.count() == 0

    def test_a_workflow_that_rests_starts_nothing(self, owner: Any) -> None:
        set_active(make_workflow(owner, LISTENING), False, by=owner)
        happen(owner)

        assert Execution.objects.count() == 0

    def test_a_filter_that_cannot_be_worked_out_is_told_once_an_hour(self, owner: Any) -> None:
        make_workflow(owner, LISTENING)
        for _ in range(3):
            happen(owner, points="many")

        execution = Execution.objects.get()
        assert execution.status == "failed" and "filter cannot be worked out" in execution.error_message
        Execution.objects.update(created_at=timezone.now() - timedelta(hours=2))
        happen(owner, points="many")
        assert Execution.objects.count() == 2

    def test_inputs_that_do_not_fit_are_a_failed_execution(self, owner: Any) -> None:
        make_workflow(owner, LISTENING.replace("trigger.event.subject.id", "trigger.event.subject.name"))
        happen(owner)

        execution = Execution.objects.get()
        assert execution.status == "failed" and "name" in execution.error_message
        assert Notification.objects.get().url == f"/executions/{execution.pk}/"

    def test_one_trigger_that_breaks_does_not_keep_the_log_from_the_others(self, owner: Any, monkeypatch: Any) -> None:
        broken = make_workflow(owner, UNFILTERED).triggers.get()
        make_workflow(owner, LISTENING)
        from workflows.triggers import events

        def start(trigger: Any, *args: Any, **kwargs: Any) -> Any:
            if trigger.pk == broken.pk:
                raise RuntimeError("out of the blue")
            return started(trigger, *args, **kwargs)

        started = events.start_for
        monkeypatch.setattr(events, "start_for", start)
        happen(owner)

        assert sorted(Execution.objects.values_list("status", flat=True)) == ["failed", "pending"]

    def test_steps_start_nothing_and_such_a_trigger_is_refused(self, owner: Any) -> None:
        with pytest.raises(Exception, match="starts nothing"):
            make_workflow(owner, LISTENING.replace("lecture.*", "workflow.step.completed"))


@pytest.mark.django_db(transaction=True)
def test_the_log_is_read_behind_a_lasting_cursor(owner: Any) -> None:
    make_workflow(owner, LISTENING)
    for number in range(3):
        record("lecture.held", actor=owner, subject=("test.lecture", number), owner=owner, data={"points": 6})

    def has_started(number: int) -> bool:
        deliver("workflow triggers")  # waits for whoever else has a transaction open on this server
        return Execution.objects.count() >= number

    wait_until(lambda: has_started(3), timeout_s=60)
    EventCursor.objects.update(transaction=0, event=0)  # all of the log once more
    record("lecture.held", actor=owner, subject=("test.lecture", 4), owner=owner, data={"points": 6})
    wait_until(lambda: has_started(4), timeout_s=60)

    assert Execution.objects.count() == 4


class TestCircles:
    def test_a_workflow_that_starts_itself_is_stopped_and_says_so_once(self, owner: Any) -> None:
        workflow = make_workflow(owner, CIRCLE)
        start_execution(workflow, by=owner)
        follow()

        depths = list(Execution.objects.order_by("pk").values_list("depth", "status"))
        assert depths == [(n, "completed") for n in range(MAX_DEPTH + 1)] + [(MAX_DEPTH + 1, "failed")]
        failed = Execution.objects.get(status="failed")
        assert "starting itself" in failed.error_message and str(MAX_DEPTH) in failed.error_message
        assert "starting itself" in workflow.triggers.get().last_problem

    def test_one_that_listens_to_failures_is_stopped_too(self, owner: Any) -> None:
        source = CIRCLE.replace("execution.completed", "execution.failed").replace(
            "title: hello", 'title: "{{ [1][3] }}"'
        )
        start_execution(make_workflow(owner, source.replace("name: tell,", "name: tell, max_retries: 0,")), by=owner)
        follow(rounds=60)

        assert list(Execution.objects.order_by("pk").values_list("depth", flat=True)) == list(range(MAX_DEPTH + 2))

    def test_a_chain_that_grows_wide_is_stopped_too(self, owner: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("workflows.triggers.events.MAX_CHAINED_AN_HOUR", 10)
        start_execution(make_workflow(owner, CIRCLE.replace("execution.completed", "execution.*")), by=owner)
        follow(rounds=60)

        assert Execution.objects.filter(depth__gt=1, status="completed").count() == 10
        assert "10 times within an hour" in Execution.objects.get(status="failed").error_message

    def test_what_a_step_changes_is_known_to_come_from_it(self, owner: Any, monkeypatch: Any) -> None:
        """A step's own events, not only those of its execution, carry the depth."""
        from coreengine.kernel import builtin_actions

        make_workflow(owner, UNFILTERED)
        told = builtin_actions.notify

        def notify_and_record(user: Any, **fields: Any) -> Any:
            record("lecture.held", actor=user, subject=("test.lecture", 1), owner=user, data={})
            return told(user, **fields)

        monkeypatch.setattr(builtin_actions, "notify", notify_and_record)
        happen(owner)
        follow()

        assert Execution.objects.filter(status="completed").count() == MAX_DEPTH + 1
        assert set(Event.objects.filter(type="lecture.held").values_list("cause", flat=True)) >= {None}
        assert Execution.objects.filter(status="failed", depth=MAX_DEPTH + 1).count() == 1


class TestErrorWorkflows:
    def fail(self, owner: Any, source: str = FAILING) -> Execution:
        execution = start_execution(make_workflow(owner, source), by=owner)
        follow()
        execution.refresh_from_db()
        assert execution.status == "failed"
        return execution

    def test_the_named_workflow_is_told_what_failed_and_where(self, owner: Any) -> None:
        make_workflow(owner, CLEAN_UP)
        failed = self.fail(owner)

        rescue = Execution.objects.get(workflow__name="Clean up")
        assert rescue.status == "completed" and rescue.depth == 1
        trigger = rescue.trigger
        assert (trigger["type"], trigger["execution"], trigger["workflow"]) == ("error", failed.pk, "Fails")
        assert trigger["step"] == "fall" and trigger["error"] == failed.error_message
        assert Notification.objects.filter(title="Fails / fall").exists()

    def test_once_however_often_the_event_comes(self, owner: Any) -> None:
        make_workflow(owner, CLEAN_UP)
        self.fail(owner)
        for event in Event.objects.filter(type="workflow.execution.failed"):
            start_error_workflow(event)

        assert Execution.objects.filter(workflow__name="Clean up").count() == 1

    def test_a_start_that_failed_counts_as_a_failure(self, owner: Any) -> None:
        make_workflow(owner, CLEAN_UP)
        source = FAILING + 'triggers: [{type: schedule, cron: "0 * * * *"}]\n'
        source = source.replace(
            "variables:", "inputs: {properties: {day: {type: string}}, required: [day]}\nvariables:"
        )
        trigger = make_workflow(owner, source).triggers.get()
        decide(trigger.pk, now=timezone.now() + timedelta(hours=1))
        follow()

        assert Execution.objects.get(workflow__name="Clean up").trigger["step"] is None

    @pytest.mark.parametrize("how", ["missing", "a stranger's", "switched off"])
    def test_a_name_that_is_not_there_fails_visibly(self, owner: Any, stranger: Any, how: str) -> None:
        if how == "a stranger's":
            make_workflow(stranger, CLEAN_UP)
        if how == "switched off":
            set_active(make_workflow(owner, CLEAN_UP), False, by=owner)
        self.fail(owner)

        newest = Execution.objects.order_by("-pk").first()
        assert newest.trigger["type"] == "error" and "“Clean up”" in newest.error_message
        assert Execution.objects.count() == 2

    def test_an_error_workflow_that_fails_starts_no_further_one(self, owner: Any) -> None:
        make_workflow(owner, FAILING.replace("name: Fails", "name: Clean up"))
        self.fail(owner)

        assert Execution.objects.filter(status="failed").count() == 2

    def test_a_workflow_may_name_itself(self, owner: Any) -> None:
        self.fail(owner, FAILING.replace("Clean up", "Fails"))

        assert Execution.objects.count() == 2

    def test_inputs_that_it_needs_and_does_not_get_fail_visibly(self, owner: Any) -> None:
        needy = CLEAN_UP.replace("steps:", "inputs: {properties: {day: {type: string}}, required: [day]}\nsteps:", 1)
        make_workflow(owner, needy)
        self.fail(owner)

        rescue = Execution.objects.get(workflow__name="Clean up")
        assert rescue.status == "failed" and "day" in rescue.error_message

    def test_the_version_that_failed_decides(self, owner: Any) -> None:
        make_workflow(owner, CLEAN_UP)
        workflow = make_workflow(owner, FAILING)
        execution = start_execution(workflow, by=owner)
        save_version(workflow, by=owner, source=FAILING.replace("error_workflow: Clean up\n", ""))
        follow()

        execution.refresh_from_db()
        assert execution.status == "failed" and Execution.objects.filter(workflow__name="Clean up").count() == 1
