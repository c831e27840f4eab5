"""A dry run tells what would happen, and nothing of it does."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection

from coreengine.kernel.models import Event
from workflows.dry_run import REJECTED, DryRun, StandIns, dry_run
from workflows.errors import NotPublished
from workflows.models import Execution
from workflows.running import runner
from workflows.services import start_execution
from workflows.tests.factories import SOURCE, make_workflow
from workflows.versions import create_draft_workflow, save_draft

pytestmark = pytest.mark.django_db

EVERYTHING = """\
name: Everything
variables: {n: 0}
inputs: {properties: {to: {type: string, default: owner@example.edu}}}
steps:
  - name: bell
    type: system_action
    config: {action: create_notification, params: {title: "Good morning", content: "To {{ inputs.to }}"}}
  - name: mail
    type: system_action
    depends_on: [bell]
    config: {action: send_email, params: {to: "{{ inputs.to }}", subject: Hi, body: There}}
  - name: count
    type: system_action
    depends_on: [mail]
    config: {action: update_variable, params: {name: n, value: "{{ variables.n + 1 }}"}}
  - name: later
    type: wait
    depends_on: [count]
    config: {duration: 2d}
  - name: ask
    type: approval
    depends_on: [later]
    config: {message: "May I?"}
  - name: decide
    type: condition
    depends_on: [ask]
    config:
      expression: steps.ask.result.decision == "approved"
      then:
        - name: yes_bell
          type: system_action
          config: {action: create_notification, params: {title: "Approved"}}
      else:
        - name: no_bell
          type: system_action
          config: {action: create_notification, params: {title: "Rejected"}}
"""
ASKING = """\
name: Asking
steps:
  - name: sum_up
    type: ai_agent
    config: {agent: summarizer, prompt: "Sum up {{ [1, 2].map(n, n + 1) }}."}
  - name: tell
    type: system_action
    depends_on: [sum_up]
    config: {action: create_notification, params: {title: "{{ steps.sum_up.result.content }}"}}
  - name: state
    type: system_action
    depends_on: [sum_up]
    config: {action: create_notification, params: {title: "It is {{ steps.sum_up.status }}"}}
  - name: after
    type: system_action
    depends_on: [tell]
    config: {action: create_notification, params: {title: "{{ steps.tell.result.status }}"}}
"""


def contents() -> dict[str, Any]:
    """Every row of every table that has a model."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute(
                f"SELECT count(*), md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{table}\" t"
            )
            found[table] = cursor.fetchone()
    return found


def outcomes(found: DryRun) -> dict[str, str]:
    return {step.path: step.outcome for step in found.steps}


