"""The settings of the agents, read from `settings.AGENTS`."""

from dataclasses import dataclass

from django.conf import settings

MICROS_PER_CENT = 10_000


@dataclass(frozen=True)
class AgentSettings:
    """`anthropic_api_key` is the operator's, for students who have none of their own."""

    anthropic_api_key: str = ""
    anthropic_base_url: str = ""
    default_model: str = "claude-haiku-5-5"
    monthly_budget_usd_micros: int = 10_000_000


def agent_settings() -> AgentSettings:
    """Read anew on every call, so that tests may override `AGENTS` whole."""
    raw = getattr(settings, "AGENTS", {})
    return AgentSettings(
        anthropic_api_key=raw.get("ANTHROPIC_API_KEY") or "",
        anthropic_base_url=raw.get("ANTHROPIC_BASE_URL") or "",
        default_model=raw.get("ANTHROPIC_MODEL") or AgentSettings.default_model,
        monthly_budget_usd_micros=int(raw.get("MONTHLY_BUDGET_CENTS", 1000)) * MICROS_PER_CENT,
    )
