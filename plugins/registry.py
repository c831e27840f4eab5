"""The plugins of this installation: those shipped in catalog/ and those in the operator's directories."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path

from plugins.conf import plugin_settings
from plugins.faults import Fault, ManifestFaulty, did_you_mean
from plugins.manifest import Manifest, parse_manifest
from plugins.manifest_checks import MAX_MANIFEST_BYTES

CATALOG = Path(__file__).parent / "catalog"
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

    @property
    def is_usable(self) -> bool:
        """True if the manifest is good and there is a program to run."""
        return self.manifest is not None

    @property
    def title(self) -> str:
        """The name as a heading."""
        return self.manifest.title if self.manifest else self.name

    def source_files(self) -> list[Path]:
        """List what the plugin is made of, sorted; tests, their protocol servers and shipped workflows are left out."""
        return [
            path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.is_symlink() and not _SKIPPED & set(path.relative_to(self.folder).parts)
        ]

    def content_hash(self) -> str:
        """Return a digest of the plugin's files and of the SDK that runs them: same content, same digest."""
        digest = hashlib.sha256()
        for path in [*self.source_files(), SDK_FILE]:
            name = path.relative_to(self.folder) if path.is_relative_to(self.folder) else path.name
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:16]


class PluginUnknown(LookupError):
    """No plugin of that name is installed, or its manifest is faulty; the message says which."""


_cache: dict[Path, tuple[tuple[int, int], Plugin]] = {}
_lock = threading.Lock()


def all_plugins() -> list[Plugin]:
    """List every installed plugin by name, those with a faulty manifest included.

    A manifest is read again only after its file changed. A name that two folders claim belongs to the first
    (shipped before the operator's); the second is listed with that fault.
    """
    found: list[Plugin] = []
    names: dict[str, Path] = {}
    for root, shipped in [(CATALOG, True), *((Path(path), False) for path in plugin_settings().DIRECTORIES)]:
        for folder in _folders(root):
            plugin = _load(folder, shipped)
            if plugin.manifest is not None and plugin.name in names:
                fault = Fault("metadata.name", f'"{plugin.name}" is already the name of {names[plugin.name]}')
                plugin = Plugin(plugin.name, folder, None, (fault,), shipped)
            elif plugin.manifest is not None:
                names[plugin.name] = folder
            found.append(plugin)
    return sorted(found, key=lambda plugin: (plugin.name, not plugin.is_usable))


def usable_plugins() -> list[Plugin]:
    """List the plugins that can be connected, by name."""
    return [plugin for plugin in all_plugins() if plugin.is_usable]


def get_plugin(name: str) -> Plugin:
    """Return a usable plugin by name.

    Raises:
        PluginUnknown: there is none, or its manifest is faulty.
    """
    plugins = all_plugins()
    for plugin in plugins:
        if plugin.name == name and plugin.is_usable:
            return plugin
    faulty = next((plugin for plugin in plugins if plugin.name == name), None)
    if faulty is not None:
        raise PluginUnknown(f'The manifest of "{name}" is faulty: {faulty.faults[0]}')
    known = [plugin.name for plugin in plugins if plugin.is_usable]
    raise PluginUnknown(f'There is no plugin "{name}"{did_you_mean(name, known)}')


def get_manifest(name: str) -> Manifest:
    """Return the manifest of a usable plugin.

    Raises:
        PluginUnknown: there is none, or its manifest is faulty.
    """
    manifest = get_plugin(name).manifest
    assert manifest is not None
    return manifest


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if (path / MANIFEST_NAME).is_file())
    except OSError:
        return []


def _load(folder: Path, shipped: bool) -> Plugin:
    path = folder / MANIFEST_NAME
    try:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    except OSError:
        stamp = (0, 0)
    with _lock:
        cached = _cache.get(path)
    if cached is not None and cached[0] == stamp and cached[1].is_shipped == shipped:
        return cached[1]
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
    if not (folder / ENTRY_NAME).is_file():
        fault = Fault("", f"There is no {ENTRY_NAME} beside the manifest.")
        return Plugin(manifest.name, folder, None, (fault,), shipped)
    return Plugin(manifest.name, folder, manifest, (), shipped)
