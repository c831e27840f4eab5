"""Builds the images of installed versions, and mends what a lost process left. Only plugin workers do this."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from plugins.conf import plugin_settings
from plugins.installing import shelf
from plugins.installing.models import PluginVersion
from plugins.installing.services import publish, remove_unused_folders, take_over
from plugins.registry import Plugin
from plugins.reports import write_report

logger = logging.getLogger(__name__)
Image = PluginVersion.Image
LOG_KEPT = 30_000
TAKEN_FOR_LOST = timedelta(minutes=10)
HINT_AGAIN_AFTER = timedelta(seconds=50)
PROPOSALS_KEPT = timedelta(days=1)
DRAFTS_KEPT_S = 3600


def build(version_id: int, on_line: Callable[[str], None] | None = None) -> PluginVersion | None:
    """Build the image of an installed version; None if somebody else is at it, or nobody wants it any more.

    Where there is no Docker engine the version takes over all the same: then no version runs here, and the page says
    so. Where the build fails the version that ran goes on running.
    """
    now = timezone.now()
    taken = (
        PluginVersion.objects.installed()
        .filter(pk=version_id)
        .filter(~Q(image_state=Image.BUILDING) | Q(image_changed_at__lt=now - TAKEN_FOR_LOST))
        .order_by()
        .update(image_state=Image.BUILDING, image_log="", image_changed_at=now)
    )
    if not taken:
        return None
    version = PluginVersion.objects.get(pk=version_id)
    diary = _Diary(version, on_line)
    state, image = _build(version, diary)
    diary.write(state, image)
    if state in {Image.BUILT, Image.NO_ENGINE}:
        take_over(version)
    write_report()
    return version


def remove_images(name: str) -> int:
    """Remove every image of a plugin; return how many are left, because a container still runs from them."""
    from docker.errors import DockerException

    from plugins.sandbox.docker import docker_client, engine_answers

    if not engine_answers():
        return 0
    left = 0
    client = docker_client()
    for image in client.images.list(filters={"label": f"core-engine.plugin={name}"}):
        try:
            client.images.remove(image.id, force=True)
        except DockerException as error:
            logger.info("the image %s could not be removed: %s", image.short_id, error)
            left += 1
    return left


def tidy() -> None:
    """Publish the state again, hint again at images that nobody builds, drop proposals and drafts of yesterday."""
    from plugins.tasks import build_plugin_image

    if plugin_settings().INSTALL_DIR is None:
        return
    now = timezone.now()
    publish()
    for version in PluginVersion.objects.waiting_since_before(now - HINT_AGAIN_AFTER)[:20]:
        build_plugin_image.delay(version.pk)
    PluginVersion.objects.proposed().filter(proposed_at__lt=now - PROPOSALS_KEPT).delete()
    remove_unused_folders()
    for draft in shelf.drafts_folder().iterdir():
        if draft.stat().st_mtime < time.time() - DRAFTS_KEPT_S:
            shutil.rmtree(draft, ignore_errors=True) if draft.is_dir() else draft.unlink(missing_ok=True)


def _build(version: PluginVersion, diary: _Diary) -> tuple[PluginVersion.Image, str]:
    from docker.errors import DockerException, ImageNotFound
    from requests.exceptions import RequestException

    from plugins.sandbox.docker import docker_client, engine_answers
    from plugins.sandbox.images import BASE_IMAGE, build_image, image_name

    folder = shelf.version_folder(version.digest)
    if folder is None or not folder.is_dir():
        diary.add("The files of this version are gone. Install it again.")
        return Image.FAILED, ""
    if not engine_answers():
        diary.add("No Docker engine answers here. Plugins that are installed run in containers only.")
        return Image.NO_ENGINE, ""
    plugin = Plugin(version.name, folder, version.manifest, is_installed=True)
    client = docker_client()
    try:
        client.images.get(BASE_IMAGE)
    except ImageNotFound:
        diary.add(f"The base image {BASE_IMAGE} is missing; script/base-image makes it.")
        return Image.FAILED, ""
    try:
        client.images.get(image_name(plugin))
    except ImageNotFound:
        try:
            build_image(client, plugin, diary.add)
        except (DockerException, RequestException) as error:
            diary.add(f"The image could not be built: {error}")
            return Image.FAILED, ""
    else:
        diary.add("The image is there from before.")
    return Image.BUILT, image_name(plugin)


class _Diary:
    """What the builder says, written to the row often enough for a person who watches."""

    def __init__(self, version: PluginVersion, on_line: Callable[[str], None] | None) -> None:
        self._version = version
        self._on_line = on_line
        self._lines: list[str] = []
        self._written_at = time.monotonic()

    def add(self, line: str) -> None:
        """Note one line."""
        self._lines.append(line)
        if self._on_line is not None:
            self._on_line(line)
        if time.monotonic() - self._written_at > 0.5:
            self._written_at = time.monotonic()
            self._save(Image.BUILDING, "")

    def write(self, state: PluginVersion.Image, image: str) -> None:
        """Write how it ended."""
        self._save(state, image)

    def _save(self, state: PluginVersion.Image, image: str) -> None:
        version = self._version
        version.image_state, version.image = state, image
        version.image_log = "\n".join(self._lines)[-LOG_KEPT:]
        version.image_changed_at = timezone.now()
        version.save(update_fields=["image_state", "image", "image_log", "image_changed_at"])
