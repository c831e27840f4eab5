"""Ports: whether the wanted one is free, and free ones for the processes beside the web server."""

import json
import socket
from pathlib import Path


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(names: list[str], memory: Path, taken: set[int]) -> dict[str, int]:
    """A port for each name: the one of last time where it is still free, so that addresses stay the same."""
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    chosen: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        while not isinstance(port, int) or port in taken or not is_free(port):
            port = _any()
        chosen[name] = port
        taken = taken | {port}
    memory.write_text(json.dumps(chosen))
    return chosen


def _any() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
