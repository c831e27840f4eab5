"""The PostgreSQL and Redis that Core Engine runs for itself when it is given no addresses.

`addresses_for_process(var)` answers with the addresses of this checkout's servers and starts them if
they do not run. They live exactly as long as somebody uses them: each user holds a shared lock on a
file under `var/`, and the keeper of a server (one small process per server) stops it once the last
lock is gone, however the holder ended. Only the standard library is imported here, because settings
and launchers load this module before anything else.
"""

import atexit
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coreengine.kernel.embedded.errors import EmbeddedError
from coreengine.kernel.embedded.places import follow_owner, private

__all__ = [
    "Addresses",
    "EmbeddedError",
    "addresses_for_process",
    "ensure_running",
    "release",
    "running",
    "stop",
]

ENGINES = ("postgres", "redis")
START_LIMIT_S = 60.0
STOP_LIMIT_S = 40.0
_POLL_S = 0.02
_held: dict[tuple[str, str], int] = {}


@dataclass(frozen=True)
class Addresses:
    """Where the servers answer; empty for one that was not asked for."""

    database_url: str = ""
    redis_url: str = ""


def addresses_for_process(var: Path, *, need_database: bool = True, need_redis: bool = True) -> Addresses:
    """Join this checkout's servers, or start them for as long as this process lives.

    Called while settings load, so that a failure ends the process with its one line.
    """
    wanted = [name for name, need in zip(ENGINES, (need_database, need_redis), strict=True) if need]
    atexit.register(_leave, var, tuple(wanted), os.getpid())
    try:
        return ensure_running(var, wanted)
    except EmbeddedError as error:
        raise SystemExit(f"Core Engine cannot start: {error}") from None


def ensure_running(var: Path, engines: list[str] | tuple[str, ...] = ENGINES) -> Addresses:
    """Start what does not run, wait until it answers, and hold it for this process.

    Safe to call from many processes at once and again at any time.

    Raises:
        EmbeddedError: one line that says what is missing or wrong.
    """
    rooms = {name: _Room(var, name) for name in engines}
    started: dict[str, _Start] = {}
    try:
        for name, room in rooms.items():
            room.hold()
            if room.address() is None:
                started[name] = _Start(room)
        for start in started.values():
            start.wait()
    finally:
        for start in started.values():
            start.close()
    found = {name: room.address() for name, room in rooms.items()}
    for name, address in found.items():
        if address is None:
            raise EmbeddedError(f"{name} stopped while it was being joined; see {rooms[name].log}")
    return Addresses(database_url=found.get("postgres") or "", redis_url=found.get("redis") or "")


def running(var: Path) -> Addresses | None:
    """The addresses of what runs now, or None when neither server runs. Starts and holds nothing."""
    found = {name: _Room(var, name).address() for name in ENGINES}
    if not any(found.values()):
        return None
    return Addresses(database_url=found["postgres"] or "", redis_url=found["redis"] or "")


def release(var: Path, engines: tuple[str, ...] = ENGINES) -> None:
    """Let go of the servers. The last one to let go makes them stop."""
    for name in engines:
        descriptor = _held.pop((str(var), name), None)
        if descriptor is not None:
            os.close(descriptor)


def stop(var: Path, *, limit_s: float = STOP_LIMIT_S) -> bool:
    """Let go and wait until the servers are gone.

    Returns False without waiting when another process still uses one of them.
    """
    release(var)
    deadline = time.monotonic() + limit_s
    gone = [_Room(var, name).wait_gone(deadline) for name in ENGINES]
    return all(gone)


def _leave(var: Path, engines: tuple[str, ...], pid: int) -> None:
    """At exit: a command that was the last user does not return before its servers are gone."""
    if os.getpid() != pid:  # a fork inherits the handler, and the lock with it
        return
    release(var, engines)
    deadline = time.monotonic() + 15
    for name in engines:
        _Room(var, name).wait_gone(deadline)


