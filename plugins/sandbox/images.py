"""The container images of plugins: one each, built offline from the local base image, named by content."""

from __future__ import annotations

import functools
import io
import logging
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plugins.registry import Plugin
from plugins.sandbox.bundle import LAUNCHER_FILE, LAUNCHER_NAME, write_bundle

logger = logging.getLogger(__name__)
BASE_IMAGE = "python:3.11-slim"
TRY_AGAIN_S = 30.0
BUILD_MEMORY_BYTES = 512 * 2**20
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
    return f"core-engine-plugin-{plugin.name}:{plugin.content_hash()}-{_recipe()}"


@functools.cache
def _recipe() -> str:
    import hashlib

    return hashlib.sha256(_DOCKERFILE.encode() + LAUNCHER_FILE.read_bytes()).hexdigest()[:8]


_building = threading.Lock()
_failed: dict[str, tuple[float, str]] = {}


def ensure_image(client: Any, plugin: Plugin, *, build: bool = True) -> str:
    """Build a plugin's image if it is missing; "" once it is there, else the reason why it cannot be.

    One build at a time, offline and within seconds; what failed is tried again after a while. Without `build` it is
    enough that the image could be made.
    """
    from docker.errors import DockerException, ImageNotFound
    from requests.exceptions import RequestException

    name = image_name(plugin)
    try:
        with _building:
            failed_at, words = _failed.get(name, (0.0, ""))
            if words and time.monotonic() - failed_at < TRY_AGAIN_S:
                return words
            for image in (name, BASE_IMAGE):
                try:
                    client.api.inspect_image(image)
                except ImageNotFound:
                    continue
                if image == name or not build:
                    return ""
                began = time.monotonic()
                build_image(client, plugin)
                logger.info("the image %s was built in %.1f s", name, time.monotonic() - began)
                return ""
            return _fail(name, f"The base image {BASE_IMAGE} is missing: an operator runs script/base-image.")
    except (DockerException, RequestException) as error:
        logger.warning("the image %s could not be built: %s", name, error)
        return _fail(name, f"The image of {plugin.title} could not be built: {plain_words(error)}")


def plain_words(error: Exception) -> str:
    """The engine's last words about a build, on one line."""
    words = str(getattr(error, "explanation", None) or error) or type(error).__name__
    return " ".join(words.split())[:300]


def _fail(name: str, words: str) -> str:
    _failed[name] = (time.monotonic(), words)
    return words


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
        # Nothing of the plugin is run, but its source is compiled, and source can be written to make that costly.
        container_limits={"memory": BUILD_MEMORY_BYTES, "memswap": BUILD_MEMORY_BYTES},
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
