"""What a definition may refer to: the plugins, agents and system actions of this installation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from agents.errors import AgentNotFound
from agents.registry import agent_names, get_agent
from agents.rules import check_parameters
from coreengine.kernel.actions import action_names, check_params
from coreengine.kernel.expressions import nearest
from plugins.faults import ManifestFaulty
from plugins.registry import PluginUnknown, all_plugins, get_manifest
from plugins.registry import get_plugin as _get_plugin
from plugins.rules import check_params as check_plugin_params

Found = tuple[str, str]


class InstalledCatalogue:
    """The engine's catalogue of everything that is installed."""

    def system_action_faults(self, action: str, params: Mapping[str, Any]) -> Iterable[Found]:
        """What is wrong with calling a system action so."""
        if action not in action_names():
            yield "action", f"There is no system action “{action}”.{nearest(action, action_names())}"
            return
        for problem in check_params(action, dict(params)):
            yield (f"params.{problem.path}" if problem.path else "params"), problem.message

    def plugin_action_faults(self, plugin: str, action: str, params: Mapping[str, Any]) -> Iterable[Found]:
        """What is wrong with calling a plugin so."""
        names = [installed.name for installed in all_plugins() if installed.is_usable]
        if plugin not in names:
            broken = next((p for p in all_plugins() if p.name == plugin), None)
            if broken is not None and not broken.is_faulty:
                yield "plugin", f"The plugin “{plugin}” is switched off by an admin."
            elif broken is not None:
                yield "plugin", f"The manifest of “{plugin}” has faults, so it cannot be used."
            else:
                yield "plugin", f"There is no plugin “{plugin}”.{nearest(plugin, names)}"
            return
        try:
            check_plugin_params(get_manifest(plugin), action, params)
        except ValidationError as error:
            for field, messages in error.message_dict.items():
                if field == "action":
                    yield "action", " ".join(messages)
                elif not _is_template(params, field):
                    yield f"params.{field}", " ".join(messages)
        except ManifestFaulty as error:
            yield "plugin", str(error)

    def plugin_action_question(self, plugin: str, action: str) -> str:
        """What a person has to be asked before a plugin's action is done, "" for nothing."""
        try:
            endpoint = get_manifest(plugin).endpoint_by_name.get(action)
        except (PluginUnknown, ManifestFaulty):
            return ""
        return endpoint.confirm if endpoint else ""

    def agent_faults(self, agent: str, parameters: Mapping[str, Any]) -> Iterable[Found]:
        """What is wrong with asking an agent so."""
        try:
            get_agent(agent)
        except AgentNotFound:
            names = agent_names()
            yield "agent", f"There is no agent “{agent}”; there are {', '.join(names)}.{nearest(agent, names)}"
            return
        try:
            check_parameters({key: value for key, value in parameters.items() if not _holds_template(value)})
        except ValidationError as error:
            for field, messages in error.message_dict.items():
                yield f"parameters.{field}", " ".join(messages)


def shipped_definitions(plugin: str) -> Iterator[tuple[str, str]]:
    """The workflow files that come with a plugin: (file name without ending, YAML), in order of name."""
    folder = _get_plugin(plugin).folder / "workflows"
    if folder.is_dir():
        for file in sorted(folder.glob("*.yaml")):
            yield file.stem, file.read_text(encoding="utf-8")


def _is_template(params: Mapping[str, Any], field: str) -> bool:
    """Say whether the value that a fault is about is filled in only when the step runs."""
    value: Any = params
    for part in field.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False
        if isinstance(value, str) and "{{" in value:
            return True
    return _holds_template(value)


def _holds_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, Mapping):
        return any(_holds_template(item) for item in value.values())
    return isinstance(value, list) and any(_holds_template(item) for item in value)
