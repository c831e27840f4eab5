"""The folder of installed versions, and the one small file in it that says which of them runs.

The database decides; the file is its copy for every process that reads the registry: looking at it costs one stat,
and a process sees a change at its next look. `services.publish` writes it in one rename.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from plugins.conf import plugin_settings

STATE_NAME = "installed.json"


@dataclass(frozen=True)
class Shelf:
    """Which version of which plugin runs (name to digest), and which plugins are switched off."""

    versions: dict[str, str] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()


_EMPTY = Shelf()
_cache: dict[Path, tuple[tuple[int, int, int], Shelf]] = {}
_lock = threading.Lock()


def read_shelf() -> Shelf:
    """Return what is installed and what is off; read again only after the file changed."""
    folder = plugin_settings().INSTALL_DIR
    if folder is None:
        return _EMPTY
    path = folder / STATE_NAME
    try:
        stat = path.stat()
    except OSError:
        return _EMPTY
    stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    with _lock:
        known = _cache.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        shelf = Shelf(dict(raw["versions"]), frozenset(raw["disabled"]))
    except (OSError, ValueError, KeyError, TypeError):
        return known[1] if known else _EMPTY  # being replaced, or damaged: `publish` writes it anew within a minute
    with _lock:
        _cache[path] = (stamp, shelf)
    return shelf


def write_shelf(shelf: Shelf) -> None:
    """Replace the file in one step, so that no reader ever finds half of it."""
    folder = install_folder()
    content = json.dumps({"versions": shelf.versions, "disabled": sorted(shelf.disabled)}, indent=1, sort_keys=True)
    path = folder / STATE_NAME
    try:
        if path.read_text(encoding="utf-8") == content:
            return
    except OSError:
        pass  # not there yet
    number, draft = tempfile.mkstemp(prefix=".installed-", dir=folder)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(draft).chmod(0o644)
    Path(draft).rename(path)


def install_folder() -> Path:
    """Return PLUGIN_INSTALL_DIR, made if it is not there.

    Raises:
        RuntimeError: this installation has none.
    """
    folder = plugin_settings().INSTALL_DIR
    if folder is None:
        raise RuntimeError("PLUGIN_INSTALL_DIR is not set")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def versions_folder() -> Path:
    """Return the folder whose folders are named by the digest of what is in them."""
    folder = install_folder() / "versions"
    folder.mkdir(exist_ok=True)
    return folder


def version_folder(digest: str) -> Path | None:
    """Return the folder of one version; None where nothing can be installed."""
    root = plugin_settings().INSTALL_DIR
    return root / "versions" / digest if root else None


def drafts_folder() -> Path:
    """Return the folder of what is being unpacked; it is swept."""
    folder = install_folder() / "drafts"
    folder.mkdir(exist_ok=True)
    return folder


def tree_digest(folder: Path) -> str:
    """Return the SHA-256 of names and contents of every file below a folder, in order."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or "__pycache__" in path.parts:
            continue
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while piece := file.read(2**18):
                digest.update(piece)
    return digest.hexdigest()
