"""Workflows that are ready to be used: the files in gallery/, what each does and what it needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from agents.errors import AgentNotFound
from agents.registry import get_agent
from coreengine.accounts.models import User
from coreengine.kernel.actions import get_action
from plugins.models import Connection
from plugins.registry import PluginUnknown, get_plugin
from workflows.engine.source import read_source
from workflows.graph import Picture
from workflows.graph.reading import ICONS, RawStep, walk
from workflows.models import Workflow
from workflows.versions import create_draft_workflow, create_workflow

FOLDER = Path(__file__).parent / "gallery"
ORDER = (
    *("due-digest", "grade-posted", "weekly-review", "last-call", "start-in-time", "weekly-summary"),
    *("announcement-summary", "archive-files", "focus-rounds"),
)
CONNECTS = "plugin_action"


@dataclass(frozen=True)
class Need:
    """Something that a workflow uses: an icon, what it is, and a word about it."""

    icon: str
    title: str
    detail: str
    is_missing: bool = False
    url: str = ""


@dataclass(frozen=True)
class ReadyMade:
    """One file of the gallery."""

    key: str
    source: str
    definition: dict[str, Any]

    @property
    def name(self) -> str:
        """Return what it is called."""
        return str(self.definition["name"])

    @property
    def description(self) -> str:
        """Say what it does."""
        return str(self.definition["description"])

    @property
    def triggers(self) -> list[dict[str, Any]]:
        """List what starts it by itself."""
        return [trigger for trigger in self.definition.get("triggers") or [] if trigger.get("type") != "manual"]

    @property
    def steps(self) -> list[RawStep]:
        """List its steps at every depth."""
        return [step for step, _ in walk(self.definition["steps"])]

    @property
    def icons(self) -> list[tuple[str, str]]:
        """List the types of its steps: (icon, type), each once."""
        return [(ICONS[kind], kind.replace("_", " ")) for kind in Counter(step.kind for step in self.steps)]

    @property
    def picture(self) -> Picture:
        """Draw its steps."""
        return Picture(self.definition["steps"])

    def needs(self, user: User) -> list[Need]:
        """Say what it will use on behalf of a student: one query if it calls plugins."""
        found: list[Need] = []
        plugins: dict[str, list[str]] = {}
        for step in self.steps:
            if step.kind == CONNECTS:
                plugins.setdefault(step.config["plugin"], []).append(step.config["action"])
        mine = list(Connection.objects.visible_to(user).filter(plugin__in=plugins)) if plugins else []
        found += [
            _plugin_need(name, actions, [c for c in mine if c.plugin == name]) for name, actions in plugins.items()
        ]
        agents = dict.fromkeys(step.config["agent"] for step in self.steps if step.kind == "ai_agent")
        found += [_agent_need(name) for name in agents]
        actions = dict.fromkeys(step.config["action"] for step in self.steps if step.kind == "system_action")
        for name in actions:
            action = get_action(name)
            found.append(Need("pencil" if action.writes else "eye", action.summary.rstrip("."), name))
        if asks := sum(1 for step in self.steps if step.kind == "approval"):
            found.append(Need("user-check", "Asks you", "once" if asks == 1 else f"{asks} times"))
        return found


@lru_cache(maxsize=1)
def ready_made() -> dict[str, ReadyMade]:
    """Read the gallery: key → workflow, in the order in which it is shown."""
    found = {}
    for file in sorted(FOLDER.glob("*.yaml"), key=lambda f: (ORDER.index(f.stem) if f.stem in ORDER else 99, f.stem)):
        source = file.read_text(encoding="utf-8")
        found[file.stem] = ReadyMade(file.stem, source, read_source(source).data)
    return found


def use_ready_made(chosen: ReadyMade, *, owner: User, as_draft: bool, by: User) -> Workflow:
    """Copy a workflow of the gallery into a student's own, published or as a draft to change first."""
    if as_draft:
        return create_draft_workflow(owner, source=chosen.source, by=by)
    return create_workflow(owner, source=chosen.source, by=by, message="Taken from the gallery")


def _plugin_need(name: str, actions: list[str], connections: list[Connection]) -> Need:
    try:
        title = get_plugin(name).title
    except PluginUnknown:
        title = name
    words = ", ".join(dict.fromkeys(actions))
    if not connections:
        return Need("plug", f"{title}: connect it first", words, is_missing=True, url=f"/connections/new/{name}/")
    names = ", ".join(str(connection) for connection in connections[:3])
    return Need("plug", f"{title}, through {names}", words, url=connections[0].get_absolute_url())


def _agent_need(name: str) -> Need:
    try:
        agent = get_agent(name)
    except AgentNotFound:
        return Need("sparkles", name, "not installed here", is_missing=True)
    where = "works on this machine and costs nothing" if agent.provider == "local" else "costs money from your budget"
    return Need(agent.icon, f"Agent {agent.title}", where, url=f"/agents/{name}/")
