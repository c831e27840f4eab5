"""The pages of the agents."""

import re
from typing import Any

import pytest
from django.urls import reverse

from agents import services
from agents.budgets import set_budget
from agents.models import AgentPreferences, AgentRun, Budget
from agents.preferences import set_api_key
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


class TestAgentList:
    def test_agents_without_a_key_say_what_to_do_instead_of_failing(self, page: Any) -> None:
        answer = page.get(reverse("agents:list"))

        text = answer.content.decode()
        assert answer.status_code == 200
        assert "needs a key" in text and "Add your key under Settings, Agents" in text
        assert 'href="/agents/summarizer/"' in text

    def test_a_broken_manifest_is_shown_to_admins_with_its_fault(
        self, client: Any, staff: Any, tmp_path: Any, monkeypatch: Any
    ) -> None:
        from agents import registry

        (tmp_path / "bad.yaml").write_text("name: Bad Name\ntitle: X\ntype: gossip\nprovider: local\nmodel: m\n")
        monkeypatch.setattr("agents.pages.catalog", lambda: registry.read_catalog(tmp_path))
        client.force_login(staff)

        text = client.get(reverse("agents:list")).content.decode()

        assert "bad.yaml cannot be used" in text and "type: Input should be" in text and "name: String should" in text

    def test_reading_writes_nothing(self, page: Any) -> None:
        for name in ("agents:list", "agents:runs", "agents:settings"):
            page.get(reverse(name))
        page.get(reverse("agents:agent", args=["claude"]))

        assert not Budget.objects.exists() and not AgentPreferences.objects.exists()


class TestAgentPage:
    def test_a_prompt_starts_a_run_and_leads_to_its_page(self, page: Any, queued: list[int]) -> None:
        answer = page.post(reverse("agents:agent", args=["summarizer"]), {"prompt": "One. Two.\r\nThree."})

        run = AgentRun.objects.get()
        assert answer.status_code == 302 and answer["Location"] == f"/agents/runs/{run.pk}/"
        assert run.prompt == "One. Two.\nThree." and queued == [run.pk]

    @pytest.mark.parametrize("prompt", ["", "   ", "x" * 50_001])
    def test_a_bad_prompt_comes_back_with_its_fault(self, page: Any, prompt: str) -> None:
        answer = page.post(reverse("agents:agent", args=["summarizer"]), {"prompt": prompt})

        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.content.decode()
        assert not AgentRun.objects.exists()

    def test_a_budget_that_is_used_up_keeps_what_was_typed(
        self, page: Any, owner: Any, messages_api: MessagesApi
    ) -> None:
        set_budget(owner, limit_usd_micros=0, period="month", by=owner)

        answer = page.post(reverse("agents:agent", args=["claude"]), {"prompt": "My long question"})

        text = answer.content.decode()
        assert answer.status_code == 409
        assert "My long question" in text and "is left" in text

    def test_an_example_fills_the_form(self, page: Any) -> None:
        text = page.get(reverse("agents:agent", args=["summarizer"]) + "?example=0").content.decode()
        assert "Midterm moved" in text

    def test_another_students_run_cannot_fill_the_form(self, page: Any, stranger: Any) -> None:
        theirs = RunFactory(owner=stranger, prompt="their secret")
        text = page.get(reverse("agents:agent", args=["summarizer"]) + f"?run={theirs.pk}").content.decode()
        assert "their secret" not in text

    def test_an_unknown_agent_is_404(self, page: Any) -> None:
        assert page.get("/agents/oracle/").status_code == 404

    def test_the_estimate_names_likely_and_worst_cost_and_starts_nothing(
        self, page: Any, messages_api: MessagesApi
    ) -> None:
        text = page.post(reverse("agents:estimate", args=["claude"]), {"prompt": "A question"}).content.decode()

        assert re.search(r"About <b>\$0\.000\d</b>, at most \$0\.00\d+", text)
        assert not AgentRun.objects.exists() and not messages_api.requests


