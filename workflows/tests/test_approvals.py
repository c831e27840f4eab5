"""Questions to students: rows, links, the bell, services and the API."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from coreengine.kernel.models import Notification
from workflows.approvals import decide_approval, resolve_attention
from workflows.errors import AlreadyDecided
from workflows.models import Approval, Execution
from workflows.running import runner
from workflows.services import cancel_execution, start_execution
from workflows.tests.test_engine_pauses import lose_worker
from workflows.tests.worlds import DatabaseWorld, action, loop, outside
from workflows.tests.worlds import approval as asking
from workflows.versions import create_workflow

pytestmark = pytest.mark.django_db

SOURCE = """\
name: Careful
steps:
  - name: may
    type: approval
    config: {message: "Tell everyone?"}
  - name: tell
    type: condition
    depends_on: [may]
    config:
      expression: steps.may.result.decision == "approved"
      then:
        - name: told
          type: system_action
          config: {action: create_notification, params: {title: "{{ steps.may.result.comment }}"}}
"""


@pytest.fixture
def execution(owner: Any) -> Execution:
    """One that waits for a decision."""
    execution = start_execution(create_workflow(owner, by=owner, source=SOURCE), by=owner)
    runner().advance(execution.pk)
    return execution


@pytest.fixture
def question(execution: Execution) -> Approval:
    return Approval.objects.get()


@pytest.fixture
def attention(owner: Any) -> Approval:
    """A question after an attempt whose outcome nobody knows."""
    world = DatabaseWorld(owner)
    world.executor.unkeyed.add("send")
    number = world.begin([outside("a", "send"), action("b", after=["a"])])
    lose_worker(world, number, "a")
    return Approval.objects.get()


def refreshed(execution: Execution) -> Execution:
    runner().advance(execution.pk)
    execution.refresh_from_db()
    return execution


class TestRows:
    def test_a_question_has_a_link_and_stands_in_the_bell(self, question: Approval, owner: Any) -> None:
        told = Notification.objects.get()

        assert (question.owner, question.path, question.kind, question.message) == (
            owner,
            "may",
            "approval",
            "Tell everyone?",
        )
        assert len(question.token) >= 32 and told.url == question.get_absolute_url() == f"/approvals/{question.token}/"
        assert (told.title, told.content, told.read_at) == ("“Careful” asks for your decision", "Tell everyone?", None)
        assert 604_700 < (question.deadline_at - question.created_at).total_seconds() <= 604_800

    def test_every_item_has_a_link_of_its_own(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        world.run([loop("each", "[1, 2, 3]", [asking("may")], max_concurrency=3)])

        assert len(set(Approval.objects.values_list("token", flat=True))) == 3

    def test_a_step_asks_one_thing_at_a_time(self, question: Approval) -> None:
        question.pk, question.token = None, "other"
        with pytest.raises(IntegrityError, match="step_asks_one_thing"), transaction.atomic():
            question.save(force_insert=True)

    def test_a_cancelled_execution_asks_no_longer(self, execution: Execution, question: Approval, owner: Any) -> None:
        cancel_execution(execution, by=owner)
        question.refresh_from_db()

        assert (question.decision, question.decided_by) == ("cancelled", None) and question.decided_at
        assert Notification.objects.get().read_at is not None

    def test_a_question_whose_time_runs_out(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        world.run([asking("may", timeout=60)])
        world.later(61)
        world.runner.sweep()
        world.drain()

        assert Approval.objects.get().decision == "expired"

    def test_a_question_that_is_withdrawn_at_once_is_not_told(self, owner: Any) -> None:
        world = DatabaseWorld(owner)
        number = world.run(
            [asking("may"), action("a", condition="inputs.x", on_error="fail")],
            inputs={"type": "object", "additionalProperties": True},
        )

        assert world.status(number) == "failed"
        assert [told.kind for told in Notification.objects.all()] == ["workflow"]


class TestDeciding:
    def test_the_execution_goes_on_with_the_decision(
        self, execution: Execution, question: Approval, owner: Any
    ) -> None:
        decided = decide_approval(question, "approved", by=owner, comment=" Yes. ")

        assert (decided.decision, decided.decided_by, decided.comment) == ("approved", owner, "Yes.")
        assert refreshed(execution).status == "completed"
        assert Notification.objects.filter(title="Yes.").exists()
        assert Notification.objects.get(url=question.get_absolute_url()).read_at is not None

    def test_the_first_answer_counts(self, execution: Execution, question: Approval, owner: Any) -> None:
        decide_approval(question, "rejected", by=owner)

        with pytest.raises(AlreadyDecided, match="rejected"):
            decide_approval(question, "approved", by=owner)
        assert refreshed(execution).status == "completed"
        assert not Notification.objects.filter(kind="told").exists()

    @pytest.mark.parametrize(
        ("decision", "fields", "field"),
        [
            ("maybe", {}, "decision"),
            ("retry", {}, "decision"),
            ("approved", {"comment": "x" * 2001}, "comment"),
            ("approved", {"result": 1}, "result"),
        ],
    )
    def test_what_is_no_answer_is_refused(
        self, question: Approval, owner: Any, decision: str, fields: Any, field: str
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            decide_approval(question, decision, by=owner, **fields)

        assert list(refused.value.message_dict) == [field]
        question.refresh_from_db()
        assert question.is_open

    @pytest.mark.parametrize(("decision", "status"), [("retry", "waiting"), ("done", "completed"), ("fail", "failed")])
    def test_someone_says_what_became_of_a_step(
        self, attention: Approval, owner: Any, decision: str, status: str
    ) -> None:
        assert attention.possible_decisions == ("retry", "done", "fail")
        answered = resolve_attention(attention.execution, "a", decision, by=owner)

        assert answered.decision == decision
        assert attention.execution.steps.get(path="a").status == status
        with pytest.raises(AlreadyDecided):
            resolve_attention(attention.execution, "a", decision, by=owner)

    def test_a_result_that_cannot_be_kept_is_refused(self, attention: Approval, owner: Any) -> None:
        with pytest.raises(ValidationError, match="larger than 1 MB"):
            decide_approval(attention, "done", by=owner, result="x" * 1_000_001)


class TestApi:
    def test_list_filter_and_decide(self, api: Any, question: Approval, execution: Execution) -> None:
        listed = api.get("/api/v1/approvals/?is_open=true").json()["results"]
        assert [row["id"] for row in listed] == [question.pk]
        assert listed[0]["possible_decisions"] == ["approved", "rejected"]
        assert (listed[0]["workflow_name"], listed[0]["url"]) == ("Careful", question.get_absolute_url())

        url = f"/api/v1/approvals/{question.pk}/decision/"
        answer = api.post(url, {"decision": "approved", "comment": "Go."}, format="json")
        assert answer.status_code == 200 and answer.json()["decision"] == "approved"
        assert api.post(url, {"decision": "rejected"}, format="json").status_code == 409
        assert api.get("/api/v1/approvals/?is_open=true").json()["results"] == []
        assert refreshed(execution).status == "completed"

    def test_a_faulty_decision_is_422_and_a_get_decides_nothing(self, api: Any, question: Approval) -> None:
        url = f"/api/v1/approvals/{question.pk}/decision/"

        assert api.get(url).status_code == 405
        assert api.post(url, {"decision": "maybe"}, format="json").status_code == 422
        question.refresh_from_db()
        assert question.is_open

    def test_another_students_question_is_not_there(self, question: Approval, stranger: Any, client: Any) -> None:
        client.force_login(stranger)
        body = {"decision": "approved"}

        assert client.get(f"/api/v1/approvals/{question.pk}/").status_code == 404
        assert client.get("/api/v1/approvals/").json()["results"] == []
        for url in (
            f"/api/v1/approvals/{question.pk}/decision/",
            f"/api/v1/executions/{question.execution_id}/attention/",
        ):
            assert client.post(url, body, content_type="application/json").status_code == 404
        question.refresh_from_db()
        assert question.is_open

    def test_attention_is_resolved_under_its_execution(self, api: Any, attention: Approval) -> None:
        url = f"/api/v1/executions/{attention.execution_id}/attention/"
        body = {"path": "a", "decision": "done", "result": {"id": 1}}

        assert api.post(url, {**body, "path": "b"}, format="json").status_code == 409
        assert api.post(url, body, format="json").status_code == 200
        assert attention.execution.steps.get(path="a").result == {"id": 1}


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_the_same_moment_one_counts(owner: Any) -> None:
    execution = start_execution(create_workflow(owner, by=owner, source=SOURCE), by=owner)
    runner().advance(execution.pk)
    question, together = Approval.objects.get(), threading.Barrier(2)
    refused: list[Exception] = []

    def answer(decision: str) -> None:
        try:
            together.wait(30)
            decide_approval(question, decision, by=owner)
        except AlreadyDecided as error:
            refused.append(error)
        finally:
            connection.close()

    people = [threading.Thread(target=answer, args=[decision]) for decision in ("approved", "rejected")]
    for person in people:
        person.start()
    for person in people:
        person.join(60)

    assert len(refused) == 1
    question.refresh_from_db()
    assert execution.steps.get(path="may").result["decision"] == question.decision
