"""What the pages of plugins show."""

from __future__ import annotations

from dataclasses import dataclass, field

from coreengine.accounts.models import User
from plugins.installing import services
from plugins.installing.models import InstalledPlugin, PluginVersion
from plugins.installing.nearness import near_names
from plugins.installing.permissions import Change, Group, consent_key, grouped, permissions_of
from plugins.manifest import Endpoint
from plugins.models import Connection
from plugins.pages import capabilities
from plugins.registry import Plugin, all_plugins
from plugins.reports import PluginReport, read_report
from plugins.sandbox.base import Protection


@dataclass(frozen=True)
class PluginRow:
    """A plugin in the list."""

    plugin: Plugin
    report: PluginReport | None
    building: bool = False

    @property
    def state(self) -> tuple[str, str]:
        """The badge: its status and its words."""
        if self.plugin.is_faulty:
            return "failed", "cannot be used"
        if not self.plugin.is_enabled:
            return "skipped", "switched off"
        if self.building:
            return "running", "being built"
        if self.report and self.report.refusal:
            return "waiting", "cannot run here"
        return "completed", "on"

    @property
    def icons(self) -> list[tuple[str, str]]:
        """Icon and words of each capability."""
        return capabilities(self.plugin.manifest)

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if self.plugin.is_shipped:
            return "ships with Core Engine"
        return "installed" if self.plugin.is_installed else "from a folder of this server"


@dataclass(frozen=True)
class PluginPage:
    """One plugin, with everything that is known of it."""

    row: PluginRow
    installed: InstalledPlugin | None
    permissions: list[Group]
    protections: list[Protection]
    versions: list[PluginVersion]
    proposal: PluginVersion | None
    connections: list[Connection] = field(default_factory=list)
    connection_count: int = 0

    @property
    def plugin(self) -> Plugin:
        """The plugin of the registry."""
        return self.row.plugin

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its routes."""
        return self.plugin.manifest.endpoints if self.plugin.manifest else ()

    @property
    def gaps(self) -> list[Protection]:
        """What the sandbox in use does not keep it from."""
        return [item for item in self.protections if not item.holds]

    @property
    def watched(self) -> PluginVersion | None:
        """The version whose image matters now: the one that is to take over, else the one that runs."""
        if self.installed is None:
            return None
        return self.installed.pending or self.installed.current

    @property
    def is_removable(self) -> bool:
        """True if it was installed here."""
        return self.installed is not None and self.installed.current_id is not None


@dataclass(frozen=True)
class ConsentPage:
    """A version that somebody is to consent to, beside the one that runs."""

    version: PluginVersion
    before: PluginVersion | None
    change: Change
    near: list[str]

    @property
    def consent(self) -> str:
        """The key that a consent names."""
        return consent_key(services.permissions_at(self.version))

    @property
    def added(self) -> list[Group]:
        """What it newly asks for, under headings."""
        return grouped(self.change.added)

    @property
    def kept(self) -> list[Group]:
        """What it asks for as before, under headings."""
        return grouped(self.change.kept)

    @property
    def is_current(self) -> bool:
        """True if this is the version that runs."""
        return self.before is not None and self.before.pk == self.version.pk


def plugin_rows() -> list[PluginRow]:
    """Return every plugin, in the order of the registry; one query."""
    report = read_report()
    known = report.plugins if report else {}
    busy = {
        version.name
        for version in PluginVersion.objects.installed().filter(image_state__in=["waiting", "building"]).only("name")
    }
    return [PluginRow(plugin, known.get(plugin.name), plugin.name in busy) for plugin in all_plugins()]


def plugin_page(plugin: Plugin, user: User) -> PluginPage:
    """Gather what the page of one plugin shows; versions and counts are for admins."""
    report = read_report()
    known = report.plugins.get(plugin.name) if report else None
    installed = InstalledPlugin.objects.select_related("current", "pending").filter(name=plugin.name).first()
    versions = PluginVersion.objects.visible_to(user).of(plugin.name)
    watched = (installed.pending or installed.current) if installed else None
    connections = Connection.objects.for_plugin(plugin.name)
    return PluginPage(
        row=PluginRow(plugin, known, bool(watched and watched.is_being_built)),
        installed=installed,
        permissions=grouped(permissions_of(plugin.manifest, plugin.folder)) if plugin.manifest else [],
        protections=report.protections.get(known.sandbox, []) if report and known else [],
        versions=list(versions.installed().select_related("installed_by")),
        proposal=versions.proposed().first(),
        connections=list(connections.visible_to(user)),
        connection_count=connections.count() if user.is_staff else 0,
    )


def consent_page(version: PluginVersion) -> ConsentPage:
    """Gather what somebody has to know before a version runs."""
    installed = InstalledPlugin.objects.select_related("current").filter(name=version.name).first()
    before = installed.current if installed else None
    return ConsentPage(version, before, services.change_to(version, before), near_names(version.name))