class TestNothingHappens:
    @pytest.mark.parametrize("source", [EVERYTHING, ASKING, SOURCE])
    def test_the_database_is_the_same_to_the_last_byte(self, owner: Any, source: str) -> None:
        workflow = make_workflow(owner, source)
        before = contents()
        dry_run(workflow, by=owner)

        assert contents() == before

    def test_nothing_waits_for_the_commit(self, owner: Any, django_capture_on_commit_callbacks: Any) -> None:
        workflow = make_workflow(owner, EVERYTHING)
        with django_capture_on_commit_callbacks() as callbacks:
            dry_run(workflow, by=owner)

        assert callbacks == []

    def test_no_service_and_no_agent_is_asked(self, owner: Any, monkeypatch: Any) -> None:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise AssertionError("it was asked")

        monkeypatch.setattr("workflows.steps.ai_agent.run_agent", refuse)
        monkeypatch.setattr("workflows.steps.plugin_action.call_action", refuse)
        monkeypatch.setattr("celery.current_app.send_task", refuse)

        assert dry_run(make_workflow(owner, ASKING), by=owner).calls == 1

    def test_a_fault_half_way_leaves_nothing_either(self, owner: Any, monkeypatch: Any) -> None:
        workflow = make_workflow(owner, EVERYTHING)
        before = contents()
        monkeypatch.setattr("workflows.dry_run.service._told", lambda *a: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            dry_run(workflow, by=owner)
        assert contents() == before

    def test_what_an_execution_did_under_its_key_is_not_taken_for_done(self, owner: Any) -> None:
        workflow = make_workflow(owner, EVERYTHING)
        execution = start_execution(workflow, by=owner)
        runner().advance(execution.pk)

        assert len(dry_run(workflow, by=owner).mails) == 1


class TestWhatIsTold:
    def test_rows_lines_and_mails(self, owner: Any) -> None:
        found = dry_run(make_workflow(owner, EVERYTHING), by=owner)

        assert (found.status, found.error, found.is_cut) == ("completed", "", False)
        assert [line["title"] for line in found.notifications] == ["Good morning", "Approved"]
        assert [(mail["to"], mail["subject"]) for mail in found.mails] == [("owner@example.edu", "Hi")]
        assert [(wrote.rows, wrote.what, wrote.count) for wrote in found.wrote] == [
            ("notifications", "added", 2),
            ("outgoing email", "added", 1),
        ]
        assert found.variables == {"n": 1}

    def test_waits_do_not_wait_and_an_approval_is_decided_as_chosen(self, owner: Any) -> None:
        workflow = make_workflow(owner, EVERYTHING)
        yes, no = dry_run(workflow, by=owner), dry_run(workflow, by=owner, decision=REJECTED)

        assert outcomes(yes)["decide[then].yes_bell"] == "completed"
        assert outcomes(yes)["decide[else].no_bell"] == "skipped"
        assert [line["title"] for line in no.notifications] == ["Good morning", "Rejected"]
        assert next(step for step in yes.steps if step.name == "later").until

    def test_a_step_that_fails_is_told_with_its_reason(self, owner: Any) -> None:
        found = dry_run(make_workflow(owner, EVERYTHING), by=owner, inputs={"to": "someone@else.org"})

        assert found.status == "failed" and "your own address" in found.error
        assert outcomes(found) == {"bell": "completed", "mail": "failed"}

    def test_inputs_are_checked(self, owner: Any) -> None:
        with pytest.raises(ValidationError):
            dry_run(make_workflow(owner, EVERYTHING), by=owner, inputs={"nonsense": 1})

    def test_every_round_of_a_loop_is_there(self, owner: Any) -> None:
        source = """\
name: Round
steps:
  - name: each
    type: loop
    config:
      items: "[1, 2, 3]"
      steps:
        - name: bell
          type: system_action
          config: {action: create_notification, params: {title: "{{ string(item) }}"}}
"""
        found = dry_run(make_workflow(owner, source), by=owner)

        assert [step.path for step in found.steps] == ["each", "each[0].bell", "each[1].bell", "each[2].bell"]
        assert [line["title"] for line in found.notifications] == ["1", "2", "3"]

    def test_it_ends_after_a_few_seconds(self, owner: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("workflows.dry_run.service.LONGEST_S", 0)
        source = EVERYTHING.replace("2d", "1h")

        assert dry_run(make_workflow(owner, source), by=owner).is_cut

    def test_a_draft_is_tried_before_it_is_published(self, owner: Any) -> None:
        workflow = create_draft_workflow(owner, by=owner, source=SOURCE)

        assert dry_run(workflow, by=owner, of_draft=True).status == "completed"
        with pytest.raises(NotPublished):
            dry_run(workflow, by=owner)
        save_draft(workflow, by=owner, source="name: x", revision=1)
        with pytest.raises(ValidationError):
            dry_run(workflow, by=owner, of_draft=True)


class TestAnswersOfOthers:
    def test_without_an_answer_it_is_said_who_needs_it(self, owner: Any) -> None:
        found = dry_run(make_workflow(owner, ASKING), by=owner)
        steps = {step.name: step for step in found.steps}

        assert (steps["sum_up"].is_called, steps["sum_up"].config["prompt"]) == (True, "Sum up [2, 3].")
        assert (steps["tell"].outcome, steps["tell"].needs) == ("needs", ("sum_up",))
        assert (steps["after"].outcome, steps["after"].needs) == ("needs", ("tell",))
        assert found.needs == ["sum_up"] and found.status == "completed"
        # Its status is known, so this one goes on.
        assert [line["title"] for line in found.notifications] == ["It is completed"]

    def test_an_answer_given_by_hand(self, owner: Any) -> None:
        given = StandIns.of(by_hand={"sum_up": {"content": "All is well"}})
        found = dry_run(make_workflow(owner, ASKING), by=owner, stand_ins=given)

        assert found.needs == [] and found.steps[0].stand_in == "given by hand"
        assert "All is well" in [line["title"] for line in found.notifications]

    def test_the_answers_of_an_earlier_execution(self, owner: Any) -> None:
        workflow = make_workflow(owner, ASKING)
        execution = start_execution(workflow, by=owner)
        runner().advance(execution.pk)
        runner().run_step(execution.pk, "sum_up")
        answer = execution.steps.get(path="sum_up").result["content"]
        before = Event.objects.count()
        found = dry_run(workflow, by=owner, stand_ins=StandIns.of(execution=execution))

        assert found.stand_ins_of == execution.pk and Event.objects.count() == before
        assert answer[:200] in [line["title"] for line in found.notifications]

    def test_a_loop_over_an_unknown_list_is_not_begun(self, owner: Any) -> None:
        source = """\
name: Round
steps:
  - {name: fetch, type: plugin_action, config: {plugin: canvas-integration, action: get_courses}}
  - name: each
    type: loop
    depends_on: [fetch]
    config:
      items: steps.fetch.result
      steps:
        - {name: bell, type: system_action, config: {action: create_notification, params: {title: "{{ item.name }}"}}}
  - name: end
    type: system_action
    depends_on: [each]
    config: {action: create_notification, params: {title: "{{ string(size(steps.each.result)) }}"}}
"""
        workflow = make_workflow(owner, source)
        found = dry_run(workflow, by=owner)
        known = dry_run(workflow, by=owner, stand_ins=StandIns.of(by_hand={"fetch": [{"name": "Maths"}]}))

        assert outcomes(found) == {"fetch": "completed", "each": "needs", "end": "needs"}
        assert "not connected" in found.problems[0]
        assert [line["title"] for line in known.notifications] == ["Maths", "1"]

    def test_the_worst_case_of_an_agent_is_counted(self, owner: Any, monkeypatch: Any) -> None:
        from agents.orchestrator import RunEstimate
        from agents.providers.base import Estimate

        monkeypatch.setattr(
            "workflows.dry_run.doubles.estimate_run", lambda *a, **k: RunEstimate(Estimate(1, 1, 20, 70), 1000)
        )
        found = dry_run(make_workflow(owner, ASKING), by=owner)

        assert (found.likely_usd_micros, found.worst_usd_micros) == (20, 70)
        assert Execution.objects.count() == 0


class PageDoor:
    """The student in a browser."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def dry_run(self, pk: int, **body: Any) -> Any:
        flat = {**body.pop("inputs", {}), **body}
        return self.browser.post(f"/workflows/{pk}/dry-run/", flat)


class ApiDoor:
    """A program of the student."""

    def __init__(self, program: Any) -> None:
        self.program = program

    def dry_run(self, pk: int, **body: Any) -> Any:
        return self.program.post(f"/api/v1/workflows/{pk}/dry-runs/", body, format="json")


@pytest.fixture(params=["page", "api"])
def door(request: Any) -> Any:
    """One of the two doors, opened by the owner."""
    client = request.getfixturevalue(request.param)
    return PageDoor(client) if request.param == "page" else ApiDoor(client)


class TestBothDoors:
    def test_what_would_happen_is_shown(self, door: Any, owner: Any) -> None:
        answer = door.dry_run(make_workflow(owner, EVERYTHING).pk, approvals="rejected")

        words = answer.content.decode()
        assert answer.status_code == 200
        assert "Good morning" in words and "Rejected" in words and "Approved" not in words.replace("approved", "")
        assert Execution.objects.count() == 0

    def test_a_faulty_input_is_422(self, door: Any, owner: Any) -> None:
        source = SOURCE.replace("type: string, default: hello", "type: integer")

        assert door.dry_run(make_workflow(owner, source).pk, inputs={"text": "x"}).status_code == 422

    def test_answers_of_an_earlier_execution_stand_in(self, door: Any, owner: Any) -> None:
        workflow = make_workflow(owner, ASKING)
        execution = start_execution(workflow, by=owner)
        runner().advance(execution.pk)
        runner().run_step(execution.pk, "sum_up")
        answer = door.dry_run(workflow.pk, execution=execution.pk)

        assert f"from execution {execution.pk}" in answer.content.decode()

    def test_another_students_things_are_404(self, door: Any, owner: Any, stranger: Any) -> None:
        theirs = make_workflow(stranger, ASKING)
        execution = start_execution(theirs, by=stranger)

        assert door.dry_run(theirs.pk).status_code == 404
        assert door.dry_run(make_workflow(owner, ASKING).pk, execution=execution.pk).status_code == 404

    def test_a_draft(self, door: Any, owner: Any) -> None:
        workflow = create_draft_workflow(owner, by=owner, source=SOURCE)

        answer = door.dry_run(workflow.pk, draft="true", inputs={"text": "Try me"}, approvals="approved")
        assert answer.status_code == 200 and "Try me" in answer.content.decode()
        assert "hello" in door.dry_run(workflow.pk, draft="true").content.decode()
        assert door.dry_run(workflow.pk).status_code == 409


def test_steps_stand_with_their_containers_however_they_took_turns(owner: Any) -> None:
    source = """\
name: Side by side
variables: {n: 0}
steps:
  - name: each
    type: loop
    config:
      items: [1, 2]
      max_concurrency: 2
      steps:
        - {name: rest, type: wait, config: {duration: 5s}}
        - name: add
          type: system_action
          depends_on: [rest]
          config: {action: update_variable, params: {name: n, value: 1}}
  - name: other
    type: system_action
    config: {action: update_variable, params: {name: n, value: 2}}
"""
    found = dry_run(make_workflow(owner, source=source), by=owner)

    paths = [step.path for step in found.steps]
    assert paths == ["each", "each[0].rest", "each[0].add", "each[1].rest", "each[1].add", "other"]
