"""The PostgreSQL and the Redis of one bench: children of this process, stopped, killed and started at will."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, create_server, socket

from coreengine.kernel.embedded.places import Places, settle
from coreengine.kernel.embedded.servers import Postgres, Redis, environment
from coreengine.kernel.waiting import wait_until
from coreengine.supervise.child import PR_SET_PDEATHSIG

Kept = Postgres | Redis
START_LIMIT_S = 45
_libc = ctypes.CDLL(None)  # before the fork: another user may not be able to load it


class OwnServer:
    """One server on a unix socket in the bench's folder."""

    def __init__(self, server: Kept, places: Places) -> None:
        self.server = server
        self.places = places
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.server.url

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers. Only from the main thread: it dies with the thread that started it."""
        name = type(self.server).__name__.lower()
        with (self.places.log / f"{name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.server.command(), *options],
                cwd=self.server.data,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, int(self.server.stop_signal)),
                **self.places.account.popen(),  # type: ignore[call-overload]
            )
        wait_until(self.answers, timeout_s=START_LIMIT_S, interval_s=0.02, what=name)

    def answers(self) -> bool:
        """Say whether it takes requests."""
        return self.process is not None and self.process.poll() is None and self.server.answers()

    def stop(self) -> None:
        """End it as an administrator would: sessions are cut, everything is written."""
        self._end(self.server.stop_signal)

    def kill(self) -> None:
        """SIGKILL, with its children."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        if number == signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                signal_group(self.process.pid, number)
        else:
            self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process and its children."""
    os.killpg(pid, number)


def own_servers(var: Path) -> tuple[OwnServer, OwnServer]:
    """A new PostgreSQL and a new Redis in this folder, not started yet."""
    (var / "embedded").mkdir(parents=True)
    places = settle(var)
    postgres, redis = Postgres(places), Redis(places)
    postgres.prepare()
    redis.prepare()
    return OwnServer(postgres, places), OwnServer(redis, places)


class Wire:
    """A line to a unix socket that can be cut in silence: both ends stay open and nothing passes any more.

    Connections that were open when it fell silent stay dead for ever, as behind a router that forgot them; new ones
    pass once it speaks again.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._listener = create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._speaks = threading.Event()
        self._speaks.set()
        self._generation = 0
        threading.Thread(target=self._accept, name="wire", daemon=True).start()

    def silence(self) -> None:
        """From now on nothing passes."""
        self._generation += 1
        self._speaks.clear()

    def speak(self) -> None:
        """Let new connections pass."""
        self._speaks.set()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=[near], daemon=True).start()

    def _connect(self, near: socket) -> None:
        self._speaks.wait()
        generation = self._generation
        far = socket(AF_UNIX, SOCK_STREAM)
        try:
            far.connect(str(self._target))
        except OSError:
            near.close()
            return
        threading.Thread(target=self._pump, args=[near, far, generation], daemon=True).start()
        self._pump(far, near, generation)

    def _pump(self, source: socket, target: socket, generation: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if generation == self._generation:
                    target.sendall(data)
        if generation == self._generation:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.close()
