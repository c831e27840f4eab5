"""The whole product as processes of a test: each can be killed and started again, and none is anybody else's."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import redis
from django.conf import settings

from coreengine.kernel.embedded.binaries import redis_server
from coreengine.kernel.embedded.places import settle
from coreengine.kernel.waiting import wait_until
from coreengine.supervise import programs
from coreengine.supervise.programs import CHILD, ROOT
from plugins.demo_university.testing import DOMAIN, RunningUniversity

NOWHERE = "closed.university.edu"
ENDLESS = "endless.university.edu"
WORKERS = ("worker", "plugin-worker")
START_LIMIT_S = 120
LOG_SHOWN = 3_000


@dataclass
class System:
    """Web, workers, beat and Redis on one database, with the demo university as the other side."""

    folder: Path
    university: RunningUniversity
    environment: dict[str, str]
    redis_url: str
    address: str
    commands: dict[str, list[str]]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def revive(self, over: threading.Event) -> None:
        """Start again what ended by itself, as the supervisor does (autorestart)."""
        while not over.wait(0.5):
            with self.lock:
                self.start(*[name for name, process in self.running.items() if process.poll() is not None])

    def start(self, *names: str) -> None:
        """Start processes in a group of their own, so that a kill can take the children along."""
        for name in names:
            command = [sys.executable, "-I", "-S", str(CHILD), *self.commands[name]]
            with self.log(name).open("ab") as log:
                self.running[name] = subprocess.Popen(
                    command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
                )

    def kill(self, *names: str) -> None:
        """SIGKILL, for the process and all of its children, as a lost machine would."""
        with self.lock:
            killed = [self.running.pop(name) for name in names]
        for process in killed:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in killed:
            process.wait(20)

    def stop(self) -> None:
        """End everything, kindly first."""
        for process in self.running.values():
            process.terminate()
        deadline = time.monotonic() + 15
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        self.kill(*self.running)

    @property
    def redis(self) -> redis.Redis:
        """A client of this test's own Redis."""
        return redis.Redis.from_url(self.redis_url, socket_timeout=2)

    def redis_answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.RedisError:
            return False

    def is_ready(self) -> bool:
        """Say whether database, Redis, both workers and beat do their work."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/health/ready", timeout=5).status_code == 200
        return False

    def wait_ready(self) -> None:
        """Wait until everything works; when it does not come, say what the processes said."""
        try:
            wait_until(self.is_ready, timeout_s=START_LIMIT_S, interval_s=0.2, what="the whole system")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def last_words(self) -> str:
        """The end of every process's log."""
        said = []
        for name in self.commands:
            code = self.running[name].poll() if name in self.running else "killed"
            words = self.log(name).read_text(errors="replace")[-LOG_SHOWN:] if self.log(name).exists() else ""
            said.append(f"--- {name} (exit code {code})\n{words}")
        return "\n".join(said)


@contextlib.contextmanager
def running_system(database: str, university: RunningUniversity) -> Iterator[System]:
    """Start everything on the named database, and end all of it."""
    with tempfile.TemporaryDirectory(prefix="ce-faults-", ignore_cleanup_errors=True) as name, _endless() as endless:
        folder = Path(name)
        folder.chmod(0o755)  # an unprivileged Redis, when root tests
        for part in ("plugins", "var", "var/embedded"):
            (folder / part).mkdir()
        redis_port, web_port, closed_port = (_free_port() for _ in range(3))
        hosts = {DOMAIN: university.url, NOWHERE: f"http://127.0.0.1:{closed_port}", ENDLESS: endless}
        redis_url = f"redis://127.0.0.1:{redis_port}/0"
        environment = {
            **{key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"},
            "ENVIRONMENT": "development",
            "DEBUG": "false",
            "SECRET_KEY": settings.SECRET_KEY,
            "DATABASE_URL": _address_of(database),
            "REDIS_URL": redis_url,
            "VAR_DIR": str(folder / "var"),
            "PLUGIN_SANDBOX": "process",
            "PLUGIN_DIRECTORIES": str(folder / "plugins"),
            "GATEWAY_HOSTS": ",".join(f"{host}={url}" for host, url in hosts.items()),
            "CELERY_SKIP_CHECKS": "1",
        }
        binary = redis_server(settle(folder / "var"))
        system = System(
            folder=folder,
            university=university,
            environment=environment,
            redis_url=redis_url,
            address=f"http://127.0.0.1:{web_port}",
            commands={
                "redis": [str(binary), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", ""],
                "web": programs.web("127.0.0.1", web_port).command,
                "worker": programs.worker(2).command,
                "plugin-worker": programs.plugin_worker(8).command,
                "beat": programs.beat().command,
            },
        )
        over = threading.Event()
        try:
            system.start("redis")
            wait_until(system.redis_answers, timeout_s=20, what="Redis")
            system.start("web", *WORKERS, "beat")
            system.wait_ready()
            threading.Thread(target=system.revive, args=[over], name="supervisor", daemon=True).start()
            yield system
        finally:
            over.set()
            system.stop()


def _address_of(database: str) -> str:
    """The address of another database on the server of the tests."""
    parts = urlsplit(settings.DATABASE_URL)
    return urlunsplit(parts._replace(path=f"/{quote(database)}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _endless() -> Iterator[str]:
    """A host whose page never ends: valid so far, always a little more, faster than any limit."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
            while not over.is_set():
                client.sendall(b" " * 65536)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while not over.is_set():
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()
