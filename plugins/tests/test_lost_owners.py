"""R17: a worker is killed with twenty containers alive, and the engine goes away in the middle of calls."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coreengine.kernel.waiting import wait_until
from plugins.errors import SandboxUnavailable
from plugins.sandbox import docker, pool, reaper
from plugins.sandbox.conversation import Conversation
from plugins.sandbox.docker import DockerSandbox, docker_client, engine_answers, engine_failed
from plugins.sandbox.images import BASE_IMAGE
from plugins.sandbox.owners import OWNER_LABEL, started_ticks
from plugins.sandbox.reaper import Reaper
from plugins.tests.cage import BYSTANDER, Cage, containers, open_cage

pytestmark = pytest.mark.docker
ALIVE = 20
WORKER = """
import sys, time
import django
django.setup()
from plugins.registry import get_plugin
from plugins.sandbox import pool

plugin = get_plugin("hostile")
pool.open_pool("hostile")
line = b'{"jsonrpc":"2.0","id":1,"params":{"params":{"mode":"greed.ignores_the_end"}}}\\n'
held = []
for _ in range(int(sys.argv[1])):
    child, _ = pool.take(plugin)
    said = bytearray(line)
    while said:
        child.pump(said, 5)
    held.append(child)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def cage(tmp_path: Path) -> Iterator[Cage]:
    if not engine_answers() or not docker_client().images.list(BASE_IMAGE):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    with open_cage(tmp_path) as cage:
        yield cage


