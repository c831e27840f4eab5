"""The keeper of one embedded server: starts it, restarts it when it dies, stops it when unused.

Run as `python -m coreengine.kernel.embedded.keeper NAME VAR` by `ensure_running`. One keeper per server
and checkout: it holds `NAME.keeper.lock` for its whole life. When the keeper itself is killed, Linux
tells the server to shut down (parent-death signal); elsewhere the next start ends the orphan.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from coreengine.kernel.embedded.errors import EmbeddedError
from coreengine.kernel.embedded.places import Places, settle, write_private
from coreengine.kernel.embedded.servers import Server, build, end_orphan, environment

LOOK_EVERY_S = 0.1
READY_LIMIT_S = 45.0
LOG_LIMIT_BYTES = 8 * 1024 * 1024
RESTARTS = 5
RESTART_WINDOW_S = 60.0
PR_SET_PDEATHSIG = 1


class Keeper:
    """Keeps one server for as long as it has users."""

    def __init__(self, name: str, var: Path) -> None:
        self.name = name
        self.folder = var / "embedded"
        self.var = var
        self.state = self.folder / f"{name}.json"
        self.asked_to_stop = False
        self.process: subprocess.Popen[bytes] | None = None
        self.starts: list[float] = []

    def run(self) -> int:
        """Keep the server until nobody uses it; returns the exit code."""
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        if not self._lock(f"{self.name}.keeper.lock", tries=100):
            return 0  # another keeper was quicker; its state file tells the rest
        self.state.unlink(missing_ok=True)
        try:
            places = settle(self.var)
            server = build(self.name, places)
            server.prepare()
            end_orphan(server)
            self._start(server, places)
            self._keep(server, places)
        except EmbeddedError as error:
            self._say({"error": str(error)})
            return 1
        finally:
            self._stop_process()
        self.state.unlink(missing_ok=True)
        return 0

    def _keep(self, server: Server, places: Places) -> None:
        while not self.asked_to_stop:
            if self._lock(f"{self.name}.users.lock"):
                self.state.unlink(missing_ok=True)  # held from here to our end: a newcomer waits, then starts anew
                return
            if self.process is not None and self.process.poll() is not None:
                print(f"{self.name} ended with {self.process.returncode}; starting it again", flush=True)
                end_orphan(server)
                self._start(server, places)
            time.sleep(LOOK_EVERY_S)

    def _start(self, server: Server, places: Places) -> None:
        now = time.monotonic()
        self.starts = [moment for moment in self.starts if now - moment < RESTART_WINDOW_S] + [now]
        if len(self.starts) > RESTARTS:
            raise EmbeddedError(f"{self.name} died {RESTARTS} times within a minute; see {self._log(places)}")
        deadline = now + READY_LIMIT_S
        while not self._launch(server, places, deadline):
            # A predecessor's last processes can hold its shared memory for a moment longer.
            if time.monotonic() > deadline or self.asked_to_stop:
                raise EmbeddedError(f"{self.name} did not start: {self._last_words(places)}")
            time.sleep(0.3)
        assert self.process is not None
        self._say({"ready": True, "url": server.url, "pid": self.process.pid, "keeper": os.getpid()})

    def _launch(self, server: Server, places: Places, deadline: float) -> bool:
        log = self._log(places)
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(
                server.command(),
                cwd=server.data,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                preexec_fn=lambda: _die_with_parent(server.stop_signal),
                **places.account.popen(),  # type: ignore[call-overload]
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedError(f"{self.name} cannot be run as user {places.account.uid}: {error}") from None
        finally:
            os.close(descriptor)
        self.stop_signal = server.stop_signal
        while self.process.poll() is None and time.monotonic() < deadline and not self.asked_to_stop:
            if server.answers():
                return True
            time.sleep(0.02)
        return False

    def _stop_process(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        for number, patience_s in ((self.stop_signal, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
            self.process.send_signal(number)
            try:
                self.process.wait(patience_s)
                return
            except subprocess.TimeoutExpired:
                print(f"{self.name} did not heed signal {number} for {patience_s} s", flush=True)

    def _lock(self, name: str, tries: int = 1) -> bool:
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for left in reversed(range(tries)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True  # never closed: the lock lasts as long as this process
            except BlockingIOError:
                if left:
                    time.sleep(0.02)
        os.close(descriptor)
        return False

    def _say(self, state: dict[str, object]) -> None:
        write_private(self.state, json.dumps(state))

    def _log(self, places: Places) -> Path:
        return places.log / f"{self.name}.log"

    def _last_words(self, places: Places) -> str:
        try:
            lines = self._log(places).read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        telling = [line for line in lines[-20:] if "FATAL" in line or "rror" in line]
        return (telling or lines or ["it wrote nothing"])[-1]

    def _ask_to_stop(self, signum: int, frame: FrameType | None) -> None:
        self.asked_to_stop = True


def _die_with_parent(number: int) -> None:
    """Ask Linux for a signal when the keeper dies. Runs after the change of user, which would reset it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


if __name__ == "__main__":
    sys.exit(Keeper(sys.argv[1], Path(sys.argv[2])).run())
