"""Starts embedded servers, database, and the supervisor with every process; stops all of it again."""

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from coreengine import __version__
from coreengine.kernel import embedded
from coreengine.settings import env
from coreengine.supervise import leftovers, ports, programs, stamp
from coreengine.supervise.child import die_with_parent
from coreengine.supervise.programs import ROOT, Program

READY_LIMIT_S = 180.0  # a safety net: a busy machine may take its time
SUPERVISOR_STOP_S = 40.0
LOOK_EVERY_S = 0.1


class Stop(Exception):
    """A signal asked for the end."""


class CannotStart(Exception):
    """One line for the person at the terminal."""


def main() -> int:
    """Run until told to stop; returns the exit code."""
    launcher: Launcher | None = None
    try:
        with _stopped_by_signals():
            launcher = Launcher()
            launcher.start()
            launcher.watch()
        return 0
    except Stop:
        return 0
    except (CannotStart, embedded.EmbeddedError) as error:
        print(f"Core Engine cannot start: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        if launcher is not None:
            launcher.end()


class Launcher:
    """One run of everything."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.environment = env.environment()
        self.var = Path(env.text("VAR_DIR", str(ROOT / "var"))).resolve()
        self.folder = self.var / "supervise"
        self.log = self.var / "log"
        self.port = env.integer("PORT", 8000, least=1, most=65535)
        self.host = env.text("HOST", "127.0.0.1")
        self.mark = ""
        self.lock: int | None = None
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.helper: subprocess.Popen[bytes] | None = None
        self.engines = [
            name
            for name, variable in (("postgres", "DATABASE_URL"), ("redis", "REDIS_URL"))
            if not env.secret(variable, "")
        ]

    def start(self) -> None:
        """Start everything and say so once it is ready."""
        if not ports.is_free(self.port, self.host):
            raise CannotStart(f"port {self.port} on {self.host} is in use. Stop what uses it, or set PORT to another.")
        self._own_the_checkout()
        self._sweep()
        print(f"Starting Core Engine {__version__} ...", flush=True)
        addresses = embedded.ensure_running(self.var, self.engines) if self.engines else embedded.Addresses()
        extra = ports.choose(["relay", "university"], self.folder / "ports.json", {self.port})
        variables = self._variables(extra)
        database = env.secret("DATABASE_URL", "") or addresses.database_url
        code = stamp.of_code(self.environment)
        prepared = stamp.of_database(database) == code
        if not prepared:
            self._prepare(variables, code)
        self._launch(self._programs(extra), variables)
        self._wait_ready()
        self._greet(variables)
        if prepared:  # nothing was pending; demo accounts that someone removed come back all the same
            self._prepare(variables, code)

    def watch(self) -> None:
        """Until a signal comes: bring the embedded servers back, notice a supervisor that died."""
        while True:
            _heed()
            time.sleep(1)
            if self.supervisor is not None and self.supervisor.poll() is not None:
                raise CannotStart(f"the supervisor ended by itself; see {self.log / 'supervisord.log'}")
            if self.engines:
                embedded.ensure_running(self.var, self.engines)

    def end(self) -> None:
        """Stop every process of this run, in whatever state it is. A further signal makes it quick."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._hurry)
        if self.supervisor is not None or self.helper is not None:
            print("Stopping Core Engine ...", flush=True)
        for process, patience_s in ((self.helper, 5.0), (self.supervisor, SUPERVISOR_STOP_S)):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(patience_s)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)
        if self.mark:
            leftovers.end(self.mark)
            (self.folder / "run").unlink(missing_ok=True)
        if self.engines and self.lock is not None and not embedded.stop(self.var):
            print("The embedded servers stay: another command of this checkout uses them.", flush=True)
        if self.supervisor is not None:
            print("Stopped.", flush=True)

    def _own_the_checkout(self) -> None:
        """One run per checkout; also makes the folders."""
        try:
            for folder in (self.var, self.folder, self.log):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError:
            raise CannotStart(
                f"{self.var} belongs to another user. Use a checkout of your own, or set VAR_DIR."
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = (self.folder / "address").read_text() if (self.folder / "address").exists() else "another port"
            raise CannotStart(f"this checkout already runs at {said}. Stop that one first.") from None
        self.lock = lock
        (self.folder / "address").write_text(self._address())

    def _sweep(self) -> None:
        """End what a killed run of this checkout has left behind, then put up our own mark."""
        last = leftovers.read_mark(self.folder / "run")
        if last and (count := leftovers.end(last)):
            print(f"Ended {count} processes that an earlier run had left behind.", flush=True)
        self.mark = leftovers.new_mark()
        (self.folder / "run").write_text(self.mark)

    def _variables(self, extra: dict[str, int]) -> dict[str, str]:
        """The environment of every process: ours, the chosen addresses, and the mark of this run."""
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONUNBUFFERED": "1",
            "CELERY_SKIP_CHECKS": "1",  # the same system checks in every process, a second each
            "ENVIRONMENT": self.environment,
            "VAR_DIR": str(self.var),
            leftovers.MARK: self.mark,
        }
        if self.environment == "production":
            variables.setdefault("ALLOWED_HOSTS", "127.0.0.1,localhost")
            if not env.secret("SECRET_KEY", ""):
                variables["SECRET_KEY_FILE"] = str(self._secret_key())
            return variables
        university = f"http://127.0.0.1:{extra['university']}"
        variables.setdefault("STREAM_URL", f"http://127.0.0.1:{extra['relay']}")
        variables.setdefault("DEMO_UNIVERSITY_URL", university)
        hosts = env.mapping("GATEWAY_HOSTS")
        hosts.setdefault("demo.university.edu", university)
        variables["GATEWAY_HOSTS"] = ",".join(f"{name}={target}" for name, target in hosts.items())
        return variables

    def _secret_key(self) -> Path:
        """For trying production settings on one machine: a key that stays with the data."""
        path = self.folder / "secret-key"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(64))
        return path

    def _programs(self, extra: dict[str, int]) -> list[Program]:
        chosen = [
            programs.web(self.host, self.port),
            programs.worker(),
            programs.plugin_worker(),
            programs.beat(),
        ]
        if find_spec("coreengine.asgi"):
            chosen.append(programs.relay(self.host, extra["relay"]))
        if self.environment != "production":
            chosen.append(programs.university(extra["university"], self.var / "university"))
        return chosen

    def _prepare(self, variables: dict[str, str], code: str) -> None:
        """Bring the database up to date (`manage.py prepare`)."""
        command = [sys.executable, "manage.py", "prepare", "--stamp", f"{stamp.PREFIX}{code}"]
        self.helper = self._spawn(command, variables)
        while self.helper.poll() is None:
            _heed()
            time.sleep(0.02)
        if self.helper.returncode:
            raise CannotStart("the database could not be prepared; see the lines above.")

    def _launch(self, chosen: list[Program], variables: dict[str, str]) -> None:
        path = self.folder / "supervisord.conf"
        path.write_text(programs.configuration(chosen, self.folder, self.log))
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(path)]
        if os.geteuid() == 0:
            command += ["-u", "root"]  # said aloud, it does not warn about it
        self.supervisor = self._spawn(command, variables, quiet=True)

    def _spawn(
        self, command: list[str], variables: dict[str, str], *, quiet: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Start a process that ends with us, and that Ctrl-C in the terminal reaches only through us."""
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else None,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_LIMIT_S
        said = "nothing answered"
        known = [name.lstrip(".") for name in env.words("ALLOWED_HOSTS") if name != "*"]
        headers = {"Host": known[0]} if known else {}
        question = urllib.request.Request(f"{self._local()}/health/ready", headers=headers)
        while time.monotonic() < deadline:
            _heed()
            if self.supervisor is not None and self.supervisor.poll() is not None:
                raise CannotStart(f"the supervisor ended at once; see {self.log / 'supervisord.log'}")
            try:
                with urllib.request.urlopen(question, timeout=3):
                    return
            except urllib.error.HTTPError as error:
                said = _reasons(error)
            except OSError as error:
                said = str(error)
            time.sleep(LOOK_EVERY_S)
        raise CannotStart(f"not ready after {READY_LIMIT_S:.0f} s ({said}); the logs are in {self.log}")

    def _greet(self, variables: dict[str, str]) -> None:
        address = self._address()
        lines = [f"Core Engine is ready at {address}  ({time.monotonic() - self.began:.1f} s)"]
        if self.environment != "production":
            lines += [
                "",
                "  Sign in        student@example.edu or admin@example.edu, password core-engine",
                f"  Mailbox        {address}/mailbox/",
                f"  Demo Canvas    {variables['DEMO_UNIVERSITY_URL']}  (known to Core Engine as demo.university.edu)",
                f"  Admin          {address}/admin/",
            ]
        lines += ["", f"Logs are in {self.log}. Stop with Ctrl-C."]
        print("\n".join(lines), flush=True)

    def _address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def _local(self) -> str:
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host
        return f"http://{host}:{self.port}"

    def _hurry(self, signum: int, frame: FrameType | None) -> None:
        """A second signal during the stop: no more patience."""
        for process in (self.helper, self.supervisor):
            if process is not None and process.poll() is None:
                process.kill()
        for leftover in leftovers.find(self.mark) if self.mark else []:
            leftover.kill()


def _reasons(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read())
        return ", ".join(f"{name}: {check['detail']}" for name, check in body["checks"].items() if not check["ok"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {error.code}"


_is_asked_to_stop = False


def _heed() -> None:
    """Stop if a signal asked for it. Every loop calls this: an exception that a signal's handler raises is lost
    when the signal comes inside a callback of the interpreter (after a fork, in a finalizer)."""
    if _is_asked_to_stop:
        raise Stop


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> None:
        global _is_asked_to_stop
        _is_asked_to_stop = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise Stop

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    yield
