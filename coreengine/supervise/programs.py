"""The processes of Core Engine, and the supervisor's configuration that runs them."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True)
class Program:
    """One process that the supervisor keeps alive."""

    name: str
    command: list[str]
    stop_wait_s: int = 10


def web(host: str, port: int, *, workers: int = 1, threads: int = 4) -> Program:
    """Pages and API. WSGI: synchronous views were measured two to four times slower under ASGI."""
    arguments = ["--interface", "wsgi", "--host", host, "--port", str(port), "--no-ws", "--workers", str(workers)]
    threading = ["--blocking-threads", str(threads), "--backlog", "1024", "--respawn-failed-workers"]
    return Program("web", [*_python("granian"), *arguments, *threading, "coreengine.wsgi:application"])


def worker(processes: int = 2) -> Program:
    """Short work."""
    return Program("worker", [*_celery("worker"), "-Q", "default", "-n", "worker@%h", "-c", str(processes)], 20)


def plugin_worker(threads: int = 8) -> Program:
    """Everything that may touch the sandbox or wait for an agent; one process, since it owns the pool."""
    queues = ["-Q", "plugins,agents", "-n", "plugins@%h", "-P", "threads", "-c", str(threads)]
    return Program("plugin-worker", [*_celery("worker"), *queues], 20)


def beat() -> Program:
    """The clock. It writes no files: its schedule lives in the database."""
    return Program("beat", [*_celery("beat"), "--pidfile="])


def relay(host: str, port: int) -> Program:
    """Server-sent events, apart from the page workers."""
    arguments = ["--host", host, "--port", str(port), "--lifespan", "off", "--no-access-log"]
    return Program(
        "relay", [*_python("uvicorn"), *arguments, "--timeout-graceful-shutdown", "3", "coreengine.asgi:application"]
    )


def university(port: int, memory: Path) -> Program:
    """The demo university, a Canvas of our own; what its student did there survives a restart."""
    return Program("university", [*_python("plugins.demo_university"), "--port", str(port), "--var", str(memory)])


def configuration(programs: list[Program], folder: Path, log: Path) -> str:
    """The text of supervisord.conf: no control socket, everything in one group, so that all stop at once."""
    blocks = [
        "[supervisord]\n"
        "nodaemon=true\n"
        f"logfile={_plain(log / 'supervisord.log')}\n"
        "logfile_maxbytes=1MB\nlogfile_backups=1\nloglevel=info\n"
        f"pidfile={_plain(folder / 'supervisord.pid')}\n"
        f"childlogdir={_plain(log)}\n"
        f"directory={_plain(ROOT)}\n"
        "minfds=1024\nminprocs=50\n"
    ]
    for number, program in enumerate(programs):
        command = [sys.executable, "-I", "-S", str(CHILD), *program.command]
        blocks.append(
            f"[program:{program.name}]\n"
            f"command={_plain(shlex.join(command))}\n"
            f"priority={number}\n"
            "autorestart=true\nstartsecs=2\nstartretries=20\n"
            # Celery and granian stop their own children; a signal to the whole group would cut tasks short.
            f"stopsignal=TERM\nstopasgroup=false\nkillasgroup=true\nstopwaitsecs={program.stop_wait_s}\n"
            f"redirect_stderr=true\nstdout_logfile={_plain(log / (program.name + '.log'))}\n"
            "stdout_logfile_maxbytes=5MB\nstdout_logfile_backups=1\n"
        )
    names = ",".join(program.name for program in programs)
    blocks.append(f"[group:core-engine]\nprograms={names}\n")
    return "\n".join(blocks)


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _celery(command: str) -> list[str]:
    quiet = ["--without-gossip", "--without-mingle"] if command == "worker" else []
    return [*_python("celery"), "-A", "coreengine", command, "-l", "INFO", *quiet]


def _plain(value: object) -> str:
    """supervisord expands %(...)s in values; a literal percent sign is doubled."""
    return str(value).replace("%", "%%")
