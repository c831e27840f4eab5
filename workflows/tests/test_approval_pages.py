"""Pages on which a student answers what executions ask."""

from typing import Any

import pytest
from django.urls import reverse

from workflows.models import Approval, Execution
from workflows.running import runner
from workflows.services import cancel_execution, start_execution
from workflows.versions import create_workflow

ASKS = """\
name: Send it out
inputs:
  properties:
    words: {type: string, default: Hello}
steps:
  - name: ask
    type: approval
    timeout: 3600
    config:
      message: "Shall **this** go out? {{ inputs.words }}"
      timeout_action: reject
  - name: send
    type: system_action
    depends_on: [ask]
    condition: steps.ask.result.decision == "approved"
    config: {action: create_notification, params: {title: "{{ inputs.words }}"}}
"""
IN_A_LOOP = """\
name: Ask for each
steps:
  - name: each
    type: loop
    config:
      items: [{name: Algebra}, {name: Graphics}]
      max_concurrency: 2
      steps:
        - name: ask
          type: approval
          config: {message: "Go on with {{ item.name }}?"}
"""


def started(owner: Any, source: str = ASKS) -> Execution:
    """An execution as far as it goes without anyone."""
    execution = start_execution(create_workflow(owner, source=source, by=owner), by=owner)
    runner().advance(execution.pk)
    execution.refresh_from_db()
    return execution


@pytest.fixture
def approval(owner: Any) -> Approval:
    return Approval.objects.get(execution=started(owner))


def address(approval: Approval) -> str:
    return reverse("workflows:approval", args=[approval.token])


class TestAsking:
    def test_the_page_says_what_is_asked_by_what_and_until_when(self, page: Any, approval: Approval) -> None:
        text = page.get(address(approval)).content.decode()

        assert "Shall <strong>this</strong> go out? Hello" in text and "Send it out" in text
        assert "it counts as rejected" in text and "Approve" in text and "Reject" in text

    @pytest.mark.parametrize("method", ["get", "head"])
    def test_looking_never_decides(self, page: Any, approval: Approval, method: str) -> None:
        getattr(page, method)(address(approval), {"decision": "approved"})

        approval.refresh_from_db()
        assert approval.is_open

    def test_approving_lets_the_execution_go_on(self, page: Any, approval: Approval) -> None:
        answer = page.post(address(approval), {"decision": "approved", "comment": " Fine "})

        approval.refresh_from_db()
        runner().advance(approval.execution_id)
        assert answer["Location"] == address(approval)
        assert (approval.decision, approval.comment) == ("approved", "Fine")
        assert approval.execution.steps.get(name="send").status == "completed"
        assert "Approved</strong> by you" in page.get(address(approval)).content.decode()

    def test_rejecting_skips_what_needs_the_approval(self, page: Any, approval: Approval) -> None:
        page.post(address(approval), {"decision": "rejected"})

        runner().advance(approval.execution_id)
        assert approval.execution.steps.get(name="send").status == "skipped"

    def test_the_first_answer_counts(self, page: Any, approval: Approval) -> None:
        page.post(address(approval), {"decision": "rejected"})

        second = page.post(address(approval), {"decision": "approved"}, follow=True)

        approval.refresh_from_db()
        assert approval.decision == "rejected" and "answered before" in second.content.decode()

    def test_an_answer_in_place_leads_back_to_the_execution(self, page: Any, approval: Approval) -> None:
        answer = page.post(address(approval), {"decision": "approved", "next": "execution"})

        assert answer["Location"] == approval.execution.get_absolute_url()

    @pytest.mark.parametrize("given", [{}, {"decision": "retry"}, {"decision": "approved", "comment": "x" * 3000}])
    def test_nonsense_is_refused_and_what_was_typed_stays(
        self, page: Any, approval: Approval, given: dict[str, str]
    ) -> None:
        answer = page.post(address(approval), given)

        approval.refresh_from_db()
        assert answer.status_code == 422 and approval.is_open
        assert given.get("comment", "") in answer.content.decode()

    def test_what_is_not_needed_any_more_says_so(self, page: Any, owner: Any, approval: Approval) -> None:
        cancel_execution(approval.execution, by=owner)

        text = page.get(address(approval)).content.decode()

        assert "Not needed any more" in text and 'class="decide"' not in text

    def test_another_students_question_is_404(self, client: Any, stranger: Any, approval: Approval) -> None:
        client.force_login(stranger)

        assert client.get(address(approval)).status_code == 404
        assert client.post(address(approval), {"decision": "approved"}).status_code == 404
        assert client.get(reverse("workflows:approvals"), {"before": approval.pk}).status_code == 404
        approval.refresh_from_db()
        assert approval.is_open

    def test_nobody_decides_without_signing_in(self, client: Any, approval: Approval) -> None:
        answer = client.post(address(approval), {"decision": "approved"})

        approval.refresh_from_db()
        assert answer.status_code == 302 and "/accounts/login/" in answer["Location"] and approval.is_open


