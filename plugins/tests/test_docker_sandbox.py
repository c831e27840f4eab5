"""Containers as the engine sees them, the pool of waiting ones, and what happens to orphans."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from coreengine.kernel.waiting import wait_until
from plugins.registry import Plugin, get_plugin
from plugins.sandbox import docker, pool
from plugins.sandbox.choice import sandbox_for
from plugins.sandbox.conversation import Conversation
from plugins.sandbox.docker import DockerSandbox, docker_client, engine_answers, host_config
from plugins.sandbox.images import BASE_IMAGE, build_image, image_name
from plugins.sandbox.owners import OWNER_LABEL, owner_labels
from plugins.sandbox.process import ProcessSandbox
from plugins.tests.conftest import MakePlugin, manifest_document

ANSWER = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": request["params"]}), flush=True)
"""


def test_limits_follow_the_manifest(make_plugin: MakePlugin) -> None:
    plugin = make_plugin("", resources={"limits": {"memory": "256Mi", "cpu": "500m"}})

    config = host_config(plugin.manifest)  # type: ignore[arg-type]

    assert (config["mem_limit"], config["memswap_limit"], config["cpu_quota"]) == (2**28, 2**28, 500_000)


class TestTheChoice:
    def test_without_an_engine_shipped_plugins_run_in_processes(
        self, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("plugins.sandbox.choice.engine_answers", lambda: False)

        assert isinstance(sandbox_for(make_plugin("")), ProcessSandbox)

    def test_others_are_refused_there(self, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("plugins.sandbox.choice.engine_answers", lambda: False)

        with pytest.raises(Exception, match="does not ship with Core Engine"):
            sandbox_for(make_plugin("", is_shipped=False))

    def test_docker_only_means_docker_only(self, make_plugin: MakePlugin, settings: Any, monkeypatch: Any) -> None:
        settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "docker"}
        monkeypatch.setattr("plugins.sandbox.docker.engine_answers", lambda: False)

        with pytest.raises(Exception, match="The Docker engine does not answer"):
            sandbox_for(make_plugin(""))


@pytest.fixture
def built(tmp_path: Any, settings: Any) -> Iterator[Plugin]:
    """An operator's plugin with its image."""
    if not engine_answers() or not docker_client().images.list(BASE_IMAGE):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    folder = tmp_path / "echo"
    folder.mkdir()
    (folder / "plugin-manifest.yaml").write_text(yaml.safe_dump(manifest_document("test-echo")), "utf-8")
    (folder / "plugin.py").write_text(ANSWER, "utf-8")
    settings.PLUGINS = {**settings.PLUGINS, "SANDBOX": "docker", "DIRECTORIES": [tmp_path], "POOL_SIZE": 2}
    plugin = get_plugin("test-echo")
    image = build_image(docker_client(), plugin)
    yield plugin
    for row in _containers(plugin):
        docker_client().api.remove_container(row["Id"], force=True)
    docker_client().images.remove(image, force=True)


def _containers(plugin: Plugin) -> list[dict[str, Any]]:
    return docker_client().api.containers(all=True, filters={"ancestor": image_name(plugin)})


def _ask(child: Any) -> Any:
    return Conversation(child, serve=lambda params, deadline: {}).call("x", {"a": 1}, timeout_s=15)


@pytest.mark.docker
class TestContainers:
    def test_the_engine_was_told_everything(self, built: Plugin) -> None:
        child = DockerSandbox().start(built)

        (row,) = _containers(built)
        found = docker_client().api.inspect_container(row["Id"])
        host, config = found["HostConfig"], found["Config"]
        child.destroy()

        assert host["NetworkMode"] == "none" and config["NetworkDisabled"]
        assert host["ReadonlyRootfs"] and not host["Privileged"] and not found["Mounts"]
        assert host["CapDrop"] == ["ALL"] and "no-new-privileges" in host["SecurityOpt"]
        assert config["User"] == "65534:65534" and host["IpcMode"] == "none"
        assert host["PidsLimit"] == 32 and host["Memory"] == host["MemorySwap"] == 128 * 2**20
        assert host["CpuQuota"] == host["CpuPeriod"] / 10
        assert "noexec" in host["Tmpfs"]["/tmp"] and host["LogConfig"]["Type"] == "none"
        assert {limit["Name"] for limit in host["Ulimits"]} == {"core", "nofile", "fsize"}
        assert not [item for item in config["Env"] or [] if not item.startswith(("PATH=", "LANG="))]

    def test_the_image_has_the_same_name_for_the_same_content(self, built: Plugin) -> None:
        before = image_name(built)
        assert build_image(docker_client(), built) == before

        (built.folder / "plugin.py").write_text(ANSWER + "# changed\n", "utf-8")

        assert image_name(built) != before

    def test_an_orphan_is_reaped_and_the_living_are_not(self, built: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
        sandbox = DockerSandbox()
        mine = sandbox.start(built)
        with monkeypatch.context() as patch:
            dead = {**owner_labels(), OWNER_LABEL: "999999999:1"}
            patch.setattr(docker, "owner_labels", lambda: dead)
            sandbox.start(built)
        assert len(_containers(built)) == 2

        assert sandbox.reap() >= 1

        assert len(_containers(built)) == 1
        assert _ask(mine) == {"a": 1}
        mine.destroy()
        assert _containers(built) == []

    def test_a_container_ends_by_itself_when_its_owner_is_gone(self, built: Plugin) -> None:
        child = DockerSandbox().start(built)
        child._socket.close()  # what the kernel does with the sockets of a killed process
        child._link.close()

        wait_until(
            lambda: all(row["State"] == "exited" for row in _containers(built)),
            timeout_s=15,
            what="the container's end",
        )


@pytest.mark.docker
class TestThePool:
    def test_children_wait_serve_once_and_are_replaced(self, built: Plugin) -> None:
        warm = pool.open_pool(built.name)
        assert warm is not None
        try:
            wait_until(lambda: warm.counts().get(built.name) == 2, timeout_s=30, what="two waiting children")
            started = time.monotonic()
            child, name = pool.take(built)
            assert (_ask(child), name) == ({"a": 1}, "docker")
            seconds = time.monotonic() - started
            pool.discard(child)

            wait_until(lambda: warm.counts().get(built.name) == 2, timeout_s=30, what="the replacement")
            wait_until(lambda: not child.is_alive(), timeout_s=15, what="the end of the used child")
            assert seconds < 5  # a started container would be there in milliseconds; the bound is for busy machines
        finally:
            pool.close_pool()
        assert _containers(built) == []

    def test_a_changed_plugin_is_not_served_by_old_children(self, built: Plugin) -> None:
        warm = pool.open_pool(built.name)
        assert warm is not None
        image = ""
        try:
            wait_until(lambda: warm.counts().get(built.name) == 2, timeout_s=30, what="two waiting children")
            (built.folder / "plugin.py").write_text(ANSWER.replace('request["params"]', '"new"'), "utf-8")
            image = build_image(docker_client(), built)

            child, _ = pool.take(built)

            assert _ask(child) == "new"
            pool.discard(child)
        finally:
            pool.close_pool()
            if image:
                docker_client().images.remove(image, force=True)
