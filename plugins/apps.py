"""The plugins app."""

from django.apps import AppConfig


class PluginsConfig(AppConfig):
    name = "plugins"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from coreengine.kernel.screens import NavItem, SettingsPage, register_nav, register_settings_page

        register_nav(NavItem("connections", "Connections", "plug", "plugins:list", 10, group="bottom"))
        register_settings_page(
            SettingsPage("plugins", "Plugins", "blocks", "plugins:settings", 40, "What is installed and what it may do")
        )
