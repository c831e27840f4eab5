"""System checks: settings and files of the agents that cannot be meant."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from agents.conf import agent_settings
from agents.pricing import has_price
from agents.registry import catalog


@register()
def check_agents(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Broken manifests, a key that cannot be one, a plain address, a model without a price."""
    found: list[CheckMessage] = []
    for broken in catalog().broken:
        found.append(
            Warning(
                f"The agent in catalog/{broken.file} cannot be used: {'; '.join(broken.faults)}",
                hint="Correct the file; the other agents work.",
                id="agents.W001",
            )
        )
    ours = agent_settings()
    key = ours.anthropic_api_key
    if key and (key != key.strip() or not key.isascii() or " " in key):
        found.append(
            Error(
                "ANTHROPIC_API_KEY holds blanks or characters that no key has.",
                hint="Copy the key again, without quotes and line breaks.",
                id="agents.E001",
            )
        )
    if ours.anthropic_base_url.startswith("http://") and key and not _is_local(ours.anthropic_base_url):
        found.append(
            Warning(
                "ANTHROPIC_BASE_URL is a plain http address: the key and the prompts cross the network unencrypted.",
                hint="Use https.",
                id="agents.W002",
            )
        )
    if key and not has_price("anthropic", ours.default_model):
        found.append(
            Warning(
                f"ANTHROPIC_MODEL is {ours.default_model}, for which no price is known; its agent will not run.",
                hint="Choose a listed model, or add its price to agents/data/prices.yaml.",
                id="agents.W003",
            )
        )
    return found


def _is_local(url: str) -> bool:
    return any(url.startswith(f"http://{host}") for host in ("127.0.0.1", "localhost", "[::1]"))
