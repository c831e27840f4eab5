"""Fixtures of the plugin host's tests: plugins written for a test, and the demo university as a real peer."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.manifest import manifest_from
from plugins.registry import Plugin
from plugins.sandbox.base import Child, Sandbox
from plugins.sandbox.docker import engine_answers
from plugins.sandbox.process import ProcessSandbox
from plugins.tests.peer import Peer, running_peer

MakePlugin = Callable[..., Plugin]


def manifest_document(name: str = "hostile", **spec: Any) -> dict[str, Any]:
    """Return the smallest good manifest, with this added to its spec."""
    return {
        "apiVersion": "v1",
        "kind": "Plugin",
        "metadata": {"name": name, "version": "1.0.0", "description": "Written for a test"},
        "spec": {"capabilities": ["read_files"], **spec},
    }


@pytest.fixture
def make_plugin(tmp_path: Path) -> MakePlugin:
    """Write a plugin: its program is what stands in `source`."""

    def make(source: str, *, name: str = "hostile", is_shipped: bool = True, **spec: Any) -> Plugin:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "plugin.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return Plugin(name, folder, manifest_from(manifest_document(name, **spec)), is_shipped=is_shipped)

    return make


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Both sandboxes, one after the other; without an engine the second is skipped."""
    if request.param == "process":
        yield ProcessSandbox()
        return
    from plugins.sandbox.docker import DockerSandbox, docker_client
    from plugins.sandbox.images import BASE_IMAGE

    is_there = engine_answers() and any(BASE_IMAGE in image.tags for image in docker_client().images.list())
    if not is_there:
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    yield DockerSandbox()


# In a container every test runs this program, so that one image serves all of them: the first line it reads is
# the program of the test.
_LOADER = "import json, sys\nexec(compile(json.loads(sys.stdin.readline()), __file__, 'exec'))\n"


@pytest.fixture(scope="session")
def images() -> Iterator[set[str]]:
    """The images that tests made; removed at the end."""
    made: set[str] = set()
    yield made
    if made:
        from plugins.sandbox.docker import docker_client

        for image in made:
            docker_client().images.remove(image, force=True)


@pytest.fixture
def start(sandbox: Sandbox, images: set[str]) -> Iterator[Callable[[Plugin], Child]]:
    """Start a plugin in the sandbox of the test; what was started is destroyed."""
    children: list[Child] = []

    def go(plugin: Plugin) -> Child:
        program = bytearray()
        if sandbox.name == "docker":
            from plugins.sandbox.docker import docker_client
            from plugins.sandbox.images import build_image, image_name

            file = plugin.folder / "plugin.py"
            program += json.dumps(file.read_text(encoding="utf-8")).encode() + b"\n"
            file.write_text(_LOADER, encoding="utf-8")
            if image_name(plugin) not in images:
                images.add(build_image(docker_client(), plugin))
        child = sandbox.start(plugin)
        children.append(child)
        while program:
            child.pump(program, 5.0)
        return child

    yield go
    for child in children:
        child.destroy()


@pytest.fixture
def university(settings: Any) -> Iterator[Any]:
    """The demo university on a real port, reachable through the gateway under its name."""
    from coreengine.kernel.outbound.network import close_pools
    from plugins.demo_university.testing import DOMAIN, running_university

    with running_university() as running:
        settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "process", "GATEWAY_HOSTS": {DOMAIN: running.url}}
        yield running
        close_pools()


@pytest.fixture
def peer(settings: Any) -> Iterator[Peer]:
    """A server on a real port that answers as a test says, under every name that the tests' plugins ask."""
    from coreengine.kernel.outbound.network import close_pools

    with running_peer() as running:
        hosts = ["canvas.example.edu", "files.example.edu", "elsewhere.example.edu"]
        settings.PLUGINS = {**settings.PLUGINS, "GATEWAY_HOSTS": dict.fromkeys(hosts, running.url)}
        yield running
        close_pools()


@pytest.fixture
def worker_at_hand(settings: Any) -> Iterator[None]:
    """Let tasks run where they are queued, so that doors find a finished call."""
    from coreengine.celery import app

    before = app.conf.task_always_eager, app.conf.task_eager_propagates
    app.conf.task_always_eager, app.conf.task_eager_propagates = True, False
    yield
    app.conf.task_always_eager, app.conf.task_eager_propagates = before
