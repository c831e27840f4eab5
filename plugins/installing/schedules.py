"""Lets what runs by itself follow what admins decided."""

from __future__ import annotations

from django.db import transaction

from coreengine.kernel import hooks
from plugins.models import Connection
from plugins.registry import find_plugin


def align(name: str) -> int:
    """Make the schedules and shipped workflows of a plugin's connections agree with its state; return how many.

    Each connection is a transaction of its own: thousands of them are no reason to hold up anyone.
    """
    plugin = find_plugin(name)
    is_resting = plugin is None or not plugin.is_usable
    keys = list(Connection.objects.for_plugin(name).confirmed().values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():
            connection = (
                Connection.objects.select_related("owner").select_for_update(of=("self",)).filter(pk=key).first()
            )
            if connection is None:
                continue
            hooks.call("connection.resting", connection=connection, is_resting=is_resting)
            if not is_resting:
                hooks.call("connection.saved", connection=connection, by=connection.owner)
    return len(keys)
