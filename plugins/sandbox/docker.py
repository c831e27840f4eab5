"""DockerSandbox: a container without network, without secrets, for one action, created ahead."""

from __future__ import annotations

import os
import re
import select
import socket
import threading
import time
from pathlib import Path
from typing import Any

from plugins.conf import plugin_settings
from plugins.errors import SandboxUnavailable
from plugins.manifest import Manifest
from plugins.registry import Plugin
from plugins.sandbox.base import Chunk, Protection
from plugins.sandbox.images import ensure_image, image_name
from plugins.sandbox.owners import BOOT_LABEL, BORN_LABEL, OWNER_LABEL, SPACE_LABEL, owner_labels, owners

READ_BYTES = 256 * 1024
ENGINE_TIMEOUT_S = 20
ENGINE_CHECK_S = 15.0
IMAGE_KNOWN_S = 60.0
# A restart of the engine takes seconds; until it has been away for longer, nothing runs anywhere else instead.
ENGINE_RETURNS_WITHIN_S = 120.0
# Older than this, a container of this process that nobody here knows of was lost: its removal failed, or its creation
# was answered too late.
FORGOTTEN_AFTER_S = 20.0
_clients = threading.local()
_in_use: set[str] = set()
_engine: tuple[float, bool] = (0.0, False)
_answered_at: float | None = None


def docker_client() -> Any:
    """Return this thread's client of the Docker engine.

    Raises:
        SandboxUnavailable: the engine does not answer.
    """
    import docker
    from docker.errors import DockerException

    client = getattr(_clients, "client", None)
    if client is None:
        try:
            client = docker.from_env(timeout=ENGINE_TIMEOUT_S)
        except DockerException as error:
            raise SandboxUnavailable("The Docker engine does not answer.") from error
        _clients.client = client
    return client


def engine_answers() -> bool:
    """Tell whether a Docker engine answers; asked at most every 15 s."""
    global _engine, _answered_at
    asked_at, answer = _engine
    if time.monotonic() - asked_at < ENGINE_CHECK_S and asked_at:
        return answer
    answer = _socket_is_there()
    if answer:
        try:
            answer = bool(docker_client().ping())
        except Exception:
            # Whatever the client stumbles over (no rights, half-started engine) means the same: not usable now.
            answer = False
            _clients.client = None
    _engine = (time.monotonic(), answer)
    if answer:
        _answered_at = time.monotonic()
    return answer


def engine_is_restarting() -> bool:
    """Tell whether the engine does not answer now, but did so a moment ago."""
    return (
        not engine_answers() and _answered_at is not None and time.monotonic() - _answered_at < ENGINE_RETURNS_WITHIN_S
    )


def engine_failed() -> None:
    """Note that the engine let a request down: it is asked anew whether it is there."""
    global _engine
    _engine = (0.0, False)
    _clients.client = None


