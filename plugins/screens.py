"""What this app adds to the dashboard: how the connections stand, "Sync now", and the way to the first one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.notifications import NotificationKind, register_kind
from coreengine.kernel.screens import NavItem, SettingsPage, register_nav, register_settings_page, register_slot
from coreengine.kernel.sources import register_source_names
from coreengine.kernel.typing import Request
from plugins.models import Connection
from plugins.registry import usable_plugins
from plugins.saving.copies import find_file, places_for
from plugins.webhooks.pages import webhooks_card

FIRST_PLUGIN = "canvas-integration"
BRINGS_CODE = "read_repositories"


def dashboard_connections(request: Request) -> list[Connection]:
    """The student's connections, what the dashboard says of them, in one query per request."""
    if not hasattr(request, "plugins_connections"):
        request.plugins_connections = _CONNECTIONS.objects(owner=request.user.pk)  # type: ignore[attr-defined]
    return request.plugins_connections  # type: ignore[attr-defined]


def _connections(owner: int) -> QuerySet[Connection]:
    fields = ("label", "plugin", "health", "last_error", "last_synced_at", "owner_id")
    return Connection.objects.visible_to(owner_with(owner)).only(*fields).order_by("pk")[:10]


_CONNECTIONS = KeptQuery(_connections, owner=int)


def dashboard_actions(request: Request, thing: Any = None) -> dict[str, Any] | None:
    """The state of the connections and a button that syncs the first; None where there are none."""
    connections = dashboard_connections(request)
    # Where there are no courses yet the page's middle has the button, and one is enough.
    if not connections or getattr(request, "dashboard_starts", False):
        return None
    ailing = next((each for each in connections if each.health == Connection.Health.UNHEALTHY), None)
    return {"connection": _first(connections), "ailing": ailing}


def dashboard_start(request: Request, thing: Any = None) -> dict[str, Any]:
    """The way to the first courses: connect, or sync what is connected."""
    connections = dashboard_connections(request)
    first = _first(connections) if connections else None
    return {"connection": first if first and first.can_sync else None, "plugin": FIRST_PLUGIN}


def repositories_start(request: Request, thing: Any = None) -> dict[str, Any] | None:
    """The way to the first repositories: sync what brings some, else connect it."""
    bringing = [
        plugin for plugin in usable_plugins() if plugin.manifest and BRINGS_CODE in plugin.manifest.capabilities
    ]
    names = {plugin.name for plugin in bringing}
    connection = next((each for each in dashboard_connections(request) if each.plugin in names), None)
    return {"connection": connection, "plugins": bringing} if bringing else None


def saved_copies(request: Request, thing: Any) -> dict[str, Any] | None:
    """Where a file of the vault is saved and can be; None where nothing takes files."""
    if getattr(thing, "kind", "") != "file" or not dashboard_connections(request):
        return None
    file = find_file(request.user, thing.pk)
    places = places_for(request.user, file) if file else []
    return {"file": file, "places": places, "is_saving": any(place.is_saving for place in places)} if places else None


def _first(connections: list[Connection]) -> Connection:
    """Prefer the kind of connection that brings courses, then any that brings something in."""
    wanted = (each for each in connections if each.plugin == FIRST_PLUGIN)
    return next(wanted, None) or next((each for each in connections if each.can_sync), connections[0])


def connection_names(owner: Any, ids: set[str]) -> dict[str, str]:
    """What the student calls the connections that rows come from."""
    rows = _NAMES.rows(owner=owner.pk, ids=[int(number) for number in ids if number.isdecimal() and len(number) < 19])
    return {str(pk): label for pk, label in rows}


def _names(owner: int, ids: int) -> QuerySet[Any]:
    rows = Connection.objects.visible_to(owner_with(owner)).filter(pk__any_of=ids)
    return rows.order_by().values_list("pk", "label")


_NAMES = KeptQuery(_names, owner=int, ids=int)


def register() -> None:
    """Add all of it; called once, when the app is ready."""
    register_kind(
        NotificationKind("connection", "Connections", "plug", "A connection needs you, or could not do its part.", 60)
    )
    register_source_names("connection", connection_names)
    register_nav(NavItem("connections", "Connections", "plug", "plugins:list", 10, group="bottom"))
    register_settings_page(
        SettingsPage("plugins", "Plugins", "blocks", "plugins:settings", 40, "What is installed and what it may do")
    )
    register_slot("resource_attachments", "plugins/saving/_card.html", context=saved_copies, order=20)
    register_slot("connection", "plugins/webhooks/_card.html", context=webhooks_card, order=60)
    register_slot("dashboard_actions", "plugins/_dashboard_actions.html", context=dashboard_actions, order=10)
    register_slot("dashboard_start", "plugins/_dashboard_start.html", context=dashboard_start, order=10)
    register_slot("repositories_start", "plugins/_repositories_start.html", context=repositories_start, order=10)
