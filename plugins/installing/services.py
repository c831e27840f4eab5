"""Changes to what is installed. Pages, API and commands come through here; `by` is an admin, None on the command line.

1. `propose` unpacks and checks what was brought, and keeps it until somebody consents.
2. `install` makes a proposal, or an earlier version, the one that runs; a worker builds its image first.
3. `switch_off`, `switch_on`, `uninstall` do what they say. Every change is an event, and `publish` tells all processes.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from coreengine.kernel.errors import NotAllowed
from coreengine.kernel.events import record
from plugins.conf import plugin_settings
from plugins.faults import ManifestFaulty
from plugins.installing import shelf
from plugins.installing.archive import BOUNDS, MIB, copy_folder, unpack
from plugins.installing.errors import AlreadyInstalled, CannotInstall, ConsentNeeded, NotInstalledHere
from plugins.installing.models import InstalledPlugin, PluginVersion
from plugins.installing.permissions import Change, Permission, compare, consent_key, permissions_of
from plugins.installing.signatures import check_sum, signer_of
from plugins.manifest import Manifest, parse_manifest
from plugins.models import ActionCall, Connection, StoredValue
from plugins.registry import ENTRY_NAME, MANIFEST_NAME, find_plugin
from plugins.services import disconnect

if TYPE_CHECKING:
    from coreengine.accounts.models import User

logger = logging.getLogger(__name__)
VERSIONS_KEPT = 5
RESERVED = {"install", "versions", "manifest-schema"}
"""Names that are addresses of this app's own pages."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes when a plugin is uninstalled."""

    connection_count: int
    student_count: int
    call_count: int
    stored_count: int
    version_count: int


def propose(
    source: Path,
    *,
    by: User | None,
    file_name: str = "",
    checksum: str = "",
    signature: bytes = b"",
) -> PluginVersion:
    """Unpack and check an archive, or a folder, and keep it until somebody consents to what it asks for.

    Raises:
        NotAllowed: only admins install.
        ValidationError: `archive`, `checksum` or `signature`, in words.
        AlreadyInstalled, CannotInstall: this content, or this name, cannot be brought.
    """
    _check_may_install(by)
    sha256, signed_by = _checked_archive(source, checksum, signature)
    with tempfile.TemporaryDirectory(prefix="draft-", dir=shelf.drafts_folder()) as draft:
        target = Path(draft) / "files"
        target.mkdir()
        root = copy_folder(source, target) if source.is_dir() else unpack(source, target)
        manifest = _checked_manifest(root)
        digest = shelf.tree_digest(root)
        _check_name(manifest)
        return _keep(
            manifest,
            root,
            digest,
            by=by,
            sha256=sha256 or digest,
            signed_by=signed_by,
            file_name=(file_name or source.name)[:200],
        )


def propose_upload(upload: Any, *, by: User, checksum: str = "", signature: bytes = b"") -> PluginVersion:
    """Propose what somebody uploaded (Django's UploadedFile); what is larger than an archive may be is not kept.

    Raises:
        As `propose`.
    """
    _check_may_install(by)
    if upload.size is not None and upload.size > BOUNDS.archive_bytes:
        raise ValidationError({"archive": f"The archive is larger than {BOUNDS.archive_bytes // MIB} MiB."})
    with tempfile.NamedTemporaryFile(prefix="upload-", dir=shelf.drafts_folder()) as file:
        for piece in upload.chunks():
            file.write(piece)
        file.flush()
        return propose(
            Path(file.name), by=by, file_name=Path(str(upload.name)).name, checksum=checksum, signature=signature
        )


