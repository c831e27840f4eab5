"""The workflows app."""

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"

    def ready(self) -> None:
        """Answer the hooks of connections, and register what this app adds to shared screens."""
        from workflows import screens, shipped  # noqa: F401 - importing `shipped` registers its hooks
        from workflows.triggers import error_workflows, events  # noqa: F401 - they subscribe to the log

        screens.register()
