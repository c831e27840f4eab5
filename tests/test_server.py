"""`script/server` with real processes, on a port and in a folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from coreengine.kernel.waiting import wait_until
from coreengine.supervise import leftovers

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.slow]


@dataclass
class Server:
    """One `script/server` and where it runs."""

    var: Path
    port: int
    process: "subprocess.Popen[str]"
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def mark(self) -> str:
        return leftovers.read_mark(self.var / "supervise" / "run")

    def wait_ready(self) -> None:
        wait_until(lambda: "is ready at" in self.said() or self.process.poll() is not None, timeout_s=200, what="READY")
        assert "is ready at" in self.said(), self.said()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(var: Path, port: int, output: Path) -> Server:
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL", leftovers.MARK}}
    environment |= {"ENVIRONMENT": "development", "VAR_DIR": str(var), "PORT": str(port)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    with output.open("w") as file:
        process = subprocess.Popen(
            [str(ROOT / "script" / "server")],
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
            text=True,
        )
    return Server(var, port, process, output)


def everything_of(server: Server) -> list[psutil.Process]:
    """Every process of a run: those with its mark, the launcher, and the keepers with their servers."""
    found = {p.pid: p for p in leftovers.find(server.mark())} if server.mark() else {}
    found |= {p.pid: p for p in psutil.process_iter() if str(server.var) in " ".join(_command(p))}
    for process in list(found.values()):
        try:
            found |= {child.pid: child for child in process.children(recursive=True)}
        except psutil.Error:
            continue
    return [p for p in found.values() if p.pid != os.getpid()]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def assert_gone(processes: list[psutil.Process], timeout_s: float = 15) -> None:
    def alive() -> list[psutil.Process]:
        return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    wait_until(lambda: not alive(), timeout_s=timeout_s, what=f"the end of {processes}")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that any user may enter, unlike pytest's own: root's servers run as another user."""
    with tempfile.TemporaryDirectory(prefix="ce-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    running = start(folder / "var", free_port(), folder / "first")
    yield running
    running.process.terminate()
    running.process.wait(60)


def test_it_says_how_to_sign_in_once_it_is_ready(server: Server) -> None:
    server.wait_ready()
    said = server.said()
    address = f"http://127.0.0.1:{server.port}"
    for words in (address, "student@example.edu", "core-engine", "/mailbox/", "demo.university.edu", "Ctrl-C"):
        assert words in said
    with urllib.request.urlopen(f"{address}/health/ready", timeout=5) as answer:
        checks = json.loads(answer.read())["checks"]
    assert {name for name, check in checks.items() if check["ok"]} == {
        "database",
        "redis",
        "worker",
        "plugin-worker",
        "beat",
    }


def test_a_port_in_use_gives_one_line_and_starts_nothing(server: Server, folder: Path) -> None:
    server.wait_ready()
    second = start(folder / "second-var", server.port, folder / "second")
    assert second.process.wait(30) == 1
    assert second.said().strip().splitlines() == [
        f"Core Engine cannot start: port {server.port} on 127.0.0.1 is in use. "
        "Stop what uses it, or set PORT to another."
    ]
    assert not second.var.exists()


def test_one_checkout_runs_once(server: Server, folder: Path) -> None:
    server.wait_ready()
    second = start(server.var, free_port(), folder / "third")
    assert second.process.wait(30) == 1
    assert f"this checkout already runs at http://127.0.0.1:{server.port}" in second.said()
    assert server.process.poll() is None


def test_a_killed_supervisor_takes_everything_with_it(server: Server) -> None:
    server.wait_ready()
    processes = everything_of(server)
    supervisor = [p for p in processes if "supervisor.supervisord" in _command(p)]
    assert len(supervisor) == 1
    supervisor[0].kill()
    assert server.process.wait(40) == 1
    assert "the supervisor ended by itself" in server.said()
    assert_gone(processes)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_killed_start_leaves_nothing_and_the_next_one_resumes(server: Server, folder: Path) -> None:
    """Killed in the middle of its start; the one after it begins with the data of the first."""
    server.process.wait(60)
    second = start(server.var, server.port, folder / "fourth")
    wait_until(lambda: len(everything_of(second)) > 6, timeout_s=60, what="the first processes")
    processes = everything_of(second)
    second.process.kill()
    second.process.wait()
    assert_gone(processes, timeout_s=40)

    third = start(server.var, server.port, folder / "fifth")
    third.wait_ready()
    processes = everything_of(third)
    assert len(processes) > 8
    began = time.monotonic()
    third.process.send_signal(signal.SIGTERM)
    assert third.process.wait(60) == 0
    assert "Stopped." in third.said()
    assert_gone(processes, timeout_s=2)
    assert time.monotonic() - began < 40


def test_a_sigterm_while_starting_leaves_no_process(folder: Path) -> None:
    server = start(folder / "young-var", free_port(), folder / "sixth")
    wait_until(lambda: (server.var / "embedded" / "postgres.json").exists(), timeout_s=40, what="PostgreSQL")
    processes = everything_of(server)
    server.process.terminate()
    assert server.process.wait(40) == 0
    assert_gone(processes)
    assert not everything_of(server)
