"""The plugins of this installation: shipped in catalog/, in the operator's directories, or installed by an admin."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from plugins.conf import plugin_settings
from plugins.faults import Fault, ManifestFaulty, did_you_mean
from plugins.installing.shelf import read_shelf, tree_digest, version_folder
from plugins.manifest import Manifest, parse_manifest
from plugins.manifest_checks import MAX_MANIFEST_BYTES

logger = logging.getLogger(__name__)
CATALOG = Path(__file__).parent / "catalog"
SYNC_PREFIX = "sync"
"""A shipped workflow whose file name begins so is a connection's sync: "Sync now" starts it."""
MANIFEST_NAME = "plugin-manifest.yaml"
ENTRY_NAME = "plugin.py"
SDK_FILE = Path(__file__).parent / "sdk" / "coreengine_sdk.py"
_SKIPPED = {"__pycache__", "tests", "workflows", "server"}


@dataclass(frozen=True)
class Plugin:
    """One folder with a manifest, good or faulty. `manifest` is None exactly when there are `faults`."""

    name: str
    folder: Path
    manifest: Manifest | None
    faults: tuple[Fault, ...] = ()
    is_shipped: bool = False
    is_installed: bool = False
    is_enabled: bool = True

    @property
    def is_faulty(self) -> bool:
        """True if the manifest has faults or there is no program to run."""
        return self.manifest is None

    @property
    def is_usable(self) -> bool:
        """True if the manifest is good, there is a program to run, and no admin switched it off."""
        return self.manifest is not None and self.is_enabled

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.manifest.title if self.manifest else self.name

    @property
    def can_sync(self) -> bool:
        """True if it ships a workflow that brings things in; others are called by endpoints and steps only."""
        return any((self.folder / "workflows").glob(f"{SYNC_PREFIX}*.yaml"))

    def source_files(self) -> list[Path]:
        """List what the plugin is made of, sorted; tests, their protocol servers and shipped workflows are left out."""
        return sorted(Path(path) for path, *_ in _sources(str(self.folder)))

    def content_hash(self) -> str:
        """Return a digest of the plugin's files and of the SDK that runs them: same content, same digest."""
        # Every call asks; what was read once is not read again while its files keep their times and sizes.
        folder = str(self.folder)
        stamp = [*_sources(folder), (SDK_FILE, *_stamp(os.stat(SDK_FILE)))]
        known = _hashes.get(folder)
        if known is not None and known[0] == stamp:
            return known[1]
        digest = hashlib.sha256()
        for path in [*self.source_files(), SDK_FILE]:
            name = path.relative_to(self.folder) if path.is_relative_to(self.folder) else path.name
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        found = digest.hexdigest()[:16]
        _hashes[folder] = (stamp, found)
        return found


def _sources(folder: str) -> list[tuple[Any, ...]]:
    """List path and stamp of every file of a plugin, in no order of meaning."""
    found: list[tuple[Any, ...]] = []
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    for entry in entries:
        if entry.name in _SKIPPED:
            continue
        if entry.is_dir(follow_symlinks=False):
            found += _sources(entry.path)
        elif entry.is_file(follow_symlinks=False):
            found.append((entry.path, *_stamp(entry.stat(follow_symlinks=False))))
    return found


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


class PluginUnknown(LookupError):
    """No plugin of that name is installed, or its manifest is faulty; the message says which."""

    code = "plugin_not_installed"


class PluginOff(PluginUnknown):
    """An admin switched the plugin off."""

    code = "plugin_disabled"


_hashes: dict[str, tuple[list[tuple[Any, ...]], str]] = {}
_cache: dict[str, tuple[tuple[int, int], Plugin]] = {}
_NO_FILE = (0, 0)
_lock = threading.Lock()


def all_plugins() -> list[Plugin]:
    """List every plugin by name: also those with a faulty manifest, and those that are switched off.

    A manifest is read again only after its file changed. A name that two folders claim belongs to the first
    (shipped, then the operator's, then installed); the second is listed with that fault.
    """
    shelf = read_shelf()
    found: list[Plugin] = []
    names: dict[str, Path] = {}
    read = [_load(folder, stamp, True) for folder, stamp in _folders(CATALOG)]
    read += [
        _load(folder, stamp, False) for root in plugin_settings().DIRECTORIES for folder, stamp in _folders(Path(root))
    ]
    read += [_load_version(name, digest) for name, digest in shelf.versions.items()]
    for plugin in read:
        if plugin.name in names and not plugin.is_faulty:
            fault = Fault("metadata.name", f'"{plugin.name}" is already the name of {names[plugin.name]}')
            plugin = replace(plugin, manifest=None, faults=(fault,))
        elif not plugin.is_faulty:
            names[plugin.name] = plugin.folder
        found.append(replace(plugin, is_enabled=False) if plugin.name in shelf.disabled else plugin)
    return sorted(found, key=lambda plugin: (plugin.name, plugin.is_faulty))


