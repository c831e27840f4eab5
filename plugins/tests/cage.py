"""Runs the hostile plugin as a worker runs any: pool, gateway, rows; and watches what it costs the host."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from django.conf import settings
from django.test import override_settings

from coreengine.kernel.waiting import wait_until
from plugins import services
from plugins.contract import ActionResult
from plugins.models import ActionCall, Connection
from plugins.registry import Plugin, get_plugin
from plugins.sandbox import pool
from plugins.sandbox.base import Chunk
from plugins.sandbox.conversation import Conversation
from plugins.sandbox.docker import DockerChild, docker_client
from plugins.sandbox.images import build_image
from plugins.sandbox.owners import OWNER_LABEL, owner_labels
from plugins.tests.factories import ConnectionFactory

FOLDER = Path(__file__).parent / "hostile"
HOME = "home.example.edu"
GONE_WITHIN_S = 10
BYSTANDER = -1
MIB = 2**20


@dataclass
class Outcome:
    """How a call ended, and what it took."""

    result: ActionResult
    seconds: float
    grown_bytes: int
    call: ActionCall
    container: str

    @property
    def error(self) -> str:
        return self.result.error_code


@dataclass
class Cage:
    """The hostile plugin in containers of its own. `said` is everything that was sent into any of them."""

    plugin: Plugin
    image: str
    warm: pool.WarmPool
    said: list[bytes] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        """Note every container that a call takes, and everything that is sent into one."""
        pump, take = DockerChild.pump, pool.take

        def heard(child: DockerChild, outgoing: bytearray, timeout_s: float) -> list[Chunk]:
            self.said.append(bytes(outgoing[:65536]))
            return pump(child, outgoing, timeout_s)

        def taken(plugin: Plugin, **options: Any) -> Any:
            child, name = take(plugin, **options)
            if options.get("owner") != BYSTANDER:
                self.taken.append(child._id)
            return child, name

        patch.setattr(DockerChild, "pump", heard)
        patch.setattr(pool, "take", taken)

    def connect(self, owner: Any, **fields: Any) -> Connection:
        """Make a connection of a student to the hostile plugin."""
        return ConnectionFactory(owner=owner, plugin="hostile", configuration={}, **fields)

    def call(self, connection: Connection, mode: str, *, timeout_s: float = 20, **given: Any) -> Outcome:
        """Let it misbehave once, as a step of a workflow would."""
        self.said.clear()
        with watched_memory() as grown:
            began = time.monotonic()
            result = services.call_action(
                connection,
                "misbehave",
                {"mode": mode, "given": json.dumps(given)},
                by=connection.owner,
                timeout_s=timeout_s,
            )
            seconds = time.monotonic() - began
        call = ActionCall.objects.filter(connection=connection).order_by("-pk")[0]
        return Outcome(result, seconds, grown[0], call, self.taken[-1])

    def wait_gone(self, container: str) -> None:
        """Wait until a container is no more."""
        wait_until(lambda: container not in containers(), timeout_s=GONE_WITHIN_S, what=f"the end of {container[:12]}")

    def honest_answers(self, over: threading.Event) -> list[float]:
        """What another plugin's user meets meanwhile: calls in turn until `over`, seconds each."""
        seconds: list[float] = []
        while not over.is_set():
            began = time.monotonic()
            child, _ = pool.take(self.plugin, owner=BYSTANDER)
            try:
                said = {"params": {"mode": "honest.answer", "given": '{"word": "umbrella"}'}}
                answer = Conversation(child, serve=lambda params, deadline: {}).call(
                    "execute_action", said, timeout_s=20
                )
            finally:
                pool.discard(child)
            assert answer == {"data": {"word": "umbrella"}}
            seconds.append(time.monotonic() - began)
        return seconds


def containers() -> set[str]:
    """The containers of this process, in whatever state."""
    mine = f"{OWNER_LABEL}={owner_labels()[OWNER_LABEL]}"
    return {row["Id"] for row in docker_client().api.containers(all=True, filters={"label": [mine]})}


@contextmanager
def watched_memory() -> Iterator[list[int]]:
    """Note by how much this process grows at most within the block."""
    process, over, grown = psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def watch() -> None:
        while not over.wait(0.01):
            grown[0] = max(grown[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield grown
    finally:
        over.set()
        watcher.join()
        grown[0] = max(grown[0], process.memory_info().rss - before)


@contextmanager
def open_cage(folder: Path, **hosts: str) -> Iterator[Cage]:
    """Build the image, keep two containers ready, and write down what goes into them."""
    shutil.copytree(FOLDER, folder / "hostile", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "hostile" / "run.txt").write_text(uuid4().hex)  # an image of its own for each run of the tests
    options = {"SANDBOX": "docker", "DIRECTORIES": [folder], "POOL_SIZE": 2, "POOL_TOTAL": 4, "GATEWAY_HOSTS": hosts}
    with override_settings(PLUGINS={**settings.PLUGINS, **options}), pytest.MonkeyPatch.context() as patch:
        plugin = get_plugin("hostile")
        cage = Cage(plugin, build_image(docker_client(), plugin), pool.open_pool("hostile"))
        cage.listen(patch)
        try:
            yield cage
        finally:
            pool.close_pool()
            left = containers()
            docker_client().images.remove(cage.image, force=True)
            assert not left, f"{len(left)} containers remain"


def packets_on_bridges() -> dict[str, int]:
    """Packets that passed the bridges on which containers with a network are."""
    found = psutil.net_io_counters(pernic=True)
    return {name: each.packets_sent + each.packets_recv for name, each in found.items() if name.startswith("docker")}