def _socket_is_there() -> bool:
    """Look before importing the client, which takes half a second that machines without an engine need not pay."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    return not address.startswith("unix://") or Path(address.removeprefix("unix://")).exists()


class DockerChild:
    """A container that waits on its input. The engine frames its two outputs on one socket."""

    def __init__(self, container_id: str, link: Any) -> None:
        self._id = container_id
        self._link = link
        self._socket: socket.socket = getattr(link, "_sock", link)
        self._socket.setblocking(False)
        self._frames = bytearray()
        self._is_closed = False

    def pump(self, outgoing: bytearray, timeout_s: float) -> list[Chunk]:
        """Move bytes in both directions, see `Child`."""
        if self._is_closed:
            return [Chunk("out", b"")]
        number = self._socket.fileno()
        poll = select.poll()
        poll.register(number, select.POLLIN | (select.POLLOUT if outgoing else 0))
        for _, event in poll.poll(max(0, timeout_s) * 1000):
            if event & select.POLLOUT and outgoing:
                try:
                    del outgoing[: self._socket.send(outgoing[:65536])]
                except BlockingIOError:
                    pass
                except OSError:  # the container ended; what it said is still to be read
                    outgoing.clear()
            if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                return self._receive()
        return []

    def _receive(self) -> list[Chunk]:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self._is_closed = True
            return [Chunk("out", b"")]
        self._frames += data
        chunks: list[Chunk] = []
        # Source: Docker Engine API, "Stream format": type, three zeros, size in four bytes, content.
        while len(self._frames) >= 8:
            size = int.from_bytes(self._frames[4:8], "big")
            if len(self._frames) < 8 + size:
                break
            stream = "log" if self._frames[0] == 2 else "out"
            content = bytes(self._frames[8 : 8 + size])
            del self._frames[: 8 + size]
            if content:
                chunks.append(Chunk(stream, content))  # type: ignore[arg-type]
        return chunks

    def is_alive(self) -> bool:
        """See `Child`. The engine closes the socket when the container ends."""
        if self._is_closed:
            return False
        try:
            return self._socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def ending(self) -> str:
        """See `Child`."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            state = docker_client().api.inspect_container(self._id)["State"]
        except (DockerException, RequestException, SandboxUnavailable):
            return "the container is gone"
        if state.get("Running"):
            return ""
        code = state.get("ExitCode")
        if state.get("OOMKilled"):
            return f"exit code {code}, out of memory"
        return f"exit code {code}{', killed' if code == 137 else ''}"

    def destroy(self) -> None:
        """See `Child`."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        self._is_closed = True
        _in_use.discard(self._id)
        try:
            self._link.close()
            self._socket.close()
        except OSError:
            pass
        try:
            docker_client().api.remove_container(self._id, force=True, v=True)
        except (DockerException, RequestException, SandboxUnavailable):
            return  # gone already, or the reaper's, which finds it though this process lives


class DockerSandbox:
    """Runs plugins in containers of their own images."""

    name = "docker"

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def refusal(self, plugin: Plugin, *, build: bool = True) -> str:
        """See `Sandbox`. An image that is missing is built, unless the caller only wants to know."""
        if not engine_answers():
            return "The Docker engine does not answer, and plugins run in containers here (PLUGIN_SANDBOX)."
        image = image_name(plugin)
        # An image seen a moment ago is there still; asking at every call would cost several milliseconds.
        if time.monotonic() - self._seen.get(image, -1e9) < IMAGE_KNOWN_S:
            return ""
        if refusal := ensure_image(docker_client(), plugin, build=build):
            return refusal
        if not build:
            return ""
        self._seen[image] = time.monotonic()
        return ""

    def start(self, plugin: Plugin) -> DockerChild:
        """See `Sandbox`."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        assert plugin.manifest is not None
        owners().keep_lease()
        api = docker_client().api
        container_id = ""
        try:
            container_id = api.create_container(
                image_name(plugin),
                stdin_open=True,
                hostname="plugin",
                user="65534:65534",
                environment=_environment(plugin.manifest),
                labels=owner_labels(),
                network_disabled=True,
                host_config=api.create_host_config(**host_config(plugin.manifest)),
            )["Id"]
            _in_use.add(container_id)
            link = api.attach_socket(container_id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            api.start(container_id)
        except (DockerException, RequestException, OSError) as error:
            self._seen.clear()
            engine_failed()
            _in_use.discard(container_id)
            if container_id:
                _remove(api, container_id)
            raise SandboxUnavailable(f"A container of {plugin.title} could not be started.") from error
        return DockerChild(container_id, link)

    def protections(self) -> list[Protection]:
        """See `Sandbox`. These are the engine's own; `docker inspect` shows them on every container."""
        runtime = plugin_settings().RUNTIME
        filters, version = _engine_facts()
        return [
            Protection("No network of its own", True, "network none"),
            Protection("Cannot read this server's files", True, "a container of its own, read-only"),
            Protection("Cannot write files", True, "read-only root; a small tmpfs where the manifest asks for it"),
            Protection("Sees no environment variables", True, "only those the manifest names, never secrets"),
            Protection("Memory, processor and processes are bounded", True, "limits of the manifest"),
            Protection("No privileges", True, "non-root, no capabilities, no new privileges"),
            Protection(
                "System calls are filtered", filters, "seccomp" if filters else "The engine runs without seccomp."
            ),
            Protection(
                "The container runtime is mended",
                is_mended(version),
                f"runc {version}" if is_mended(version) else f"runc {version} has CVE-2024-21626; update the engine.",
            ),
            Protection(
                "A kernel of its own",
                bool(runtime),
                f"runtime {runtime}" if runtime else "It shares this machine's kernel; set PLUGIN_RUNTIME for gVisor.",
            ),
        ]

    def reap(self) -> int:
        """Remove containers whose owner is gone or has lost sight of them, or that are too old to belong to anyone."""
        if not engine_answers():
            return 0
        owners().keep_lease()
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        api, removed = docker_client().api, 0
        try:
            for row in api.containers(all=True, filters={"label": [OWNER_LABEL]}):
                labels = row.get("Labels") or {}
                if owners().is_gone(labels) or _is_forgotten(row["Id"], labels):
                    _remove(api, row["Id"])
                    removed += 1
        except (DockerException, RequestException):
            return removed
        return removed


def _is_forgotten(container_id: str, labels: dict[str, str]) -> bool:
    mine, born = owner_labels(), labels.get(BORN_LABEL, "")
    if any(labels.get(name) != mine[name] for name in (OWNER_LABEL, BOOT_LABEL, SPACE_LABEL)):
        return False
    return container_id not in _in_use and born.isdigit() and time.time() - int(born) > FORGOTTEN_AFTER_S


def is_mended(version: str) -> bool:
    """Tell whether a runc keeps containers from the host's files (CVE-2024-21626); Debian mended older ones, too."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    debian = re.search(r"\+deb(\d+)u(\d+)", version)
    return numbers >= (1, 1, 12) or bool(debian and int(debian[2]) >= {"11": 3}.get(debian[1], 1))


def _engine_facts() -> tuple[bool, str]:
    """Whether the engine filters system calls, and the version of its runtime ("" if it does not say)."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client = docker_client()
        filters = any("seccomp" in option for option in client.info().get("SecurityOptions") or [])
        parts = {part["Name"]: part for part in client.version().get("Components", [])}
    except (DockerException, RequestException, SandboxUnavailable):
        return False, ""
    runc = parts.get("runc", {})
    packaged = str(runc.get("Details", {}).get("GitCommit", ""))
    return filters, packaged if "+deb" in packaged else str(runc.get("Version", ""))


def host_config(manifest: Manifest) -> dict[str, Any]:
    """Return what the engine is told about a container of this manifest."""
    from docker.types import LogConfig, Ulimit

    resources, security = manifest.resources, manifest.security
    tmpfs_bytes = min(resources.storage_bytes, 64 * 2**20) if security.file_system_access == "read_write" else 64 * 1024
    config: dict[str, Any] = {
        "network_mode": "none",
        "read_only": True,
        "tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,size={tmpfs_bytes},nr_inodes=1024,mode=1777"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": 32,
        "mem_limit": resources.memory_bytes,
        "memswap_limit": resources.memory_bytes,
        # The longest period there is: the same share of a processor, but a start of 60 ms is not cut into pieces of
        # 10 ms with pauses of 90 ms between them.
        "cpu_period": 1_000_000,
        "cpu_quota": max(10_000, int(resources.cpu_cores * 1_000_000)),
        "ipc_mode": "none",
        "log_config": LogConfig(type="none"),
        "ulimits": [
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="nofile", soft=64, hard=64),
            Ulimit(name="fsize", soft=tmpfs_bytes, hard=tmpfs_bytes),
        ],
    }
    if runtime := plugin_settings().RUNTIME:
        config["runtime"] = runtime
    return config


def _environment(manifest: Manifest) -> dict[str, str]:
    return {name: os.environ[name] for name in manifest.security.environment_variables if name in os.environ}


def _remove(api: Any, container_id: str) -> None:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        api.remove_container(container_id, force=True, v=True)
    except (DockerException, RequestException):
        return  # someone else was quicker