def usable_plugins() -> list[Plugin]:
    """List the plugins that can be connected, by name."""
    return [plugin for plugin in all_plugins() if plugin.is_usable]


def find_plugin(name: str) -> Plugin | None:
    """Return a plugin by name, whatever its state; a good one before a faulty one."""
    return next((plugin for plugin in all_plugins() if plugin.name == name), None)


def get_plugin(name: str, *, even_if_off: bool = False) -> Plugin:
    """Return a usable plugin by name.

    Raises:
        PluginOff: an admin switched it off (unless `even_if_off`).
        PluginUnknown: there is none, or its manifest is faulty.
    """
    plugins = all_plugins()
    found = next((plugin for plugin in plugins if plugin.name == name), None)
    if found is None:
        known = [plugin.name for plugin in plugins if plugin.is_usable]
        raise PluginUnknown(f'There is no plugin "{name}"{did_you_mean(name, known)}')
    if found.is_faulty:
        raise PluginUnknown(f'The manifest of "{name}" is faulty: {found.faults[0]}')
    if not found.is_enabled and not even_if_off:
        raise PluginOff(f"{found.title} is switched off by an admin. Connections are kept; ask to have it back on.")
    return found


def get_manifest(name: str, *, even_if_off: bool = False) -> Manifest:
    """Return the manifest of a usable plugin.

    Raises:
        PluginOff: an admin switched it off (unless `even_if_off`).
        PluginUnknown: there is none, or its manifest is faulty.
    """
    manifest = get_plugin(name, even_if_off=even_if_off).manifest
    assert manifest is not None
    return manifest


def _folders(root: Path) -> list[tuple[str, tuple[int, int]]]:
    """List the folders with a manifest, by name, each with the stamp of the manifest."""
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return []
    found = []
    for name in names:
        folder = f"{root}/{name}"
        try:
            manifest = os.stat(f"{folder}/{MANIFEST_NAME}")
        except OSError:
            continue
        if stat.S_ISREG(manifest.st_mode):
            found.append((folder, (manifest.st_mtime_ns, manifest.st_size)))
    return found


def _load_version(name: str, digest: str) -> Plugin:
    folder = version_folder(digest)
    assert folder is not None
    try:
        manifest = os.stat(folder / MANIFEST_NAME)
        stamp = (manifest.st_mtime_ns, manifest.st_size)
    except OSError:
        stamp = _NO_FILE
    plugin = replace(_load(str(folder), stamp, False, digest), is_installed=True)
    if plugin.is_faulty and plugin.name != name:
        plugin = replace(plugin, name=name)
    return plugin


def _load(path: str, stamp: tuple[int, int], shipped: bool, digest: str = "") -> Plugin:
    with _lock:
        cached = _cache.get(path)
    if cached is not None and cached[0] == stamp and cached[1].is_shipped == shipped:
        return cached[1]
    folder = Path(path)
    if digest and stamp != _NO_FILE and tree_digest(folder) != digest:
        fault = Fault("", "The files are not those that were installed. Install this version again.")
        plugin = Plugin(folder.name, folder, None, (fault,))
    else:
        plugin = _read(folder, shipped)
    with _lock:
        _cache[path] = (stamp, plugin)
    return plugin


def _read(folder: Path, shipped: bool) -> Plugin:
    path = folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            text = file.read(MAX_MANIFEST_BYTES + 1)
        manifest = parse_manifest(text, source=str(path))
    except ManifestFaulty as error:
        return Plugin(folder.name, folder, None, error.faults, shipped)
    except (OSError, UnicodeDecodeError) as error:
        return Plugin(folder.name, folder, None, (Fault("", f"The file cannot be read: {error}"),), shipped)
    except Exception:
        # A bug of the checks. It is logged as one, and the other plugins go on.
        logger.exception("the manifest in %s could not be checked", folder)
        return Plugin(folder.name, folder, None, (Fault("", "It could not be checked. That was logged."),), shipped)
    if not (folder / ENTRY_NAME).is_file():
        fault = Fault("", f"There is no {ENTRY_NAME} beside the manifest.")
        return Plugin(manifest.name, folder, None, (fault,), shipped)
    return Plugin(manifest.name, folder, manifest, (), shipped)
