"""The plugins app."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import pre_delete


class PluginsConfig(AppConfig):
    name = "plugins"

    def ready(self) -> None:
        """Register what this app adds to shared screens, and what it does when a student is deleted."""
        from plugins import screens

        screens.register()
        # Whatever deletes a user (the admin, a command) deletes the connections with it, past all of our functions.
        pre_delete.connect(_give_tokens_back, sender=settings.AUTH_USER_MODEL, dispatch_uid="plugins.give_tokens_back")


def _give_tokens_back(instance: Any, **_: Any) -> None:
    from plugins.oauth.revocation import give_back_all_of

    give_back_all_of(instance)