class TestRunPage:
    def test_an_answer_is_rendered_without_running_or_loading_anything(self, page: Any, owner: Any) -> None:
        nasty = (
            "Hello <script>alert(1)</script> <img src=x onerror=alert(2)> ![p](https://evil.example/p.png)\n\n"
            "[click](javascript:alert(3)) <iframe src=//evil.example></iframe> <svg onload=alert(4)>\n\n"
            "[ref]: https://evil.example/r.png\n![i][ref] <style>@import '//evil.example'</style>"
        )
        run = RunFactory(owner=owner, is_done=True, content=nasty, prompt="</textarea><script>alert(5)</script>")

        text = page.get(run.get_absolute_url()).content.decode()
        main = text[text.index('<div id="run"') :]
        main = main[: main.index("</main>")]

        # The answer's source, kept for copying, is text and escaped; what counts are the tags.
        tags = re.findall(r"<(\w+)([^>]*)>", main)
        assert not {name for name, _ in tags} & {"script", "iframe", "img", "style", "object", "embed"}
        assert not [a for _, a in tags if re.search(r"\son\w+\s*=|javascript:", a)]

    def test_a_run_under_way_asks_for_itself_and_names_its_stream(self, page: Any, owner: Any) -> None:
        run = RunFactory(owner=owner, status=Status.RUNNING, content="So <b>far</b>")

        text = page.get(run.get_absolute_url()).content.decode()

        assert f'data-stream="/streams/{run.stream_name}"' in text and 'hx-trigger="every 2s, refresh"' in text
        assert "So &lt;b&gt;far&lt;/b&gt;" in text

    def test_a_finished_run_asks_for_nothing_more(self, page: Any, owner: Any) -> None:
        run = RunFactory(owner=owner, is_done=True)
        piece = page.get(run.get_absolute_url(), headers={"HX-Request": "true", "HX-Target": "run"}).content.decode()
        assert piece.lstrip().startswith('<div id="run">') and "hx-trigger" not in piece and "data-stream" not in piece

    def test_a_failed_run_says_why_and_can_be_run_again(self, page: Any, owner: Any, queued: list[int]) -> None:
        run = services.run_agent("summarizer", "One. Two.", owner=owner, by=owner)
        AgentRun.objects.update(status=Status.FAILED, error="Claude is overloaded right now.", content="")
        assert "Claude is overloaded right now." in page.get(run.get_absolute_url()).content.decode()

        answer = page.post(reverse("agents:retry", args=[run.pk]))

        again = AgentRun.objects.get(source=f"agent-run:{run.pk}")
        assert answer["Location"] == again.get_absolute_url() and queued == [again.pk]

    def test_a_pending_run_can_be_stopped(self, page: Any, owner: Any) -> None:
        run = services.start_run("summarizer", "One. Two.", owner=owner, by=owner)

        page.post(reverse("agents:stop", args=[run.pk]))

        run.refresh_from_db()
        assert run.status == Status.CANCELLED

    @pytest.mark.parametrize(("method", "name"), [("get", "run"), ("post", "stop"), ("post", "retry")])
    def test_another_students_run_is_404(self, page: Any, stranger: Any, method: str, name: str) -> None:
        theirs = RunFactory(owner=stranger)
        assert getattr(page, method)(reverse(f"agents:{name}", args=[theirs.pk])).status_code == 404


class TestRunList:
    def test_filters_narrow_and_totals_follow(self, page: Any, owner: Any, stranger: Any) -> None:
        RunFactory(owner=owner, is_done=True, prompt="about graphs", cost_usd_micros=150_000)
        RunFactory(owner=owner, is_done=True, prompt="about trees", cost_usd_micros=250_000)
        RunFactory(owner=stranger, is_done=True, prompt="graphs of a stranger")

        text = page.get(reverse("agents:runs") + "?q=graphs").content.decode()

        assert "about graphs" in text and "about trees" not in text and "stranger" not in text
        assert "$0.15" in text

    def test_nothing_found_offers_to_clear(self, page: Any, owner: Any) -> None:
        assert "Clear the filters" in page.get(reverse("agents:runs") + "?status=failed").content.decode()

    def test_no_runs_yet_offers_the_agent_that_needs_no_key(self, page: Any) -> None:
        assert "Try the summarizer" in page.get(reverse("agents:runs")).content.decode()

    def test_ten_more_rows_take_no_more_queries(
        self, page: Any, owner: Any, django_assert_max_num_queries: Any
    ) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        counts = []
        for size in (3, 10):
            RunFactory.create_batch(size, owner=owner, is_done=True)
            with CaptureQueriesContext(
                connection,
            ) as few:
                page.get(reverse("agents:runs"))
            counts.append(len(few))
        assert counts[0] == counts[1]


