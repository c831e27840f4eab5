"""The plugins app."""

from django.apps import AppConfig


class PluginsConfig(AppConfig):
    name = "plugins"

    def ready(self) -> None:
        """Register what this app adds to shared screens."""
        from plugins import screens

        screens.register()
