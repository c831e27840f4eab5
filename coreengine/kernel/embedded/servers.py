"""How PostgreSQL and Redis are prepared, started, asked and stopped. Used by the keeper alone."""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from coreengine.kernel.embedded import binaries
from coreengine.kernel.embedded.errors import EmbeddedError
from coreengine.kernel.embedded.places import Account, Places, give, write_private

# Small on purpose: a student's machine runs this beside everything else. About eight processes with
# a few threads each need some forty connections.
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "96MB",
    "effective_cache_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "64MB",
    "max_wal_size": "256MB",
    "jit": "off",
    # Tables grow fast on a fresh machine: plans made when they were small must not last a minute.
    "autovacuum_naptime": "10s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
# Tests empty tables hundreds of times, and what they leave need not survive a loss of power.
POSTGRES_SETTINGS_OF_TESTS = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "1GB"}
DATABASE = "core_engine"
ROLE = "core_engine"


class Server(Protocol):
    """One embedded server."""

    url: str
    data: Path
    stop_signal: int

    def prepare(self) -> None:
        """Make the data folder if there is none; refuse one of another version."""

    def command(self) -> list[str]:
        """The command line."""

    def answers(self) -> bool:
        """Whether it takes requests now."""

    def owner_pid(self) -> int | None:
        """The process that the data folder names as its server, alive or not."""


def build(name: str, places: Places) -> Server:
    """The server with this name."""
    return Postgres(places) if name == "postgres" else Redis(places)


def environment() -> dict[str, str]:
    """Nothing of ours reaches the servers: no password, no PGDATA, no locale."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


class Postgres:
    """PostgreSQL on a unix socket, with one role, one database and a random password."""

    stop_signal: int = signal.SIGINT  # "fast shutdown": sessions are ended, everything is written

    def __init__(self, places: Places) -> None:
        self.places = places
        self.programs = binaries.postgres(places)
        self.home = places.base / "postgres"
        self.data = self.home / "data"
        self.socket = places.sockets / ".s.PGSQL.5432"
        self.password = _password(places, "postgres")
        folder = quote(str(places.sockets), safe="")
        self.url = f"postgresql://{ROLE}:{self.password}@/{DATABASE}?host={folder}"

    def prepare(self) -> None:
        """Make the cluster beside its final place and move it there, so that half a cluster never counts."""
        self.places.owned(self.home)
        ours = binaries.version(self.programs / "postgres").split(".")[0]
        if self.data.is_dir():
            theirs = (self.data / "PG_VERSION").read_text().strip()
            if theirs != ours:
                raise EmbeddedError(
                    f"{self.data} was made by PostgreSQL {theirs} and this is {ours}: dump it with "
                    f"PostgreSQL {theirs} and restore it, or move the folder away to begin anew."
                )
            return
        new = self.home / "new"
        shutil.rmtree(new, ignore_errors=True)
        maker = self._maker()
        new.mkdir(mode=0o700)
        give(new, maker)
        if not maker.is_us:
            self.home.chmod(0o710)
        self._run(
            ["initdb", "-D", str(new), "-U", "postgres", "-A", "trust", "--no-sync", *self._locale(ours)],
            maker,
        )
        if (self.programs.parent / "share/postgresql/extension/vector.control").exists():
            # Only a superuser can create it, and ours never logs in: put it where new databases get it from.
            self._run(_single(new, "template1"), maker, "CREATE EXTENSION vector\n")
        self._run(
            _single(new, "postgres"),
            maker,
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self.password}'\nCREATE DATABASE {DATABASE} OWNER {ROLE}\n",
        )
        rules = new / "pg_hba.conf"
        rules.write_text("# Core Engine: unix sockets and passwords only.\nlocal all all scram-sha-256\n")
        for folder, folders, files in os.walk(new):
            for entry in (*folders, *files):
                give(Path(folder, entry), self.places.account)
        give(new, self.places.account)
        self.home.chmod(0o700)
        new.rename(self.data)

    def command(self) -> list[str]:
        """`postgres` itself, so that it is the keeper's own child."""
        wanted = POSTGRES_SETTINGS | (POSTGRES_SETTINGS_OF_TESTS if os.environ.get("ENVIRONMENT") == "test" else {})
        settings = [part for item in wanted.items() for part in ("-c", "=".join(item))]
        place = ["-D", str(self.data), "-k", str(self.places.sockets), "-p", "5432"]
        return [str(self.programs / "postgres"), *place, *settings]

    def answers(self) -> bool:
        """The postmaster writes its state into its pid file; `pg_ctl` reads the same line."""
        lines = self._pid_file()
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def owner_pid(self) -> int | None:
        """The first line of the pid file."""
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _maker(self) -> Account:
        """`initdb` wants a user with a name, which a private id has not: `nobody` makes, then hands over."""
        try:
            pwd.getpwuid(self.places.account.uid)
            return self.places.account
        except KeyError:
            pass
        try:
            return Account(pwd.getpwnam("nobody").pw_uid, self.places.account.gid)
        except KeyError:
            raise EmbeddedError("PostgreSQL needs a user with a name, and this machine has no `nobody`.") from None

    def _locale(self, major: str) -> list[str]:
        if int(major) >= 17:  # the same order and case rules on every machine
            return ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return ["-E", "UTF8", "--locale=C.UTF-8"]

    def _run(self, command: list[str], account: Account, stdin: str = "") -> None:
        done = subprocess.run(
            [self.programs / command[0], *command[1:]],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            cwd=self.places.base,
            env=environment(),
            **account.popen(),  # type: ignore[call-overload]
        )
        if done.returncode or "ERROR:" in done.stderr:
            said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            raise EmbeddedError(f"{command[0]} could not make the database: {said[-1]}")


