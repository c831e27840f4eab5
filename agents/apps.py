"""The agents app."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from agents import checks  # noqa: F401
