"""The kernel app: what every other app stands on."""

from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig, apps


class KernelConfig(AppConfig):
    name = "coreengine.kernel"
    label = "kernel"
    verbose_name = "Kernel"

    def ready(self) -> None:
        """Put the dashboard into the navigation and load every app's system actions and subscribers."""
        from coreengine.kernel.screens import NavItem, SettingsPage, register_nav, register_settings_page

        register_settings_page(
            SettingsPage(
                "notifications", "Notifications", "bell", "kernel:notification-settings", 35, "Channels and quiet hours"
            )
        )
        register_nav(NavItem("dashboard", "Dashboard", "layout-dashboard", "kernel:dashboard", 0))
        from coreengine.kernel import builtin_actions, checks  # noqa: F401  (registration on import)

        # Shared tasks belong to Celery's default application until ours exists, and that one knows no
        # `delay_on_commit`. By name: the composition root is imported by nobody.
        import_module("coreengine.celery")

        for config in apps.get_app_configs():
            for module in ("actions", "subscribers"):
                if not config.name.startswith(("django", "rest_framework", "allauth")) and find_spec(
                    f"{config.name}.{module}"
                ):
                    import_module(f"{config.name}.{module}")
