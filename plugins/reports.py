"""What the plugin worker knows about its sandboxes, written where pages can read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from plugins.conf import plugin_settings
from plugins.errors import SandboxUnavailable
from plugins.registry import usable_plugins
from plugins.sandbox.base import Protection

_KEY = "plugins:sandbox-report"
_KEPT_S = 3600


@dataclass(frozen=True)
class PluginReport:
    """Where one plugin runs; `refusal` says why it cannot, `note` why not in a container."""

    sandbox: str = ""
    image: str = ""
    refusal: str = ""
    note: str = ""


@dataclass(frozen=True)
class SandboxReport:
    """What a worker found out. `protections` is by sandbox in use."""

    written_at: str
    setting: str
    engine_answers: bool
    plugins: dict[str, PluginReport] = field(default_factory=dict)
    protections: dict[str, list[Protection]] = field(default_factory=dict)


def make_report() -> SandboxReport:
    """Find out what runs where, building missing images; for workers alone: it asks the engine and starts a probe."""
    from plugins.sandbox.choice import choose
    from plugins.sandbox.docker import engine_answers
    from plugins.sandbox.images import image_name

    plugins: dict[str, PluginReport] = {}
    protections: dict[str, list[Protection]] = {}
    for plugin in usable_plugins():
        try:
            sandbox, note = choose(plugin)
        except SandboxUnavailable as error:
            plugins[plugin.name] = PluginReport(refusal=str(error))
            continue
        image = image_name(plugin) if sandbox.name == "docker" else ""
        plugins[plugin.name] = PluginReport(sandbox.name, image, note=note)
        if sandbox.name not in protections:
            protections[sandbox.name] = sandbox.protections()
    return SandboxReport(timezone.now().isoformat(), plugin_settings().SANDBOX, engine_answers(), plugins, protections)


def write_report() -> SandboxReport:
    """Make the report and put it where pages read it."""
    report = make_report()
    cache.set(_KEY, asdict(report), _KEPT_S)
    return report


def read_report() -> SandboxReport | None:
    """Return what a worker wrote last, None if none has."""
    found: dict[str, Any] | None = cache.get(_KEY)
    if not found:
        return None
    return SandboxReport(
        written_at=found["written_at"],
        setting=found["setting"],
        engine_answers=found["engine_answers"],
        plugins={name: PluginReport(**item) for name, item in found["plugins"].items()},
        protections={name: [Protection(**item) for item in items] for name, items in found["protections"].items()},
    )
