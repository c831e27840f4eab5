"""A `script/server` of its own for a benchmark: own folder, own port, the servers that it brings along."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class RunningServer:
    """Where it answers, and the environment in which `manage.py` meets it."""

    address: str
    environment: dict[str, str]
    process: "subprocess.Popen[str]"

    def manage(self, *command: str) -> str:
        """What a management command prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().strip()


@contextmanager
def folder_for_servers() -> Iterator[Path]:
    """A temporary VAR_DIR that an unprivileged PostgreSQL can reach when root measures."""
    with tempfile.TemporaryDirectory(prefix="ce-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder, "var")


def start(var: Path, **variables: str) -> RunningServer:
    """Start it and return once it says that it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    environment |= {"VAR_DIR": str(var), "PORT": str(port), "ENVIRONMENT": "development", **variables}
    process = subprocess.Popen([ROOT / "script" / "server"], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "is ready at" in line:
            return RunningServer(f"http://127.0.0.1:{port}", environment, process)
    sys.exit(f"script/server did not become ready:\n{''.join(said)}")


def stop(server: RunningServer) -> None:
    """End it and wait."""
    server.process.send_signal(signal.SIGTERM)
    server.process.communicate()
