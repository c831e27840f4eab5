"""The container images of plugins: one each, built offline from the local base image, named by content."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plugins.registry import Plugin
from plugins.sandbox.bundle import LAUNCHER_FILE, LAUNCHER_NAME, write_bundle

BASE_IMAGE = "python:3.11-slim"
_DOCKERFILE = f"""\
FROM {BASE_IMAGE}
COPY plugin /plugin
RUN ["python3", "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/plugin"]
USER 65534:65534
WORKDIR /tmp
ENTRYPOINT ["python3", "-I", "-S", "-B", "-X", "utf8", "/plugin/{LAUNCHER_NAME}", "/plugin"]
"""


def image_name(plugin: Plugin) -> str:
    """Return the image's name: the same content has the same name on every machine."""
    import hashlib

    recipe = hashlib.sha256(_DOCKERFILE.encode() + LAUNCHER_FILE.read_bytes()).hexdigest()[:8]
    return f"core-engine-plugin-{plugin.name}:{plugin.content_hash()}-{recipe}"


def build_image(client: Any, plugin: Plugin, on_line: Callable[[str], None] | None = None) -> str:
    """Build a plugin's image without network and return its name; `on_line` hears what the builder says.

    Raises:
        BuildError: with the builder's words.
    """
    from docker.errors import BuildError

    name = image_name(plugin)
    log: list[str] = []
    messages = client.api.build(
        fileobj=_context(plugin),
        custom_context=True,
        tag=name,
        pull=False,
        rm=True,
        forcerm=True,
        network_mode="none",
        labels={"core-engine.plugin": plugin.name},
        decode=True,
    )
    for message in messages:
        line = str(message.get("stream") or message.get("error") or "").rstrip()
        if line:
            log.append(line)
            if on_line is not None:
                on_line(line)
        if "error" in message:
            raise BuildError(line or "The builder failed.", iter(log))
    return name


def _context(plugin: Plugin) -> io.BytesIO:
    """Pack Dockerfile and bundle; times and owners are fixed, so that equal content is equal to the builder."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=packed, mode="w") as archive:
        write_bundle(plugin, Path(folder))
        recipe = tarfile.TarInfo("Dockerfile")
        recipe.size = len(_DOCKERFILE)
        archive.addfile(recipe, io.BytesIO(_DOCKERFILE.encode()))
        for path in [Path(folder), *sorted(Path(folder).rglob("*"))]:
            entry = archive.gettarinfo(path, arcname=str(Path("plugin") / path.relative_to(folder)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = 0
            with path.open("rb") if path.is_file() else io.BytesIO() as file:
                archive.addfile(entry, file if path.is_file() else None)
    packed.seek(0)
    return packed
