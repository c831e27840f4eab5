"""A student's own choices: the agent offered first, and a key of their own."""

from django.db import transaction

from agents.conf import agent_settings
from agents.models import AgentPreferences
from agents.registry import AgentManifest
from agents.rules import check_api_key, check_default_agent
from coreengine.accounts.models import User
from coreengine.kernel.events import record


def credentials_of(owner: User, manifest: AgentManifest) -> dict[str, str]:
    """The key and address for an agent: the student's own key, else the operator's."""
    if manifest.provider != "claude":
        return {}
    ours = agent_settings()
    own = AgentPreferences.objects.filter(owner=owner).first()
    key = str((own.anthropic_api_key if own else "") or ours.anthropic_api_key)
    return {"api_key": key, "base_url": ours.anthropic_base_url}


@transaction.atomic
def set_preferences(owner: User, *, default_agent: str, by: User) -> AgentPreferences:
    """Choose the agent that is offered first; empty means the first that is ready."""
    check_default_agent(default_agent)
    preferences, _ = AgentPreferences.objects.select_for_update().get_or_create(owner=owner)
    if preferences.default_agent != default_agent:
        preferences.default_agent = default_agent
        preferences.save(update_fields=["default_agent", "updated_at"])
        record("agent_preferences.changed", actor=by, subject=preferences, data={"default_agent": default_agent})
    return preferences


@transaction.atomic
def set_api_key(owner: User, *, key: str, by: User) -> AgentPreferences:
    """Keep a student's own Anthropic key, encrypted; an empty one removes it."""
    key = key.strip()
    check_api_key(key)
    preferences, _ = AgentPreferences.objects.select_for_update().get_or_create(owner=owner)
    preferences.anthropic_api_key = key or None
    preferences.key_hint = key[-4:]
    preferences.save(update_fields=["anthropic_api_key", "key_hint", "updated_at"])
    record("agent_preferences.key_set" if key else "agent_preferences.key_removed", actor=by, subject=preferences)
    return preferences
