"""What the pages of connections and plugins show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Max, Q

from plugins.capabilities import CAPABILITY_WORDS, icon_for
from plugins.manifest import Authentication, Manifest
from plugins.models import ActionCall, Connection, GatewayCall
from plugins.oauth.clients import admin_address, hosts_with_client, missing_words
from plugins.registry import Plugin, usable_plugins
from plugins.settings_schema import worded_choices

if TYPE_CHECKING:
    from coreengine.accounts.models import User

DEMO_HOST = "demo.university.edu"


@dataclass(frozen=True)
class HostUse:
    """One host: declared, asked, or both."""

    host: str
    is_declared: bool
    call_count: int = 0
    failed_count: int = 0
    last_at: object = None


def capabilities(manifest: Manifest | None) -> list[tuple[str, str]]:
    """Return icon and words of each thing a plugin says it does."""
    return [CAPABILITY_WORDS.get(name, ("circle", name)) for name in (manifest.capabilities if manifest else ())]


@dataclass(frozen=True)
class PluginChoice:
    """A plugin that can be connected, with how often the student has."""

    plugin: Plugin
    icon: str
    connection_count: int


def plugin_choices(user: User) -> list[PluginChoice]:
    """Return what can be connected; one query."""
    rows = Connection.objects.visible_to(user).order_by().values_list("plugin").annotate(count=Count("pk"))
    counts: dict[str, int] = dict(rows)
    return [
        PluginChoice(plugin, icon_for(plugin.manifest.capabilities), counts.get(plugin.name, 0))
        for plugin in usable_plugins()
        if plugin.manifest is not None
    ]


def host_uses(connection: Connection) -> list[HostUse]:
    """Put the hosts a plugin declared beside those it asked, declared first; one query."""
    manifest = connection.manifest
    declared = manifest.hosts(connection.configuration) if manifest else ()
    asked: dict[str, dict[str, Any]] = {
        row["host"]: dict(row)
        for row in GatewayCall.objects.filter(connection=connection)
        .exclude(host="")
        .values("host")
        .order_by("host")
        .annotate(count=Count("pk"), failed=Count("pk", filter=~Q(error_code="")), last=Max("created_at"))
    }
    names = [*declared, *(host for host in asked if host not in declared)]
    return [
        HostUse(
            host=name,
            is_declared=name in declared,
            call_count=asked.get(name, {}).get("count", 0),
            failed_count=asked.get(name, {}).get("failed", 0),
            last_at=asked.get(name, {}).get("last"),
        )
        for name in names
    ]


def split_hosts(uses: list[HostUse]) -> tuple[list[HostUse], list[HostUse]]:
    """Return the hosts worth a line (home, and all that were asked), and the declared ones that never were."""
    shown = [use for number, use in enumerate(uses) if number == 0 or use.call_count]
    return shown, [use for use in uses if use not in shown]


def recent_actions(connection: Connection, *, limit: int = 12) -> list[ActionCall]:
    """Return what the plugin was last asked to do, with its requests; two queries."""
    return list(connection.action_calls.prefetch_related("gateway_calls")[:limit])


def settings_rows(connection: Connection) -> list[tuple[str, str]]:
    """Return label and value of each setting, in the manifest's order and words."""
    manifest = connection.manifest
    fields = manifest.settings_schema.get("properties", {}) if manifest else {}
    names = [*fields, *(name for name in connection.configuration if name not in fields)]
    rows = []
    for name in names:
        if name in connection.configuration:
            schema = fields.get(name, {})
            words = _in_words(connection.configuration[name], schema)
            rows.append((sentence(schema.get("title") or name.replace("_", " ")), words))
    return rows


def _in_words(value: Any, schema: Mapping[str, Any]) -> str:
    """Write the value of a setting with the words that its form has for it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_in_words(item, schema.get("items", {})) for item in value) or "none"
    return next((words for choice, words in worded_choices(schema) if choice == value), str(value))


def sentence(title: str) -> str:
    """Write a title the way this product does: one capital, names and abbreviations kept."""
    first, *rest = title.split() or [""]
    return " ".join([first[:1].upper() + first[1:], *(word if word.isupper() else word.lower() for word in rest)])


@dataclass(frozen=True)
class WayChoice:
    """One way to connect, as a choice above the form. `note` says why it cannot be used yet, or where it can."""

    way: Authentication
    icon: str
    is_current: bool
    is_ready: bool = True
    note: str = ""
    admin_url: str = ""

    @property
    def title(self) -> str:
        """The way as a choice."""
        return self.way.shown_title

    @property
    def description(self) -> str:
        """What the student does."""
        return self.way.description or _WAY_WORDS[self.way.type][1]


_WAY_WORDS = {
    "oauth2": ("log-in", "You are sent to the service, agree there, and come back."),
    "api_key": ("key-round", "You make a token at the service and paste it here."),
    "basic_auth": ("user", "The name and password that you have at the service."),
    "feed_url": ("rss", "You copy the secret address of your feed and paste it here. Reads only what the feed has."),
}


def first_way(manifest: Manifest) -> str:
    """Return the way to show first: the first that works here without an admin's help."""
    is_set_up = any(way.needs_sign_in for way in manifest.ways) and bool(hosts_with_client(manifest))
    usable = [way for way in manifest.ways if is_set_up or not way.needs_sign_in]
    return next((way.name for way in usable or manifest.ways), "")


def way_choices(manifest: Manifest, current: Authentication | None, user: User) -> list[WayChoice]:
    """Return the ways to connect; those that wait for an admin say so, and lead admins to where it is done."""
    found: list[WayChoice] = []
    hosts = hosts_with_client(manifest) if any(way.needs_sign_in for way in manifest.ways) else []
    for way in manifest.ways:
        note, admin_url, is_ready = "", "", True
        if way.needs_sign_in:
            is_ready = bool(hosts)
            named = [host for host in hosts if host]
            if not hosts:
                note = missing_words(manifest)
            elif named and "" not in hosts:
                note = f"Set up for {', '.join(named[:3])}{' and others' if len(named) > 3 else ''}."
            if user.is_staff and not hosts:
                admin_url = admin_address(manifest)
        found.append(WayChoice(way, _WAY_WORDS[way.type][0], way == current, is_ready, note, admin_url))
    return found


def demo_token_page(manifest: Manifest, way: Authentication | None) -> str:
    """Return the page of the demo university that has what this way asks for; "" where the university does not run.

    Offered only in development, and only for plugins that could talk to it.
    """
    base = getattr(settings, "DEMO_UNIVERSITY_URL", "")
    if not base or not getattr(settings, "DEMO_ACCOUNTS", False) or manifest.name != "canvas-integration":
        return ""
    page = manifest.address(way.token_page, {"canvas_domain": DEMO_HOST}) if way and way.token_page else ""
    return base.rstrip("/") + (urlsplit(page).path or "/")