class Redis:
    """Redis on a unix socket: appends every second, never evicts, wants a password."""

    stop_signal: int = signal.SIGTERM

    def __init__(self, places: Places) -> None:
        self.places = places
        self.program = binaries.redis_server(places)
        self.data = places.base / "redis"
        self.socket = places.sockets / "redis.sock"
        self.pid_file = self.data / "redis.pid"
        self.configuration = self.data / "redis.conf"
        self.password = _password(places, "redis")
        self.url = f"unix://:{self.password}@{quote(str(self.socket))}"

    def prepare(self) -> None:
        """Write the configuration; an older Redis must not overlook what a newer one wrote."""
        self.places.owned(self.data)
        ours = binaries.version(self.program)
        marker = self.data / "VERSION"
        theirs = marker.read_text().strip() if marker.exists() else ours
        if _major(theirs) > _major(ours):
            raise EmbeddedError(
                f"{self.data} was written by Redis {theirs} and this is {ours}: use Redis {_major(theirs)}, or "
                "move the folder away (queued work is found again in the database)."
            )
        write_private(marker, ours)
        lines = {
            "port": "0",
            "unixsocket": f'"{self.socket}"',
            "unixsocketperm": "700",
            "dir": f'"{self.data}"',
            "pidfile": f'"{self.pid_file}"',
            "daemonize": "no",
            "requirepass": self.password,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "databases": "16",
            "logfile": '""',
        }
        write_private(self.configuration, "".join(f"{key} {value}\n" for key, value in lines.items()))
        give(self.configuration, self.places.account)

    def command(self) -> list[str]:
        """The password is in the file, not on the command line."""
        return [str(self.program), str(self.configuration)]

    def answers(self) -> bool:
        """AUTH and PING over the socket."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(1)
                client.connect(str(self.socket))
                client.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                said = b""
                while b"PONG" not in said:
                    piece = client.recv(256)
                    if not piece or piece.startswith(b"-"):
                        return False
                    said += piece
                return True
        except OSError:
            return False

    def owner_pid(self) -> int | None:
        """What its pid file says."""
        try:
            return int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None


def end_orphan(server: Server, limit_s: float = 20) -> None:
    """Stop a server of this data folder that has lost its keeper, and forget a stale pid file.

    The keeper holds its lock, so whoever the data folder names is an orphan or long gone. Only a process
    that works inside the data folder is touched: the number may be another program's by now.
    """
    pid = server.owner_pid()
    if pid is None:
        return
    deadline = time.monotonic() + limit_s
    while _works_in(pid, server.data):
        late = time.monotonic() > deadline - limit_s / 2
        os.kill(pid, signal.SIGQUIT if late and server.stop_signal == signal.SIGINT else server.stop_signal)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    (server.data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(pid: int, folder: Path) -> bool:
    link = Path(f"/proc/{pid}/cwd")
    if Path("/proc/self").exists():
        try:
            return os.path.samefile(os.readlink(link), folder)
        except OSError:
            return False
    done = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(folder) in done.stdout


def _single(data: Path, database: str) -> list[str]:
    return ["postgres", "--single", "-D", str(data), "-c", "log_checkpoints=off", database]


def _password(places: Places, name: str) -> str:
    path = places.secrets / f"{name}.password"
    try:
        return str(json.loads(path.read_text())["password"])
    except (OSError, ValueError, KeyError):
        password = secrets.token_urlsafe(32)
        write_private(path, json.dumps({"password": password}))
        return password


def _major(version: str) -> int:
    return int(version.split(".")[0])
