"""Plugins packed for a test, and a folder to install them in."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.installing import services
from plugins.installing.models import PluginVersion
from plugins.installing.permissions import consent_key
from plugins.tests.conftest import manifest_document

Pack = Callable[..., Path]
PROGRAM = "from coreengine_sdk import Plugin\nplugin = Plugin('x')\nplugin.run()\n"


@pytest.fixture(autouse=True)
def install_dir(tmp_path: Path, settings: Any) -> Path:
    """A PLUGIN_INSTALL_DIR of this test's own."""
    folder = tmp_path / "installed"
    settings.PLUGINS = {**settings.PLUGINS, "INSTALL_DIR": folder}
    return folder


def tarball(files: Mapping[str, bytes | str | tarfile.TarInfo]) -> bytes:
    """Pack files, in order, the same bytes for the same files; a TarInfo is put in as it is."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            raw = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return packed.getvalue()


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """Pack files as a .zip, the same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def plugin_files(name: str = "paper-box", version: str = "1.0.0", **spec: Any) -> dict[str, str]:
    """The files of a small good plugin."""
    document = manifest_document(name, **spec)
    document["metadata"]["version"] = version
    return {"plugin-manifest.yaml": yaml.safe_dump(document), "plugin.py": PROGRAM}


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Write a plugin's archive and return its path."""

    def make(name: str = "paper-box", version: str = "1.0.0", **spec: Any) -> Path:
        path = tmp_path / f"{name}-{version}.tar.gz"
        path.write_bytes(tarball(plugin_files(name, version, **spec)))
        return path

    return make


@pytest.fixture
def bring(pack: Pack, staff: Any, django_capture_on_commit_callbacks: Any) -> Callable[..., PluginVersion]:
    """Propose and install a version, with consent to whatever it asks for."""

    def go(*args: Any, **spec: Any) -> PluginVersion:
        version = services.propose(pack(*args, **spec), by=staff)
        with django_capture_on_commit_callbacks(execute=True):
            return services.install(version, by=staff, consent=consent_of(version), full_network=True)

    return go


def consent_of(version: PluginVersion) -> str:
    """The key that somebody who read everything would send."""
    return consent_key(services.permissions_at(version))