@transaction.atomic
def install(version: PluginVersion, *, by: User | None, consent: str = "", full_network: bool = False) -> PluginVersion:
    """Let a version run: a proposal, or one that ran earlier.

    Where another version runs, that one goes on until the image of this one is built. `consent` is the key of the
    permissions that were shown (`consent_key`); it is needed where they are more than what runs now has.

    Raises:
        NotAllowed: only admins install.
        ConsentNeeded: `consent` is not that of this version's permissions.
        ValidationError: `full_network`; any host at all needs a yes of its own.
        AlreadyInstalled: it runs already. CannotInstall: its files are gone or changed.
    """
    _check_may_install(by)
    _lock(version.name)
    version = PluginVersion.objects.select_for_update().get(pk=version.pk)
    _check_name(version.manifest)
    folder = shelf.version_folder(version.digest)
    if folder is None or not folder.is_dir() or shelf.tree_digest(folder) != version.digest:
        raise CannotInstall(f"The files of {version} are gone or changed. Bring the archive again.")
    installed, is_new = InstalledPlugin.objects.get_or_create(name=version.name)
    if installed.current_id == version.pk:
        raise AlreadyInstalled(f"{version} is the version that runs.")
    wanted = permissions_of(version.manifest, folder)
    change = change_to(version, installed.current)
    if change.grows and consent != consent_key(wanted):
        raise ConsentNeeded(f"{version} asks for more than was granted. Read what, then consent to it.")
    if change.opens_network and not full_network:
        raise ValidationError({"full_network": "It wants to reach any host on the internet. That needs its own yes."})
    before = installed.current
    now = timezone.now()
    is_rollback = not version.is_proposal
    if version.is_proposal:
        version.installed_at, version.installed_by = now, by
        version.permissions = [item.key for item in wanted]
    version.image_state, version.image_log, version.image_changed_at = PluginVersion.Image.WAITING, "", now
    version.save()
    if before is None:
        installed.current, installed.pending = version, None
    else:
        installed.pending = version
    _save(installed, by)
    record(
        "plugin.rolled_back" if is_rollback else ("plugin.installed" if before is None else "plugin.upgraded"),
        actor=by,
        subject=installed,
        data={
            "plugin": version.name,
            "version": version.version,
            "before": before.version if before else "",
            "sha256": version.sha256,
            "signed_by": version.signed_by,
            "granted": [item.key for item in change.added],
        },
    )
    _forget_oldest(installed)
    _tell_everyone(version.name)
    from plugins.tasks import build_plugin_image

    build_plugin_image.delay_on_commit(version.pk)
    return version


@transaction.atomic
def build_again(version: PluginVersion, *, by: User | None) -> PluginVersion:
    """Have the image of an installed version built once more, as after its build failed.

    Raises:
        NotAllowed: only admins do. CannotInstall: it is not installed.
    """
    _check_may_install(by)
    version = PluginVersion.objects.select_for_update().get(pk=version.pk)
    if version.is_proposal:
        raise CannotInstall(f"{version} is not installed yet.")
    if version.image_state != PluginVersion.Image.BUILDING:
        version.image_state, version.image_log, version.image_changed_at = "waiting", "", timezone.now()
        version.save(update_fields=["image_state", "image_log", "image_changed_at"])
    from plugins.tasks import build_plugin_image

    build_plugin_image.delay_on_commit(version.pk)
    return version


@transaction.atomic
def discard(version: PluginVersion, *, by: User | None) -> None:
    """Throw a proposal away.

    Raises:
        NotAllowed: only admins do. CannotInstall: it is installed; uninstall the plugin instead.
    """
    _check_may_install(by)
    version = PluginVersion.objects.select_for_update().get(pk=version.pk)
    if not version.is_proposal:
        raise CannotInstall(f"{version} is installed; it stays so that one can go back to it.")
    record("plugin.discarded", actor=by, subject=version, data=_told(version))
    version.delete()
    transaction.on_commit(remove_unused_folders)


@transaction.atomic
def set_enabled(name: str, is_enabled: bool, *, by: User | None) -> InstalledPlugin:
    """Switch a plugin off or on again. Off: connections stay, calls are refused in words, schedules rest.

    Raises:
        NotAllowed: only admins do. NotInstalledHere: there is no such plugin.
    """
    _check_may_install(by)
    if find_plugin(name) is None:
        raise NotInstalledHere(f"There is no plugin “{name}”.")
    _lock(name)
    installed, _ = InstalledPlugin.objects.get_or_create(name=name)
    if installed.is_enabled == is_enabled:
        return installed
    installed.is_enabled = is_enabled
    _save(installed, by)
    kind = "plugin.enabled" if is_enabled else "plugin.disabled"
    record(kind, actor=by, subject=installed, data={"plugin": name})
    _tell_everyone(name)
    return installed


