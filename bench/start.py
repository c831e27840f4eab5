"""How long `script/server` takes with everything installed, from the command to READY, and to stop.

The floor is one boot of Django that answers one request: no way of serving pages can be quicker.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.harness import LEAST_RUNS, Figure, report

ROOT = Path(__file__).resolve().parents[1]
FLOOR = (
    "import django; from django.test import Client; django.setup(); "
    "assert Client(headers={'host': '127.0.0.1'}).get('/health').status_code == 200"
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ce-bench-") as folder:
        os.chmod(folder, 0o755)
        os.environ["VAR_DIR"] = str(Path(folder, "var"))
        os.environ["ENVIRONMENT"] = "development"
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        first, _ = _start_and_stop()
        starts, stops, floors = [], [], []
        for _ in range(LEAST_RUNS):
            start, stop = _start_and_stop()
            starts.append(start)
            stops.append(stop)
            floors.append(_floor())
    middle = len(starts) // 2
    floor = sorted(floors)[middle]
    report(
        "start",
        {
            "start_to_ready": Figure(sorted(starts)[middle], floor),
            "first_start_to_ready": Figure(first, floor),
            "stop": Figure(sorted(stops)[middle], floor),
        },
    )


def _start_and_stop() -> tuple[float, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [ROOT / "script" / "server"], env={**os.environ, "PORT": str(port)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "is ready at" in line:
            break
    else:
        sys.exit(f"script/server did not become ready:\n{''.join(said)}")
    ready = time.perf_counter()
    time.sleep(3)  # what runs in the background after READY is not part of the next figure
    stopping = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    return ready - began, time.perf_counter() - stopping


def _floor() -> float:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "coreengine.settings.dev",
        "DATABASE_URL": "postgresql://nobody@localhost/none",
        "REDIS_URL": "redis://localhost:1",
    }
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", FLOOR], cwd=ROOT, env=environment, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
