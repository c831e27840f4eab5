"""Choosing an agent and saying what it will cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agents.errors import AgentNotReady
from agents.formats import dollars
from agents.models import Budget
from agents.preferences import credentials_of
from agents.providers.base import AgentRequest, Estimate, Health, ProviderError
from agents.registry import AgentManifest, catalog, get_agent, make_provider
from agents.rules import check_parameters, check_prompt
from coreengine.accounts.models import User

# A page of text and a paragraph of answer: what recommendations compare prices by.
TYPICAL_PROMPT = "word " * 600


@dataclass(frozen=True)
class RunEstimate:
    """An estimate beside what the budget has left."""

    estimate: Estimate
    left_usd_micros: int

    @property
    def fits(self) -> bool:
        return self.estimate.worst_usd_micros <= self.left_usd_micros


@dataclass(frozen=True)
class Recommendation:
    agent: AgentManifest
    health: Health
    typical_usd_micros: int
    reason: str


@dataclass(frozen=True)
class ListedAgent:
    """An agent as one student sees it."""

    manifest: AgentManifest
    health: Health
    typical_usd_micros: int


def estimate_run(
    agent: str, prompt: str, *, owner: User, budget: Budget, parameters: dict[str, Any] | None = None
) -> RunEstimate:
    """What a run would cost, probably and at the most. Starts and spends nothing.

    Raises:
        AgentNotFound, AgentNotReady, ValidationError: such a run could not start.
    """
    manifest = get_agent(agent)
    check_prompt(prompt)
    request = AgentRequest(prompt=prompt, parameters=check_parameters(parameters))
    try:
        estimate = make_provider(manifest, credentials_of(owner, manifest)).estimate(request)
    except ProviderError as error:
        raise AgentNotReady(str(error)) from error
    return RunEstimate(estimate, budget.left_usd_micros)


def listed_agents(owner: User) -> list[ListedAgent]:
    """All agents with their state for this student, in the catalog's order."""
    keys: dict[str, dict[str, str]] = {}
    listed = []
    for manifest in catalog().agents:
        if manifest.provider not in keys:
            keys[manifest.provider] = credentials_of(owner, manifest)
        provider = make_provider(manifest, keys[manifest.provider])
        listed.append(ListedAgent(manifest, provider.health(), _typical(provider)))
    return listed


def listed_agent(name: str, owner: User) -> ListedAgent:
    """One agent with its state for this student.

    Raises:
        AgentNotFound: there is none of that name.
    """
    manifest = get_agent(name)
    provider = make_provider(manifest, credentials_of(owner, manifest))
    return ListedAgent(manifest, provider.health(), _typical(provider))


def _typical(provider: Any) -> int:
    try:
        return int(provider.estimate(AgentRequest(prompt=TYPICAL_PROMPT)).likely_usd_micros)
    except ProviderError:
        return 0


def recommend(capabilities: Iterable[str], *, owner: User) -> list[Recommendation]:
    """Agents that can do all of `capabilities`: ready ones first, then the cheapest, each with the reason."""
    wanted = set(capabilities)
    able = [agent for agent in listed_agents(owner) if wanted <= {str(c) for c in agent.manifest.capabilities}]
    able.sort(key=lambda a: (not a.health.is_usable, a.typical_usd_micros, a.manifest.order))
    return [
        Recommendation(agent.manifest, agent.health, agent.typical_usd_micros, _reason(agent, position))
        for position, agent in enumerate(able)
    ]


def _reason(agent: ListedAgent, position: int) -> str:
    price = "free" if not agent.typical_usd_micros else f"about {dollars(agent.typical_usd_micros)} for a page of text"
    if not agent.health.is_usable:
        return f"Capable, {price}, but not ready: {agent.health.detail}"
    return f"Capable and {price}" + (", the cheapest that is ready." if position == 0 else ".")
