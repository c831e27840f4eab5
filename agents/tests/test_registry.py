"""Manifests, prices, what is sent to Claude, and the checks at start."""

from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import lucide
import pytest
from django.core.management import CommandError, call_command

from agents import checks
from agents.budgets import set_budget
from agents.models import Budget
from agents.pricing import PriceUnknown, _own_price, price_usd_micros
from agents.providers.base import AgentContext, AgentRequest, Usage
from agents.providers.claude import ClaudeProvider, worst_input_tokens
from agents.registry import AgentManifest, catalog, get_agent, read_catalog

GOOD = "name: good\ntitle: Good\ntype: review\nprovider: local\nmodel: lexrank\n"


class TestManifests:
    def test_the_shipped_ones_are_sound(self) -> None:
        assert catalog().broken == ()
        assert {"summarizer", "claude"} <= {agent.name for agent in catalog().agents}
        for agent in catalog().agents:
            assert lucide._render_icon(agent.icon, 16)
            assert agent.provider == "local" or agent.instructions

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("- a list", "mapping"),
            ("name: [", "expected"),
            (GOOD + "colour: red\n", "colour: Extra inputs"),
            (GOOD.replace("review", "gossip"), "type: Input should be"),
            (GOOD + "capabilities: [telepathy]\n", "capabilities.0: Input should be"),
            (GOOD + "system_prompt: missing\n", "prompts/missing.md"),
            (GOOD + "max_tokens: 0\n", "max_tokens: Input should be greater"),
        ],
    )
    def test_a_broken_one_names_its_field_and_harms_no_other(self, tmp_path: Path, text: str, fault: str) -> None:
        (tmp_path / "bad.yaml").write_text(text)
        (tmp_path / "good.yaml").write_text(GOOD.replace("name: good", "name: sound"))

        found = read_catalog(tmp_path)

        assert [agent.name for agent in found.agents] == ["sound"]
        assert found.broken[0].file == "bad.yaml" and fault in " ".join(found.broken[0].faults)

    def test_a_name_taken_twice_is_a_fault(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(GOOD)
        (tmp_path / "b.yaml").write_text(GOOD)
        assert read_catalog(tmp_path).broken[0].file == "b.yaml"

    def test_the_defaults_are_those_of_every_agent(self) -> None:
        agent = AgentManifest(name="plain", title="Plain", type="planning", provider="local", model="m")
        assert (agent.temperature, agent.max_tokens, agent.timeout_s) == (0.7, 2000, 30)


class TestPrices:
    @pytest.mark.parametrize(
        ("model", "usage", "micros"),
        [
            ("claude-haiku-5-5", Usage(input_tokens=1000, output_tokens=1000), 600),
            ("claude-haiku-5-5", Usage(input_tokens=200_000, output_tokens=1000), 102_500),
            ("claude-sonnet-5-5", Usage(input_tokens=1000, output_tokens=1000), 12_000),
            ("claude-fable-5-2", Usage(cache_read_tokens=1_000_000), 200_000),
            ("claude-sonnet-5-5", Usage(cache_write_tokens=1_000_000), 2_500_000),
            ("claude-sonnet-5-5", Usage(cache_write_1h_tokens=1_000_000), 4_000_000),
            ("claude-haiku-5-5", Usage(output_tokens=1), 1),
            ("claude-haiku-5-5", Usage(), 0),
        ],
    )
    def test_tokens_cost(self, model: str, usage: Usage, micros: int) -> None:
        assert price_usd_micros("anthropic", model, usage) == micros

    @pytest.mark.parametrize(
        ("on", "dollars"), [(date(2026, 10, 6), "0.20"), (date(2026, 10, 7), "0.10"), (date(2026, 11, 22), "0.10")]
    )
    def test_an_own_price_holds_from_its_day_on(self, on: date, dollars: str) -> None:
        found = _own_price("anthropic", "claude-sonnet-5-5", Usage(cache_read_tokens=1_000_000), on)
        assert f"{found:.2f}" == dollars

    def test_a_model_without_a_price_is_not_guessed(self) -> None:
        with pytest.raises(PriceUnknown, match=r"prices\.yaml"):
            price_usd_micros("anthropic", "claude-next-9", Usage(input_tokens=1), at=datetime.now(UTC))

    def test_the_worst_case_is_above_any_tokenisers_count(self) -> None:
        assert worst_input_tokens("漢字🎓 text") > len("漢字🎓 text".encode())


class TestClaudeRequest:
    def body(self, model: str, **fields: Any) -> dict[str, Any]:
        manifest = get_agent("claude").model_copy(update={"model": model, **fields})
        context = AgentContext(
            conversation_history=({"role": "user", "content": "Before"}, {"role": "system", "content": "No"})
        )
        return ClaudeProvider(manifest).request_body(AgentRequest("Now", context, {"max_tokens": 50}))

    def test_a_current_model_gets_no_temperature(self) -> None:
        body = self.body("claude-haiku-5-5")
        assert "extra_body" not in body and body["thinking"] == {"type": "disabled"} and body["max_tokens"] == 50

    def test_a_model_whose_thinking_cannot_be_off_is_not_asked_to(self) -> None:
        assert "thinking" not in self.body("claude-opus-5-5")

    def test_an_older_model_gets_its_temperature_under_the_older_version(self) -> None:
        body = self.body("claude-haiku-4-5", temperature=0.3)
        assert body["extra_body"] == {"temperature": 0.3}
        assert body["extra_headers"] == {"anthropic-version": "2023-06-01"}

    def test_history_is_turns_of_the_two_sides_only(self) -> None:
        assert [turn["content"] for turn in self.body("claude-haiku-5-5")["messages"]] == ["Before", "Now"]

    def test_an_older_model_answers_over_http(self, messages_api: Any) -> None:
        manifest = get_agent("claude").model_copy(update={"model": "claude-haiku-4-5"})
        provider = ClaudeProvider(manifest, {"api_key": messages_api.key, "base_url": messages_api.url})

        assert provider.process(AgentRequest("Hello")).content == "Hello there."
        assert messages_api.requests[0].body["temperature"] == 0.7
        assert messages_api.requests[0].headers["x-stainless-retry-count"] == "0"


class TestChecks:
    def found(self, settings: Any, **values: Any) -> list[str | None]:
        settings.AGENTS = {**settings.AGENTS, **values}
        return [message.id for message in checks.check_agents(None)]

    def test_the_shipped_settings_are_sound(self, settings: Any) -> None:
        assert self.found(settings) == []

    def test_odd_settings_are_named(self, settings: Any) -> None:
        assert self.found(settings, ANTHROPIC_API_KEY="sk ant ") == ["agents.E001"]
        key = {"ANTHROPIC_API_KEY": "sk-ant-key-0000"}
        assert self.found(settings, **key, ANTHROPIC_BASE_URL="http://proxy.example") == ["agents.W002"]
        assert self.found(settings, **key, ANTHROPIC_BASE_URL="http://127.0.0.1:9") == []
        assert "agents.W003" in self.found(settings, **key, ANTHROPIC_MODEL="claude-next-9")


@pytest.mark.django_db
class TestVerifyBudgets:
    def test_a_sound_budget_agrees_and_a_changed_row_is_found(self, owner: Any) -> None:
        set_budget(owner, limit_usd_micros=1_000_000, period="month", by=owner)
        out = StringIO()
        call_command("verify_budgets", stdout=out)
        assert "1 budgets agree" in out.getvalue()

        Budget.objects.update(spent_usd_micros=5)

        with pytest.raises(CommandError, match="1 of 1"):
            call_command("verify_budgets", stderr=StringIO())