class _Room:
    """The files under `var/embedded/` by which users and the keeper of one server agree."""

    def __init__(self, var: Path, name: str) -> None:
        self.var = var
        self.name = name
        self.folder = var / "embedded"
        self.users = self.folder / f"{name}.users.lock"
        self.start = self.folder / f"{name}.start.lock"
        self.keeper = self.folder / f"{name}.keeper.lock"
        self.state = self.folder / f"{name}.json"
        self.log = var / "log" / f"{name}.log"

    def hold(self) -> None:
        """Become a user; waits for a server that is just stopping."""
        key = (str(self.var), self.name)
        if key in _held:
            return
        self.make()
        descriptor = _open(self.users)
        if not _lock(descriptor, fcntl.LOCK_SH, time.monotonic() + STOP_LIMIT_S):
            os.close(descriptor)
            raise EmbeddedError(f"{self.name} has been stopping for {STOP_LIMIT_S:.0f} s; see {self.log}")
        _held[key] = descriptor

    def make(self) -> None:
        """Make the folders, private to this user."""
        try:
            self.var.parent.mkdir(parents=True, exist_ok=True)
            private(self.var)
            private(self.folder)
            if os.geteuid() not in (0, self.folder.stat().st_uid):
                raise PermissionError
            self.folder.chmod(0o700)
        except PermissionError:
            raise EmbeddedError(
                f"{self.var} belongs to another user. Use a checkout of your own, or set VAR_DIR to a folder of yours."
            ) from None

    def address(self) -> str | None:
        """The address if the keeper lives and its server answers."""
        try:
            state = json.loads(self.state.read_text())
        except (OSError, ValueError):
            return None
        if not state.get("ready") or not self._keeper_lives():
            return None
        return str(state["url"])

    def failure(self) -> str:
        """What the keeper said before it gave up."""
        try:
            return str(json.loads(self.state.read_text()).get("error", ""))
        except (OSError, ValueError):
            return ""

    def wait_gone(self, deadline: float) -> bool:
        """Wait for the keeper to end; False at once while others use the server."""
        if not self.keeper.exists():
            return True
        with _opened(self.users) as descriptor:
            others = not _lock(descriptor, fcntl.LOCK_EX, 0) and self.state.exists()
        if others:
            return False
        while self._keeper_lives():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def _keeper_lives(self) -> bool:
        try:
            with _opened(self.keeper) as descriptor:
                return not _lock(descriptor, fcntl.LOCK_SH, 0)
        except FileNotFoundError:
            return False


class _Start:
    """One start of one server, exclusive among all processes of this checkout."""

    def __init__(self, room: _Room) -> None:
        self.room = room
        self.deadline = time.monotonic() + START_LIMIT_S
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = _open(room.start)
        try:
            # Nobody keeps this lock longer than one start takes, so that waiting for it is bounded.
            if not _lock(self.lock, fcntl.LOCK_EX, self.deadline):
                raise EmbeddedError(f"Another process has been starting {room.name} for {START_LIMIT_S:.0f} s.")
            if room.address() is None:
                self.process = _spawn_keeper(room)
        except BaseException:
            os.close(self.lock)
            raise

    def wait(self) -> None:
        """Return once the server answers."""
        while self.process is not None and self.room.address() is None:
            if self.process.poll() is not None:
                raise EmbeddedError(self.room.failure() or f"{self.room.name} did not start; see {self.room.log}")
            if time.monotonic() > self.deadline:
                self.process.terminate()
                raise EmbeddedError(f"{self.room.name} gave no answer for {START_LIMIT_S:.0f} s; see {self.room.log}")
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Let the next starter in."""
        os.close(self.lock)
        if self.process is not None:
            self.process.returncode = self.process.returncode or 0  # it outlives us: nothing to reap or warn about


def _spawn_keeper(room: _Room) -> "subprocess.Popen[bytes]":
    room.state.unlink(missing_ok=True)
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-s", "-m", "coreengine.kernel.embedded.keeper", room.name, str(room.var)]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    log = room.folder / f"{room.name}.keeper.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C in the terminal of one user must not take the server from the others.
        return subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _open(path: Path) -> int:
    new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if new:
        follow_owner(path)
    return descriptor


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, deadline: float) -> bool:
    """Take a lock, trying until the deadline (a time of `time.monotonic`; 0 tries once)."""
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
