"""System checks of the whole: odd settings are reported at start, not at the first request."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, Warning, register


@register(Tags.security, deploy=True)
def production_settings(app_configs: Any, **kwargs: Any) -> list[Error | Warning]:
    """Refuse a deployment that would give secrets away."""
    found: list[Error | Warning] = []
    if getattr(settings, "DEMO_ACCOUNTS", False):
        found.append(
            Error(
                "The demo accounts with their published password are switched on.",
                hint="Set ENVIRONMENT=production.",
                id="coreengine.E001",
            )
        )
    if settings.PLUGINS["SANDBOX"] == "process":
        found.append(
            Error(
                "Plugins would run in the process sandbox, which does not confine a stranger's code.",
                hint="Set PLUGIN_SANDBOX=docker (or auto with a Docker engine).",
                id="coreengine.E002",
            )
        )
    return found
