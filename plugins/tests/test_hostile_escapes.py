"""The hostile plugin tries to get out: S08, the network part of S07, and every secret that there is to see.

In containers nothing may get through. What a confined process does not stop is written in docs/plugins.md, and held
to what was found here.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from plugins.registry import Plugin
from plugins.sandbox.conversation import Conversation
from plugins.sandbox.docker import DockerSandbox, docker_client, engine_answers, host_config, is_mended
from plugins.sandbox.images import BASE_IMAGE
from plugins.sandbox.process import ProcessSandbox
from plugins.tests.cage import FOLDER, HOME, Cage, open_cage, packets_on_bridges
from plugins.tests.peer import running_peer, text

GUIDE = Path(__file__).parents[2] / "docs" / "plugins.md"
CANARY = "canary-7b1e0d"


@dataclass
class Traps:
    """What the host lays out to be reached, and what came there."""

    given: dict[str, Any]
    came: list[str] = field(default_factory=list)


@contextmanager
def laid_out(folder: Path) -> Iterator[Traps]:
    """Listen wherever a plugin could knock, and hide files where it could look."""
    secret, neighbour = folder / "secret.txt", folder / "neighbour"
    neighbour.mkdir()
    for path in (secret, neighbour / "notes.txt"):
        path.write_text(f"{CANARY}-file", encoding="utf-8")
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("0.0.0.0", 0))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(folder / "listens"))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        name = f"core-engine-{uuid4().hex}"
        abstract.bind(f"\0{name}")
        for listener in (unix, abstract):
            listener.listen()
        traps = Traps(
            {
                "tcp_port": tcp.getsockname()[1],
                "udp_port": udp.getsockname()[1],
                "hosts": ["127.0.0.1", *addresses_here()],
                "unix_path": str(folder / "listens"),
                "abstract_name": name,
                "file": str(secret),
                "neighbour": str(neighbour / "notes.txt"),
                "process": os.getpid(),
                "machine": os.uname().nodename,
            }
        )
        for name, listener in {"tcp": tcp, "unix": unix, "abstract": abstract, "udp": udp}.items():
            threading.Thread(target=_watch, args=[name, listener, traps.came], daemon=True).start()
        yield traps


def _watch(name: str, listener: socket.socket, came: list[str]) -> None:
    while True:
        try:
            if listener.type == socket.SOCK_DGRAM:
                listener.recv(100)
            else:
                listener.accept()[0].close()
        except OSError:
            return
        came.append(name)


def addresses_here() -> list[str]:
    """The addresses of this machine: that of the bridge of containers is among them."""
    found = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            found.add(probe.getsockname()[0])
        except OSError:
            pass  # a machine without a network
    return sorted({"172.17.0.1", *map(str, found)} - {"127.0.0.1"})


@pytest.fixture(scope="module")
def peer() -> Iterator[Any]:
    with running_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def cage(tmp_path_factory: pytest.TempPathFactory, peer: Any) -> Iterator[Cage]:
    if not engine_answers() or not docker_client().images.list(BASE_IMAGE):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    with open_cage(tmp_path_factory.mktemp("plugins"), **{HOME: peer.url}) as cage:
        yield cage


@pytest.mark.docker
@pytest.mark.django_db
class TestContainers:
    def test_nothing_gets_through(
        self, cage: Cage, owner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CANARY_SECRET", CANARY)
        before = packets_on_bridges()
        with laid_out(tmp_path) as traps:
            found = cage.call(cage.connect(owner), "escapes.attempts", timeout_s=60, **traps.given).result

        assert found.success, found
        may = {name for name, (container, _) in table().items() if container == "yes"}
        assert set(found.data["through"]) == may, found.data["why"]
        assert traps.came == []
        assert packets_on_bridges() == before
        assert not list(tmp_path.rglob("hostile*"))

    def test_no_secret_is_anywhere_that_it_can_read(
        self, cage: Cage, owner: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        monkeypatch.setenv("CANARY_SECRET", CANARY)
        connection = cage.connect(owner, credential={"token": f"{CANARY}-token"})

        seen = cage.call(connection, "spying.everything_it_can_read", timeout_s=60).result.data

        assert len(seen) > 10_000 and "Uid" not in seen
        for secret in (CANARY, settings.SECRET_KEY, settings.DATABASE_URL, settings.REDIS_URL, str(os.getpid()) + ":"):
            assert secret not in seen

    def test_nothing_that_the_host_says_holds_a_credential(
        self, cage: Cage, owner: Any, stranger: Any, peer: Any
    ) -> None:
        mine, others = f"{CANARY}-mine", f"{CANARY}-of-a-stranger"
        connection = cage.connect(owner, credential={"token": mine})
        other = cage.connect(stranger, credential={"token": others})
        peer.answers["/echo"] = lambda handler: text(str(handler.headers))(handler)
        peer.answers["/leaves"] = text("", status=302, location="https://elsewhere.example.edu/echo")
        peer.asked.clear()

        ended = cage.call(
            connection, "spying.everything_the_host_says", other=other.pk, elsewhere="elsewhere.example.edu"
        )

        heard = b"".join(cage.said).decode("utf-8", "replace")
        assert ended.result.success and '"status":200' in heard.replace(" ", "")
        assert mine in str(peer.asked), "the service itself is told who asks"
        for transcript in (heard, ended.result.data, ended.call.log, str(ended.call.__dict__)):
            assert CANARY not in transcript
        assert others not in str(peer.asked)

    def test_the_engine_was_told_everything(self, cage: Cage) -> None:
        child = DockerSandbox().start(cage.plugin)
        try:
            found = docker_client().api.inspect_container(child._id)
        finally:
            child.destroy()
        host = found["HostConfig"]

        assert not host["Binds"] and not found["Mounts"] and not host["Devices"] and not host["VolumesFrom"]
        assert not host["PidMode"] and not host["UTSMode"] and not host["UsernsMode"] and not host["CapAdd"]
        assert not host["Privileged"] and not host["PublishAllPorts"] and not host["PortBindings"]
        assert not [option for option in host["SecurityOpt"] if "unconfined" in option]
        assert host["MaskedPaths"] and host["ReadonlyPaths"] and host["Runtime"] in {"runc", "runsc"}
        assert set(found["NetworkSettings"]["Networks"]) <= {"none"} and not found["NetworkSettings"]["IPAddress"]
        assert cage.plugin.manifest is not None and host["PidsLimit"] == host_config(cage.plugin.manifest)["pids_limit"]

    def test_the_engine_filters_system_calls_and_its_runtime_is_mended(self) -> None:
        holds = {item.name: item for item in DockerSandbox().protections()}

        for name in ("System calls are filtered", "The container runtime is mended"):
            assert holds[name].holds, holds[name].detail

    @pytest.mark.parametrize(
        ("version", "mended"),
        [
            ("1.1.12", True),
            ("1.3.0", True),
            ("1.1.5+ds1-1+deb12u1", True),
            ("1.1.5", False),
            ("1.1.11", False),
            ("1.0.0~rc93+ds1-5+deb11u3", True),
        ],
    )
    def test_which_runtimes_are(self, version: str, mended: bool) -> None:
        assert is_mended(version) == mended


def test_what_a_process_stops_is_what_the_guide_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a kernel where every protection of the process sandbox holds; elsewhere the page says what does not."""
    sandbox = ProcessSandbox()
    if lacking := [item.name for item in sandbox.protections() if not item.holds]:
        pytest.skip(f"this kernel lacks: {', '.join(lacking)}")
    monkeypatch.setenv("CANARY_SECRET", CANARY)
    plugin = hostile_plugin()
    child = sandbox.start(plugin)
    try:
        with laid_out(tmp_path) as traps:
            said = {"mode": "escapes.attempts", "given": as_text({**traps.given, "careful": True})}
            conversation = Conversation(child, serve=lambda params, deadline: {})
            found = conversation.call("execute_action", {"params": said}, timeout_s=60)["data"]
    finally:
        child.destroy()

    assert set(found["through"]) == {name for name, (_, process) in table().items() if process == "yes"}, found["why"]
    assert traps.came == []


def test_the_guide_names_every_attempt() -> None:
    program = (FOLDER / "escapes.py").read_text("utf-8")
    names = re.findall(r"^        (\w+),$", program.split("ATTEMPTS = {")[1], re.MULTILINE)

    assert sorted(table()) == sorted(names) and len(names) >= 25


def table() -> dict[str, tuple[str, str]]:
    """Whether an attempt gets through in a container and in a process, by its name, as the guide has it."""
    rows = re.findall(r"^\| .+ \| (yes|no) \| (yes|no)[^|]* \| `(\w+)` \|$", GUIDE.read_text("utf-8"), re.MULTILINE)
    return {name: (container, process) for container, process, name in rows}


def hostile_plugin() -> Plugin:
    """The hostile plugin as one that ships: others do not run in processes at all."""
    from plugins.manifest import parse_manifest

    manifest = parse_manifest((FOLDER / "plugin-manifest.yaml").read_bytes(), source="hostile")
    return Plugin("hostile", FOLDER, manifest, is_shipped=True)


def as_text(given: dict[str, Any]) -> str:
    import json

    return json.dumps(given)
