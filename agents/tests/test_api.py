"""The API of the agents, and that it says what the pages say."""

from typing import Any

import pytest
from django.urls import reverse

from agents import services
from agents.budgets import set_budget
from agents.models import AgentRun, Budget
from agents.testing.messages_api import MessagesApi
from agents.tests.factories import RunFactory
from coreengine.kernel.statuses import Status

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def queued(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What would be sent to workers."""
    sent: list[int] = []
    monkeypatch.setattr("agents.tasks.execute_agent_run.delay_on_commit", sent.append)
    return sent


class TestAgents:
    def test_the_list_tells_state_and_price(self, api: Any) -> None:
        agents = {agent["name"]: agent for agent in api.get("/api/v1/agents/").json()["results"]}

        assert agents["summarizer"]["health"]["status"] == "healthy"
        assert agents["summarizer"]["typical_cost_usd_micros"] == 0
        assert agents["claude"]["health"]["status"] == "needs_key"
        assert agents["claude"]["typical_cost_usd_micros"] > 0
        assert (agents["claude"]["temperature"], agents["claude"]["max_tokens"], agents["claude"]["timeout"]) == (
            0.7,
            2000,
            30,
        )

    def test_one_agent(self, api: Any) -> None:
        assert api.get("/api/v1/agents/summarizer/").json()["type"] == "summarization"

    def test_capable_agents_come_ready_and_cheap_first_with_the_reason(
        self, api: Any, messages_api: MessagesApi
    ) -> None:
        found = api.get("/api/v1/agents/recommendations/?capability=text_generation").json()

        assert found[0]["agent"] == "summarizer" and found[-1]["agent"] == "code-reviewer"
        assert "free" in found[0]["reason"] and "cheapest" in found[0]["reason"]
        able = api.get("/api/v1/agents/recommendations/?capability=code_analysis").json()
        assert {each["agent"] for each in able} == {"claude", "code-reviewer"}
        assert api.get("/api/v1/agents/recommendations/?capability=telepathy").status_code == 422

    def test_an_estimate_starts_nothing(self, api: Any, messages_api: MessagesApi) -> None:
        found = api.post("/api/v1/agents/claude/estimate/", {"prompt": "A question"}).json()

        assert 0 < found["likely_usd_micros"] < found["worst_usd_micros"] <= found["left_usd_micros"]
        assert found["fits"] and not AgentRun.objects.exists()


class TestRuns:
    def test_a_run_is_accepted_and_read_at_its_address(self, api: Any, queued: list[int]) -> None:
        answer = api.post("/api/v1/agents/summarizer/runs/", {"prompt": "One. Two.", "session_id": "s1"})

        run = AgentRun.objects.get()
        assert answer.status_code == 202 and answer["Location"] == f"/api/v1/agent-runs/{run.pk}/"
        assert queued == [run.pk]
        assert answer.json()["stream_url"] == f"/streams/{run.stream_name}"
        services.execute_run(run.pk)
        done = api.get(answer["Location"]).json()
        assert (done["status"], done["session_id"], done["stream_url"]) == ("completed", "s1", None)
        assert done["content"]

    def test_the_same_idempotency_key_starts_one_run(self, api: Any) -> None:
        answers = [
            api.post("/api/v1/agents/summarizer/runs/", {"prompt": "One."}, headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]

        assert answers[0].json()["id"] == answers[1].json()["id"] and AgentRun.objects.count() == 1

    def test_the_list_is_ones_own_and_filtered(self, api: Any, owner: Any, stranger: Any) -> None:
        RunFactory(owner=stranger)
        RunFactory(owner=owner, is_done=True)
        pending = RunFactory(owner=owner)

        found = api.get("/api/v1/agent-runs/?status=pending").json()["results"]

        assert [run["id"] for run in found] == [pending.pk]
        assert "prompt" not in found[0] and api.get("/api/v1/agent-runs/").json()["results"].__len__() == 2

    def test_ten_more_rows_take_no_more_queries(self, api: Any, owner: Any) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        api.get("/api/v1/agent-runs/")  # notes when the token was last used
        counts = []
        for size in (3, 10):
            RunFactory.create_batch(size, owner=owner, is_done=True)
            with CaptureQueriesContext(connection) as few:
                api.get("/api/v1/agent-runs/")
            counts.append(len(few))
        assert counts[0] == counts[1]

    @pytest.mark.parametrize(("method", "tail"), [("get", ""), ("post", "cancel/"), ("post", "retry/")])
    def test_another_students_run_is_404(self, api: Any, stranger: Any, method: str, tail: str) -> None:
        theirs = RunFactory(owner=stranger)
        assert getattr(api, method)(f"/api/v1/agent-runs/{theirs.pk}/{tail}").status_code == 404

    def test_a_finished_run_cannot_be_cancelled(self, api: Any, owner: Any) -> None:
        done = RunFactory(owner=owner, is_done=True)
        answer = api.post(f"/api/v1/agent-runs/{done.pk}/cancel/")
        assert (answer.status_code, answer.json()["code"]) == (409, "run_already_finished")


class TestBudgetAndPreferences:
    def test_the_budget_is_read_without_opening_it_and_changed(self, api: Any, owner: Any) -> None:
        assert api.get("/api/v1/agents/budget/").json()["limit_usd_micros"] == 10_000_000
        assert not Budget.objects.exists()

        changed = api.patch("/api/v1/agents/budget/", {"limit_usd_micros": 2_000_000}).json()

        assert (changed["limit_usd_micros"], changed["period"]) == (2_000_000, "month")

    @pytest.mark.parametrize("given", [{"limit_usd_micros": -1}, {"limit_usd_micros": 10**18}, {"period": "year"}])
    def test_a_budget_that_cannot_be_is_refused(self, api: Any, given: dict[str, Any]) -> None:
        assert api.patch("/api/v1/agents/budget/", given).status_code == 422

    def test_a_key_goes_in_and_never_comes_out(self, api: Any) -> None:
        changed = api.patch("/api/v1/agents/preferences/", {"anthropic_api_key": "sk-ant-secret-key-4711"})

        assert changed.json() == {"default_agent": "", "key_hint": "4711"}
        assert "secret" not in api.get("/api/v1/agents/preferences/").content.decode()

    def test_an_unknown_first_choice_is_refused(self, api: Any) -> None:
        answer = api.patch("/api/v1/agents/preferences/", {"default_agent": "oracle"})
        assert answer.status_code == 422 and "default_agent" in answer.json()["errors"]


class TestBothDoors:
    """Starting and stopping a run: the page and the API agree."""

    def through(self, door: str, page: Any, api: Any, agent: str, prompt: str) -> Any:
        if door == "page":
            return page.post(reverse("agents:agent", args=[agent]), {"prompt": prompt})
        return api.post(f"/api/v1/agents/{agent}/runs/", {"prompt": prompt})

    @pytest.mark.parametrize("door", ["page", "api"])
    @pytest.mark.parametrize(
        ("agent", "prompt", "status"),
        [
            ("summarizer", "One. Two.", None),
            ("summarizer", "", 422),
            ("summarizer", " \n ", 422),
            ("summarizer", "x" * 50_001, 422),
            ("claude", "No key yet", 409),
            ("oracle", "Who?", 404),
        ],
    )
    def test_starting(self, page: Any, api: Any, door: str, agent: str, prompt: str, status: int | None) -> None:
        answer = self.through(door, page, api, agent, prompt)

        assert answer.status_code == (status or {"page": 302, "api": 202}[door])
        assert AgentRun.objects.count() == (0 if status else 1)

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_a_used_up_budget(self, page: Any, api: Any, owner: Any, door: str, messages_api: MessagesApi) -> None:
        set_budget(owner, limit_usd_micros=0, period="month", by=owner)

        answer = self.through(door, page, api, "claude", "A question")

        assert answer.status_code == 409 and "is left" in answer.content.decode()
        if door == "api":
            assert answer.json()["code"] == "budget_used_up"

    @pytest.mark.parametrize("door", ["page", "api"])
    def test_stopping(self, page: Any, api: Any, owner: Any, door: str) -> None:
        run = services.start_run("summarizer", "One. Two.", owner=owner, by=owner)

        if door == "page":
            page.post(reverse("agents:stop", args=[run.pk]))
        else:
            api.post(f"/api/v1/agent-runs/{run.pk}/cancel/")

        run.refresh_from_db()
        assert run.status == Status.CANCELLED
