"""What the pages of the agents show."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from agents.budgets import budget_of
from agents.formats import dollars
from agents.models import AgentPreferences, AgentRun, Budget
from agents.orchestrator import ListedAgent, listed_agents
from agents.registry import BrokenAgent, catalog
from coreengine.accounts.models import User


@dataclass(frozen=True)
class BudgetMeter:
    """A budget in the words and numbers of its meter."""

    percent: int
    spent: str
    limit: str
    left: str
    held: str
    period: str
    renews: str
    is_used_up: bool
    is_nearly_used_up: bool

    @classmethod
    def of(cls, budget: Budget) -> "BudgetMeter":
        days = max(0, (budget.renews_on - timezone.now().date()).days)
        return cls(
            percent=budget.used_percent,
            spent=dollars(budget.spent_usd_micros),
            limit=dollars(budget.limit_usd_micros),
            left=dollars(budget.left_usd_micros),
            held=dollars(budget.reserved_usd_micros) if budget.reserved_usd_micros else "",
            period=budget.get_period_display().lower(),
            renews="renews tomorrow" if days <= 1 else f"renews in {days} days",
            is_used_up=budget.left_usd_micros == 0,
            is_nearly_used_up=budget.used_percent >= 80,
        )


@dataclass(frozen=True)
class AgentsPage:
    """The list of agents, with the money and the latest runs beside it."""

    agents: list[ListedAgent]
    broken: tuple[BrokenAgent, ...]
    first_choice: str
    meter: BudgetMeter
    runs: list[AgentRun]

    @classmethod
    def of(cls, user: User) -> "AgentsPage":
        agents = listed_agents(user)
        return cls(
            agents=agents,
            broken=catalog().broken if user.is_staff else (),
            first_choice=first_choice(user, agents),
            meter=BudgetMeter.of(budget_of(user)),
            runs=list(AgentRun.objects.visible_to(user).newest().for_lists()[:6]),
        )


def first_choice(user: User, agents: list[ListedAgent]) -> str:
    """The student's default agent, else the first that could run now."""
    chosen = AgentPreferences.objects.filter(owner=user).values_list("default_agent", flat=True).first()
    if chosen and any(agent.manifest.name == chosen for agent in agents):
        return chosen
    return next((agent.manifest.name for agent in agents if agent.health.is_usable), "")


def run_context(run: AgentRun, stream_url: str) -> dict[str, Any]:
    """What the run's page and its live piece show."""
    manifest = catalog().get(run.agent)
    return {
        "run": run,
        "manifest": manifest,
        "title": manifest.title if manifest else run.agent,
        "stream_url": stream_url,
        "note": run.metadata.get("note", ""),
        "is_estimated": run.metadata.get("usage_is_estimated", False),
    }