@transaction.atomic
def uninstall(name: str, *, typed_name: str, by: User | None) -> Removal:
    """Remove an installed plugin with its connections and all its versions. What it brought in stays the students'.

    Raises:
        NotAllowed: only admins do. NotInstalledHere: it ships with Core Engine, or is not there.
        ValidationError: `name`; it was not typed as it is written.
    """
    _check_may_install(by)
    _lock(name)
    installed = InstalledPlugin.objects.select_for_update().filter(name=name, current__isnull=False).first()
    if installed is None:
        known = find_plugin(name)
        why = "ships with Core Engine" if known and known.is_shipped else "was not installed here"
        raise NotInstalledHere(f"{name} {why}, so it cannot be uninstalled. It can be switched off.")
    if typed_name.strip() != name:
        raise ValidationError({"name": f"Type {name} to confirm."})
    removal = removal_of(name)
    record(
        "plugin.uninstalled",
        actor=by,
        subject=installed,
        data={"plugin": name, "connections": removal.connection_count, "versions": removal.version_count},
    )
    for connection in Connection.objects.for_plugin(name).select_related("owner"):
        disconnect(connection, by=by or connection.owner)
    installed.delete()
    PluginVersion.objects.of(name).delete()
    _tell_everyone(name)
    transaction.on_commit(remove_unused_folders)
    from plugins.tasks import remove_plugin_images

    remove_plugin_images.delay_on_commit(name)
    return removal


def removal_of(name: str) -> Removal:
    """Count what uninstalling would remove."""
    connections = Connection.objects.for_plugin(name)
    return Removal(
        connection_count=connections.count(),
        student_count=connections.order_by().values("owner").distinct().count(),
        call_count=ActionCall.objects.filter(connection__plugin=name).count(),
        stored_count=StoredValue.objects.filter(connection__plugin=name).count(),
        version_count=PluginVersion.objects.of(name).installed().count(),
    )


def change_to(version: PluginVersion, before: PluginVersion | None) -> Change:
    """Say what a version asks for beyond what runs now."""
    return compare(permissions_at(before) if before else (), permissions_at(version))


def permissions_at(version: PluginVersion) -> tuple[Permission, ...]:
    """Return the permissions of a version whose files are still there."""
    return permissions_of(version.manifest, shelf.version_folder(version.digest))


def take_over(version: PluginVersion) -> None:
    """Let a version that was waiting for its image run, if it is still the one that should."""
    with transaction.atomic():
        _lock(version.name)
        installed = InstalledPlugin.objects.select_for_update().filter(pending=version).first()
        if installed is None:
            return
        installed.current, installed.pending = version, None
        installed.save(update_fields=["current", "pending"])
        record("plugin.took_over", actor=None, subject=installed, data=_told(version))
        _tell_everyone(version.name)


def publish() -> None:
    """Write what the database decided where every process looks. Safe to call at any time."""
    if plugin_settings().INSTALL_DIR is None:
        return
    with transaction.atomic():
        # One writer at a time, and each reads only once it is its turn: the last one writes the last state.
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('plugins.publish'))")
        rows = InstalledPlugin.objects.select_related("current")
        versions = {row.name: row.current.digest for row in rows if row.current is not None}
        shelf.write_shelf(shelf.Shelf(versions, frozenset(row.name for row in rows if not row.is_enabled)))


def remove_unused_folders() -> int:
    """Remove the files of versions that no row names; return how many folders went."""
    root = shelf.versions_folder()
    with transaction.atomic():
        # Nobody is between moving files there and committing the row that names them.
        _lock_folders("pg_advisory_xact_lock")
        known = set(PluginVersion.objects.values_list("digest", flat=True))
        unused = [folder for folder in root.iterdir() if folder.name not in known]
        for folder in unused:
            shutil.rmtree(folder, ignore_errors=True)
    return len(unused)


# --- Pieces --------------------------------------------------------------------------------------------------


def _check_may_install(by: User | None) -> None:
    if by is not None and not by.is_staff:
        raise NotAllowed("Only admins decide what is installed.")
    if plugin_settings().INSTALL_DIR is None:
        raise CannotInstall("This installation has no folder for plugins (PLUGIN_INSTALL_DIR).")