class TestSettings:
    def test_a_budget_is_set_in_dollars(self, page: Any, owner: Any) -> None:
        answer = page.post(reverse("agents:settings"), {"form": "budget", "limit": "2.50", "period": "week"})

        assert answer.status_code == 302
        budget = Budget.objects.get(owner=owner)
        assert (budget.limit_usd_micros, budget.period) == (2_500_000, "week")

    @pytest.mark.parametrize("limit", ["-1", "10001", "", "much", "1e99"])
    def test_a_limit_that_cannot_be_is_refused(self, page: Any, limit: str) -> None:
        answer = page.post(reverse("agents:settings"), {"form": "budget", "limit": limit, "period": "month"})
        assert answer.status_code == 422 and not Budget.objects.exists()

    def test_a_key_is_stored_encrypted_and_shown_by_its_end_only(self, page: Any, owner: Any) -> None:
        from django.db import connection

        page.post(reverse("agents:settings"), {"form": "key", "anthropic_api_key": "sk-ant-secret-key-4711"})

        text = page.get(reverse("agents:settings")).content.decode()
        assert "…4711" in text and "secret-key" not in text
        with connection.cursor() as cursor:
            cursor.execute("SELECT anthropic_api_key FROM agents_agentpreferences")
            assert b"secret" not in bytes(cursor.fetchone()[0])
        assert AgentPreferences.objects.get(owner=owner).anthropic_api_key == "sk-ant-secret-key-4711"

    def test_a_key_can_be_removed(self, page: Any, owner: Any) -> None:
        set_api_key(owner, key="sk-ant-secret-key-4711", by=owner)
        page.post(reverse("agents:settings"), {"form": "remove-key"})
        assert AgentPreferences.objects.get(owner=owner).anthropic_api_key is None

    def test_the_first_choice_is_what_ask_an_agent_opens(self, page: Any) -> None:
        page.post(reverse("agents:settings"), {"form": "choice", "default_agent": "study-planner"})
        text = page.get(reverse("agents:list")).content.decode()
        assert re.search(r'class="button primary" href="/agents/study-planner/"', text)

    def test_the_dashboard_shows_the_budget_once_there_is_one(self, page: Any, owner: Any) -> None:
        card = reverse("kernel:dashboard-card", args=["ai-budget"])
        assert card in page.get("/").content.decode() and page.get(card, headers={"HX-Request": "true"}).content == b""
        set_budget(owner, limit_usd_micros=4_000_000, period="month", by=owner)
        assert "of $4.00" in page.get(card).content.decode()


class TestAdmin:
    @pytest.mark.parametrize("model", ["agentrun", "budget", "reservation", "agentpreferences"])
    def test_every_list_opens(self, client: Any, staff: Any, owner: Any, model: str) -> None:
        RunFactory(owner=owner, is_done=True)
        set_budget(owner, limit_usd_micros=1, period="month", by=owner)
        set_api_key(owner, key="sk-ant-secret-key-4711", by=owner)
        client.force_login(staff)

        text = client.get(f"/admin/agents/{model}/?q=owner").content.decode()

        assert "owner@example.edu" in text or model == "reservation"
        assert "secret-key" not in text

    def test_a_limit_is_changed_through_the_service_and_checked(self, client: Any, staff: Any, owner: Any) -> None:
        from coreengine.kernel.models import Event

        budget = set_budget(owner, limit_usd_micros=1, period="month", by=owner)
        client.force_login(staff)
        address = f"/admin/agents/budget/{budget.pk}/change/"

        client.post(address, {"limit_usd_micros": 10**15, "period": "month"})
        budget.refresh_from_db()
        assert budget.limit_usd_micros == 1
        client.post(address, {"limit_usd_micros": 7_000_000, "period": "day"})

        budget.refresh_from_db()
        assert (budget.limit_usd_micros, budget.period) == (7_000_000, "day")
        assert Event.objects.filter(type="budget.changed", actor=staff).count() == 1

    def test_a_run_cannot_be_edited(self, client: Any, staff: Any, owner: Any) -> None:
        run = RunFactory(owner=owner, is_done=True)
        client.force_login(staff)
        assert client.post(f"/admin/agents/agentrun/{run.pk}/change/", {"content": "x"}).status_code == 403
