"""Everything that runs during the bench: servers, processes of the product, the other side, one student."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import httpx
import redis

from bench.faults.points import Points
from bench.faults.servers import OwnServer, own_servers
from bench.faults.sink import Sink, running_sink
from coreengine.supervise import programs

if TYPE_CHECKING:
    from coreengine.accounts.models import User

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
FOREVER_S = 600.0
WORKER, PLUGINS, BEAT, WEB = "worker", "plugin-worker", "beat", "web"


@dataclass(frozen=True)
class Patience:
    """How long silences are, in seconds: as installed, or short."""

    lease_s: float = 20
    hint_again_s: float = 10
    sweep_s: float = 5
    visibility_s: float = 1800

    @property
    def recovery_s(self) -> float:
        """How long it may take until lost work goes on: the lease, a hint, two sweeps, and a process's start."""
        return self.lease_s + self.hint_again_s + 2 * self.sweep_s


@dataclass
class Program:
    """A process of the product, and how it is run."""

    command: list[str]
    environment: dict[str, str]
    running: subprocess.Popen[bytes] | None = None
    starts: int = 0


@dataclass
class World:
    """Real processes that can be killed and started again; none is anybody else's."""

    folder: Path
    postgres: OwnServer
    redis_server: OwnServer
    sink: Sink
    points: Points
    patience: Patience
    environment: dict[str, str]
    lifeline: int
    web_port: int
    programs: dict[str, Program] = field(default_factory=dict)
    student: User | None = None
    revives: bool = True

    # --- processes --------------------------------------------------------------------------------------

    def start(self, *names: str, **variables: str) -> None:
        """Start processes that are not running; `worker:2` is a second worker."""
        for name in names:
            program = self.programs.get(name)
            if program is None or variables:
                program = self.programs[name] = Program(
                    self._command(name), {**self.environment, "FAULTS_ROLE": name.partition(":")[0], **variables}
                )
            if program.running is None or program.running.poll() is not None:
                self._launch(name, program)

    def _launch(self, name: str, program: Program) -> None:
        program.starts += 1
        with self.log(name).open("ab") as log:
            program.running = subprocess.Popen(
                program.command,
                cwd=ROOT,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self.lifeline],
            )

    def _command(self, name: str) -> list[str]:
        kind = name.partition(":")[0]
        made = {
            WORKER: lambda: programs.worker(2),
            PLUGINS: lambda: programs.plugin_worker(8),
            BEAT: programs.beat,
            WEB: lambda: programs.web("127.0.0.1", self.web_port),
        }[kind]()
        _python, _m, module, *rest = made.command
        ours = {"coreengine": "bench.faults.inside", "coreengine.wsgi:application": "bench.faults.inside:application"}
        rest = [ours.get(part, part) for part in rest]
        if "-n" in rest:
            rest[rest.index("-n") + 1] = f"{name.replace(':', '-')}@%h"
        if "INFO" in rest:
            rest[rest.index("INFO")] = "WARNING"
        return [sys.executable, "-m", "bench.faults.process", module, *rest]

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process and its children."""
        running = self.programs[name].running
        if running is not None and running.poll() is None:
            os.killpg(running.pid, number)

    def kill(self, *names: str) -> None:
        """SIGKILL for processes and their children, as a lost machine would; they are started again by `tend`."""
        for name in names:
            with contextlib.suppress(ProcessLookupError):
                self.signal(name, signal.SIGKILL)
        for name in names:
            running = self.programs[name].running
            if running is not None:
                running.wait(20)

    def remove(self, *names: str) -> None:
        """Kill processes for good."""
        self.kill(*names)
        for name in names:
            del self.programs[name]

    def only(self, *names: str) -> None:
        """Run these processes and no others, each as installed."""
        self.remove(*[name for name in self.programs if name not in names or ":" in name])
        self.start(*names)

    def tend(self) -> None:
        """Start again what has ended, as the supervisor does."""
        for name, program in self.programs.items():
            if self.revives and program.running is not None and program.running.poll() is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(program.running.pid, signal.SIGKILL)  # children that outlived it
                self._launch(name, program)

    def until(
        self, condition: Callable[[], T], *, limit_s: float = FOREVER_S, every_s: float = 0.05, what: str = ""
    ) -> T | None:
        """Wait for something while processes are tended; None when it did not come."""
        deadline = time.monotonic() + limit_s
        while True:
            self.tend()
            if value := _unless_away(condition):
                return value
            if time.monotonic() > deadline:
                return None
            time.sleep(every_s)

    def stop(self) -> None:
        """End everything."""
        self.revives = False
        for name in self.programs:
            with contextlib.suppress(ProcessLookupError):
                self.signal(name, signal.SIGCONT)
        self.kill(*self.programs)
        self.redis_server.kill()
        self.postgres.stop()

    # --- what one asks of it ----------------------------------------------------------------------------

    @property
    def redis(self) -> redis.Redis:
        """A client of the bench's Redis."""
        return redis.Redis.from_url(self.redis_server.url, socket_timeout=3)

    @property
    def address(self) -> str:
        """Where the web server answers."""
        return f"http://127.0.0.1:{self.web_port}"

    def web_answers(self) -> bool:
        """Say whether it does."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/health", timeout=2).status_code == 200
        return False

    def wait_ready(self, *names: str) -> None:
        """Wait until workers consume: each queue's messages are taken.

        Raises:
            RuntimeError: with the ends of the logs.
        """
        from coreengine.kernel.health import heartbeat

        def consumed() -> bool:
            client = self.redis
            if WEB in self.programs and not self.web_answers():
                return False
            return all(client.llen(queue) == 0 for queue in queues)

        queues = [queue for name, queue in ((WORKER, "default"), (PLUGINS, "plugins")) if name in self.programs]
        for queue in queues:
            heartbeat.apply_async(queue=queue, retry=False)
        if not self.until(consumed, limit_s=60):
            raise RuntimeError(f"the processes did not become ready:\n{self.last_words()}")

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.folder / f"{name.replace(':', '-')}.log"

    def last_words(self, length: int = 1500) -> str:
        """The ends of all logs."""
        said = [(file.name, file.read_text(errors="replace")[-length:]) for file in self.folder.glob("*.log")]
        return "\n".join(f"--- {name}\n{text}" for name, text in said)


@contextlib.contextmanager
def running_world(patience: Patience) -> Iterator[World]:
    """Start the servers, prepare the database and Django in this process; end everything afterwards."""
    reading, writing = os.pipe()
    with (
        tempfile.TemporaryDirectory(prefix="ce-faults-", ignore_cleanup_errors=True) as name,
        running_sink() as sink,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # an unprivileged PostgreSQL, when root measures
        postgres, redis_server = own_servers(folder / "var")
        postgres.start()
        redis_server.start()
        points = Points(folder / "points")
        points.prepare()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            web_port = int(probe.getsockname()[1])
        ours = {
            "ENVIRONMENT": "development",
            "DEBUG": "false",
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis_server.url,
            "VAR_DIR": str(folder / "var"),
            "PLUGIN_SANDBOX": "process",
            "CELERY_SKIP_CHECKS": "1",
            "API_RATE": "1000000/min",
            "WORKFLOW_LEASE": f"{patience.lease_s}s",
            "WORKFLOW_HINT_AGAIN_AFTER": f"{patience.hint_again_s}s",
            "WORKFLOW_SWEEP_EVERY": f"{patience.sweep_s}s",
            "FAULTS_FOLDER": str(folder),
            "FAULTS_SINK": sink.address,
            "FAULTS_LIFELINE": str(reading),
        }
        kept = {key: value for key, value in os.environ.items() if key not in {"DJANGO_SETTINGS_MODULE", "PORT"}}
        os.environ.update({key: value for key, value in ours.items() if key != "FAULTS_LIFELINE"})
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        world = World(folder, postgres, redis_server, sink, points, patience, {**kept, **ours}, reading, web_port)
        try:
            _prepare_django(world)
            yield world
        finally:
            world.stop()
            os.close(writing)


def _unless_away(condition: Callable[[], T]) -> T | None:
    """What a condition says; None while the database is away."""
    from django.db import InterfaceError, OperationalError, connection

    try:
        return condition()
    except (OperationalError, InterfaceError):
        connection.close()
        return None


def _prepare_django(world: World) -> None:
    from django.core.management import call_command
    from django.db import connection

    import bench.faults.inside  # noqa: F401  (settles Django, and the bench's own steps)
    from coreengine.accounts.models import User

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_effect (id bigserial PRIMARY KEY, execution bigint, path text)")
    world.student = User.objects.create_user("faults@example.edu", os.urandom(9).hex(), name="Noor")