class TestList:
    def test_with_nothing_to_decide_it_says_what_will_be_here(self, page: Any) -> None:
        text = page.get(reverse("workflows:approvals")).content.decode()

        assert "Nothing waits for you" in text and "Answered" not in text

    def test_what_waits_stands_before_what_was_answered(self, page: Any, owner: Any, approval: Approval) -> None:
        other = Approval.objects.get(execution=started(owner))
        page.post(address(other), {"decision": "rejected", "comment": "Not today"})

        text = page.get(reverse("workflows:approvals")).content.decode()

        assert text.index(address(approval)) < text.index("Answered") < text.index("Not today")

    def test_more_need_no_more_queries(self, page: Any, owner: Any, django_assert_max_num_queries: Any) -> None:
        counts = []
        for number in (2, 8):
            for _ in range(number):
                started(owner)
                page.post(address(Approval.objects.get(execution=started(owner))), {"decision": "approved"})
            with django_assert_max_num_queries(20) as queries:
                page.get(reverse("workflows:approvals"))
            counts.append(len(queries))

        assert counts[0] == counts[1]

    def test_older_answers_come_page_by_page(self, page: Any, owner: Any) -> None:
        for _ in range(32):
            page.post(address(Approval.objects.get(execution=started(owner))), {"decision": "approved"})
        numbers = set(Approval.objects.values_list("execution_id", flat=True))

        first = page.get(reverse("workflows:approvals"))
        second = page.get(reverse("workflows:approvals"), {"before": first.context["next_before"]})

        shown = [approval.execution_id for answer in (first, second) for approval in answer.context["answered"]]
        assert len(shown) == len(set(shown)) == 32 and set(shown) == numbers

    def test_the_navigation_and_the_dashboard_tell_how_many_wait(self, page: Any, approval: Approval) -> None:
        text = page.get("/").content.decode()
        card = page.get(reverse("kernel:dashboard-card", args=["workflows"])).content.decode()

        assert 'class="count waits">1<' in text and address(approval) in card


class TestInPlace:
    def test_the_execution_asks_where_the_step_stands(self, page: Any, approval: Approval) -> None:
        text = page.get(approval.execution.get_absolute_url()).content.decode()

        assert "It goes on when you decide" in text
        assert f'id="decide-{approval.pk}"' in text and f'action="{address(approval)}"' in text

    @pytest.mark.parametrize("unfolded", ["", None])
    def test_also_inside_a_loop_folded_or_not(self, page: Any, owner: Any, unfolded: str | None) -> None:
        execution = started(owner, IN_A_LOOP)
        params = {} if unfolded is None else {"open": unfolded}

        text = page.get(execution.get_absolute_url(), params).content.decode()

        for approval in Approval.objects.filter(execution=execution):
            assert text.count(f'id="decide-{approval.pk}"') == 1
        assert "Go on with Graphics?" in text

    def test_a_step_of_which_nobody_knows_explains_the_three_ways_out(self, page: Any, approval: Approval) -> None:
        Approval.objects.filter(pk=approval.pk).update(kind="needs_attention", message="The worker was lost.")

        text = page.get(address(approval)).content.decode()

        for word in ("It was done", "Try again", "It failed", "may have had its effect outside"):
            assert word in text
