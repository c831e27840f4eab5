"""Images of installed versions: built offline by a worker, and what happens where that fails."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.installing import building, services
from plugins.installing.models import InstalledPlugin, PluginVersion
from plugins.registry import get_manifest
from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE
from plugins.tasks import remove_plugin_images

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "write_report", lambda: None)


def fail(*args: Any) -> Any:
    from docker.errors import BuildError

    args[2]("Step 1/7 : FROM nothing")
    raise BuildError("no space left on device", iter(()))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine that has the base image and no other; what it is told to build is listed."""
    from docker.errors import ImageNotFound

    built: list[str] = []

    class Images:
        def get(self, name: str) -> None:
            if name != BASE_IMAGE and name not in built:
                raise ImageNotFound(name)

    class Client:
        images = Images()

    def build(client: Any, plugin: Any, on_line: Any) -> str:
        on_line("Step 1/7")
        built.append(plugin.name)
        return plugin.name

    monkeypatch.setattr("plugins.sandbox.docker.engine_answers", lambda: True)
    monkeypatch.setattr("plugins.sandbox.docker.docker_client", Client)
    monkeypatch.setattr("plugins.sandbox.images.build_image", build)
    return built


def test_a_version_takes_over_when_its_image_is_built(
    bring: Any, engine: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    bring()
    version = bring(version="2.0.0")
    assert get_manifest("paper-box").version == "1.0.0"

    with django_capture_on_commit_callbacks(execute=True):
        built = building.build(version.pk)

    assert built is not None and (built.image_state, built.image_log) == ("built", "Step 1/7")
    assert get_manifest("paper-box").version == "2.0.0" and engine == ["paper-box"]


def test_while_a_build_fails_the_version_of_before_runs_on(
    bring: Any, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring()
    version = bring(version="2.0.0")
    monkeypatch.setattr("plugins.sandbox.images.build_image", fail)

    built = building.build(version.pk)

    assert built is not None and built.image_state == "failed"
    assert "FROM nothing" in built.image_log and "no space left on device" in built.image_log
    assert get_manifest("paper-box").version == "1.0.0"


def test_two_workers_do_not_build_the_same_image(bring: Any, engine: Any) -> None:
    version = bring()
    PluginVersion.objects.update(image_state="building")

    assert building.build(version.pk) is None
    PluginVersion.objects.update(image_changed_at="2020-01-01T00:00Z")
    assert building.build(version.pk) is not None


def test_a_build_that_was_lost_is_asked_for_again(bring: Any, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.tasks import build_plugin_image

    version = bring()
    PluginVersion.objects.update(image_changed_at="2020-01-01T00:00Z")
    asked: list[int] = []
    monkeypatch.setattr(build_plugin_image, "delay", asked.append)

    building.tidy()

    assert asked == [version.pk]


def test_only_the_version_that_was_asked_for_last_takes_over(
    bring: Any, engine: Any, django_capture_on_commit_callbacks: Any
) -> None:
    bring()
    second, third = bring(version="2.0.0"), bring(version="3.0.0")

    with django_capture_on_commit_callbacks(execute=True):
        building.build(third.pk)
        building.build(second.pk)

    assert get_manifest("paper-box").version == "3.0.0"
    assert InstalledPlugin.objects.get().pending is None


@pytest.mark.docker
def test_a_real_engine_builds_the_image_without_network_and_removes_it(bring: Any) -> None:
    if not engine_answers() or not any(BASE_IMAGE in image.tags for image in docker_client().images.list()):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    version = bring("paper-box-of-a-test")

    built = building.build(version.pk)

    assert built is not None and built.image_state == "built", built and built.image_log
    assert docker_client().images.get(built.image).labels["core-engine.plugin"] == "paper-box-of-a-test"
    waiting = docker_client().containers.run(built.image, detach=True, stdin_open=True, network_disabled=True)
    try:
        assert building.remove_images("paper-box-of-a-test") == 1
    finally:
        waiting.remove(force=True)
    assert building.remove_images("paper-box-of-a-test") == 0
    assert not docker_client().images.list(filters={"label": "core-engine.plugin=paper-box-of-a-test"})
    assert services.removal_of("paper-box-of-a-test").version_count == 1


@pytest.mark.parametrize(("left", "asked"), [([1, 1, 0], 3), ([0], 1)])
def test_images_that_a_container_still_runs_from_are_removed_after_it(
    left: list[int], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def remove(name: str) -> int:
        names.append(name)
        return left.pop(0)

    monkeypatch.setattr(building, "remove_images", remove)
    remove_plugin_images.apply(args=["paper-box"])

    assert names == ["paper-box"] * asked
