"""The files that a plugin runs from: its own, the SDK and the launcher, side by side."""

from __future__ import annotations

import atexit
import os
import py_compile
import shutil
import tempfile
import threading
from pathlib import Path

from plugins.registry import SDK_FILE, Plugin

LAUNCHER_FILE = Path(__file__).parent / "launcher.py"
LAUNCHER_NAME = "_launch.py"

_lock = threading.Lock()
_root: tuple[int, Path] | None = None


def write_bundle(plugin: Plugin, folder: Path) -> None:
    """Copy everything the plugin runs from into an empty folder, readable by everyone."""
    for path in plugin.source_files():
        target = folder / path.relative_to(plugin.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    if SDK_FILE.is_file():
        shutil.copyfile(SDK_FILE, folder / SDK_FILE.name)
    shutil.copyfile(LAUNCHER_FILE, folder / LAUNCHER_NAME)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def private_root() -> Path:
    """Return this process's own temporary folder; it is removed when the process ends."""
    global _root
    with _lock:
        # A forked worker must not share, or remove, its parent's folder.
        if _root is None or _root[0] != os.getpid() or not _root[1].is_dir():
            folder = Path(tempfile.mkdtemp(prefix="core-engine-plugins-"))
            folder.chmod(0o711)
            _root = (os.getpid(), folder)
            atexit.register(_remove, os.getpid(), folder)
        return _root[1]


def bundle_folder(plugin: Plugin) -> Path:
    """Return a folder with the plugin's bundle, made once per process and content."""
    folder = private_root() / f"{plugin.name}-{plugin.content_hash()}"
    with _lock:
        if not folder.is_dir():
            draft = folder.with_suffix(".new")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            write_bundle(plugin, draft)
            _compile(draft)
            draft.rename(folder)
    return folder


def _compile(folder: Path) -> None:
    # Unchecked: nothing rewrites a bundle, and a child that may not write files would compile at every start.
    for path in folder.rglob("*.py"):
        try:
            py_compile.compile(str(path), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        except py_compile.PyCompileError:
            continue  # the plugin's own syntax error; its run says so


def _remove(owner: int, folder: Path) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