def test_what_a_killed_worker_leaves_is_removed_by_one_that_lives(
    cage: Cage, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    """Twelve calls that ignore every signal and the end of their input, and eight that wait in the pool."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "coreengine.settings.dev",
        "PLUGIN_SANDBOX": "docker",
        "PLUGIN_DIRECTORIES": str(tmp_path),
        "PLUGIN_POOL_SIZE": "8",
        "PLUGIN_POOL_TOTAL": "8",
    }
    command = [sys.executable, "-c", WORKER, "12"]
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
        label = f"{OWNER_LABEL}={worker.pid}:{started_ticks(worker.pid)}"
        wait_until(lambda: len(of_worker(label)) >= ALIVE, timeout_s=90, what=f"{ALIVE} containers")
        DockerSandbox().reap()
        assert len(of_worker(label)) >= ALIVE, "those of a worker that lives are left alone"
    finally:
        worker.kill()
        worker.communicate()
    assert len(of_worker(label)) >= 12

    monkeypatch.setattr(reaper, "REAP_EVERY_S", 0.0)
    survivor = Reaper()
    try:
        wait_until(lambda: not of_worker(label), timeout_s=60, what="the end of what it left")
    finally:
        survivor.stop()


def test_a_reaping_comes_round_within_two_minutes() -> None:
    from coreengine.celery import app
    from plugins.sandbox import owners

    assert reaper.REAP_EVERY_S + reaper.LEASE_RENEWED_S < 60
    assert app.conf.beat_schedule["remove containers whose owner is gone"]["schedule"] < 60
    # Where process numbers say nothing: the lease runs out, is missed, and missed again.
    assert owners.LEASE_S + owners.MISSING_S + reaper.REAP_EVERY_S < 120


def of_worker(label: str) -> list[str]:
    return [row["Id"] for row in docker_client().api.containers(all=True, filters={"label": [label]})]


def test_a_container_whose_removal_failed_is_found_again(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    child = DockerSandbox().start(cage.plugin)
    with monkeypatch.context() as broken:
        broken.setattr(docker, "docker_client", lambda: (_ for _ in ()).throw(SandboxUnavailable("away")))
        child.destroy()
    assert child._id in containers()

    DockerSandbox().reap()
    assert child._id in containers(), "it might be just being made"
    monkeypatch.setattr(docker, "FORGOTTEN_AFTER_S", -1.0)
    DockerSandbox().reap()

    assert child._id not in containers()


# --- An engine of our own that can be restarted ------------------------------------------------------------------


@dataclass
class Engine:
    """A second dockerd, with everything of its own in one folder."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/s"

    def start(self) -> None:
        options = {"data-root": "data", "exec-root": "exec", "pidfile": "pid", "config-file": "none.json"}
        (self.folder / "none.json").write_text("{}")
        (self.folder / "pid").unlink(missing_ok=True)
        command = ["dockerd", "--host", self.address, "--bridge=none", "--iptables=false", "--ip6tables=false"]
        command += [f"--{name}={self.folder / place}" for name, place in options.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self.answers, timeout_s=60, what=f"the second engine: {(self.folder / 'log').read_text()[-600:]}")

    def answers(self) -> bool:
        done = subprocess.run(["docker", "-H", self.address, "version"], capture_output=True, check=False)
        return done.returncode == 0

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    if os.getuid() != 0 or shutil.which("dockerd") is None or not engine_answers():
        pytest.skip("needs root, dockerd and a first engine with the base image")
    folder = Path("/tmp") / f"ce-engine-{os.getpid()}"  # a socket's path is short
    folder.mkdir()
    engine = Engine(folder)
    try:
        engine.start()
        saved = subprocess.Popen(["docker", "save", BASE_IMAGE], stdout=subprocess.PIPE)
        subprocess.run(["docker", "-H", engine.address, "load"], stdin=saved.stdout, check=True, capture_output=True)
        saved.communicate()
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        forget_the_engine()
        yield engine
    finally:
        monkeypatch.undo()
        forget_the_engine()
        if engine.process is not None and engine.process.poll() is None:
            engine.stop()
        for mounts in sorted(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())[::-1]:
            if mounts.startswith(str(folder)):
                subprocess.run(["umount", mounts], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def forget_the_engine() -> None:
    """Let every part of this process ask anew which engine there is."""
    engine_failed()
    docker._answered_at = None
    docker._clients = docker.threading.local()


def test_an_engine_that_restarts_fails_what_runs_and_serves_what_comes_after(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "ENGINE_CHECK_S", 0.2)
    monkeypatch.setattr(docker, "FORGOTTEN_AFTER_S", 0.0)
    with ExitStack() as stack, ThreadPoolExecutor(1) as hands:
        cage = stack.enter_context(open_cage(tmp_path))
        running = hands.submit(ask, cage, "talk.never_answers", 60.0)
        wait_until(lambda: cage.warm.counts().get("hostile") == 2, timeout_s=60, what="the pool")
        began = time.monotonic()
        engine.stop()

        failure = running.exception(timeout=30)
        assert getattr(failure, "code", "") == "plugin_exited" and getattr(failure, "retryable", False), failure
        assert time.monotonic() - began < 30
        with pytest.raises(SandboxUnavailable) as away:
            ask(cage, "honest.answer", 20.0)
        assert away.value.retryable

        engine.start()
        wait_until(lambda: answered(cage), timeout_s=60, what="a call after the restart")
        wait_until(lambda: reaped(cage), timeout_s=60, what="the end of what the restart left")


def ask(cage: Cage, mode: str, timeout_s: float) -> Any:
    child, _ = pool.take(cage.plugin, owner=BYSTANDER)
    try:
        conversation = Conversation(child, serve=lambda params, deadline: {})
        said = {"params": {"mode": mode, "given": '{"word": "umbrella"}'}}
        return conversation.call("execute_action", said, timeout_s=timeout_s)
    finally:
        pool.discard(child)


def answered(cage: Cage) -> bool:
    try:
        return bool(ask(cage, "honest.answer", 20.0) == {"data": {"word": "umbrella"}})
    except SandboxUnavailable as error:
        assert error.retryable
        return False


def reaped(cage: Cage) -> bool:
    """Nothing but what waits in the pool is left."""
    DockerSandbox().reap()
    return cage.warm.is_settled() and len(containers()) == sum(cage.warm.counts().values())
