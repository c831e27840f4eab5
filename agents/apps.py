"""The agents app."""

from django.apps import AppConfig

from coreengine.kernel import screens


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from agents import checks  # noqa: F401
        from agents.cards import budget_card
        from coreengine.kernel.notifications import NotificationKind, register_kind

        register_kind(NotificationKind("budget", "AI budget", "sparkles", "How much of your AI budget is used.", 70))
        screens.register_nav(screens.NavItem("agents", "Agents", "sparkles", "agents:list", order=70))
        screens.register_settings_page(
            screens.SettingsPage(
                "agents", "Agents", "sparkles", "agents:settings", order=60, description="Budget, key and first choice"
            )
        )
        screens.register_card(
            screens.Card(
                "ai-budget",
                "AI budget",
                "agents/_budget_card.html",
                budget_card,
                order=90,
                more_url_name="agents:runs",
                more_label="Usage",
                lines=2,
            )
        )