def _checked_archive(source: Path, checksum: str, signature: bytes) -> tuple[str, str]:
    """Return the archive's SHA-256 and who signed it; a folder has neither."""
    if source.is_dir():
        if checksum or signature:
            raise ValidationError({"archive": "A folder has no checksum and no signature. Pack it as an archive."})
        sha256, signed_by = "", ""
    else:
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if checksum.strip():
            check_sum(checksum, sha256)
        signed_by = signer_of(source, signature) if signature else ""
    if plugin_settings().REQUIRE_SIGNATURE and not signed_by:
        raise ValidationError({"signature": "Only archives that a trusted key signed are taken here."})
    return sha256, signed_by


def _checked_manifest(root: Path) -> Manifest:
    try:
        manifest = parse_manifest((root / MANIFEST_NAME).read_bytes(), source=MANIFEST_NAME)
    except ManifestFaulty as error:
        raise ValidationError({"archive": [f"{MANIFEST_NAME}: {fault}" for fault in error.faults[:20]]}) from error
    if not (root / ENTRY_NAME).is_file():
        raise ValidationError({"archive": f"There is no {ENTRY_NAME} beside the manifest."})
    return manifest


def _check_name(manifest: Manifest) -> None:
    name = manifest.name
    if name in RESERVED:
        raise CannotInstall(f"“{name}” is an address of Core Engine itself. The plugin needs another name.")
    known = find_plugin(name)
    if known is not None and not known.is_installed:
        where = "ships with Core Engine" if known.is_shipped else f"lies in {known.folder}"
        raise CannotInstall(f"{name} {where}. A plugin that is installed needs a name of its own.")


@transaction.atomic
def _keep(
    manifest: Manifest,
    root: Path,
    digest: str,
    *,
    by: User | None,
    sha256: str,
    signed_by: str,
    file_name: str,
) -> PluginVersion:
    """Write the proposal's row, and move its files where they stay; if that fails there is no row either."""
    _lock(manifest.name)
    versions = PluginVersion.objects.of(manifest.name)
    if known := versions.installed().filter(digest=digest).first():
        raise AlreadyInstalled(f"{known} is installed, with this very content.")
    if versions.installed().filter(version=manifest.version).exists():
        raise CannotInstall(
            f"Version {manifest.version} of {manifest.name} is installed with other content. "
            "Other content needs another version number."
        )
    versions.proposed().delete()
    files = [path for path in root.rglob("*") if path.is_file()]
    version = PluginVersion.objects.create(
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        sha256=sha256,
        file_name=file_name,
        size_bytes=sum(path.stat().st_size for path in files),
        file_count=len(files),
        signed_by=signed_by,
        document=dict(manifest.document),
        proposed_by=by,
    )
    record("plugin.proposed", actor=by, subject=version, data=_told(version))
    _lock_folders("pg_advisory_xact_lock_shared")
    place = shelf.versions_folder() / digest
    if not place.exists():
        root.rename(place)
    transaction.on_commit(remove_unused_folders)
    return version


def _lock(name: str) -> None:
    """Let changes to one plugin wait for each other, also while it has no row."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"plugins.install:{name}"])


def _lock_folders(kind: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {kind}(hashtext('plugins.folders'))")


def _save(installed: InstalledPlugin, by: User | None) -> None:
    installed.changed_by, installed.changed_at = by, timezone.now()
    installed.save()


def _tell_everyone(name: str) -> None:
    """On commit: all processes see the change, and schedules follow it."""
    from plugins.tasks import align_plugin_schedules

    transaction.on_commit(publish)
    align_plugin_schedules.delay_on_commit(name)


def _forget_oldest(installed: InstalledPlugin) -> None:
    """Keep the last versions to go back to; older ones go."""
    in_use = {installed.current_id, installed.pending_id}
    old = list(PluginVersion.objects.of(installed.name).installed()[VERSIONS_KEPT:])
    doomed = [version.pk for version in old if version.pk not in in_use]
    if doomed:
        PluginVersion.objects.filter(pk__in=doomed).delete()
        transaction.on_commit(remove_unused_folders)


def _told(version: PluginVersion) -> dict[str, Any]:
    return {
        "plugin": version.name,
        "version": version.version,
        "sha256": version.sha256,
        "signed_by": version.signed_by,
    }
