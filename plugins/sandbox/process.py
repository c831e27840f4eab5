"""ProcessSandbox: a confined child process, the embedded default where there is no Docker engine.

It keeps honest programs honest. It runs only what ships in catalog/, and production settings refuse it.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from django.conf import settings

from plugins.errors import SandboxUnavailable
from plugins.manifest import Manifest
from plugins.registry import Plugin
from plugins.sandbox.base import Chunk, Protection
from plugins.sandbox.bundle import LAUNCHER_NAME, bundle_folder, private_root

READ_BYTES = 256 * 1024
LIFETIME_S = 900
# The interpreter's own needs on top of what the manifest grants: code, libraries, arenas.
INTERPRETER_BYTES = 96 * 2**20


class ProcessChild:
    """A child in a session of its own; the whole group is killed at the end."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._closed: set[int] = set()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)

    def pump(self, outgoing: bytearray, timeout_s: float) -> list[Chunk]:
        """Move bytes in both directions, see `Child`."""
        process = self._process
        assert process.stdin and process.stdout and process.stderr
        streams = {process.stdout.fileno(): "out", process.stderr.fileno(): "log"}
        poll = select.poll()
        for number in streams:
            if number not in self._closed:
                poll.register(number, select.POLLIN)
        into = process.stdin.fileno()
        if outgoing and into not in self._closed:
            poll.register(into, select.POLLOUT)
        chunks: list[Chunk] = []
        for number, _ in poll.poll(max(0, timeout_s) * 1000):
            if number == into:
                self._write(into, outgoing)
                continue
            try:
                data = os.read(number, READ_BYTES)
            except BlockingIOError:
                continue
            if not data:
                self._closed.add(number)
            if data or streams[number] == "out":
                chunks.append(Chunk(streams[number], data))  # type: ignore[arg-type]
        return chunks

    def _write(self, number: int, outgoing: bytearray) -> None:
        try:
            written = os.write(number, outgoing[:65536])
        except BlockingIOError:
            return
        except OSError:  # the child closed its input; what it still says is read until it ends
            self._closed.add(number)
            outgoing.clear()
            return
        del outgoing[:written]

    def is_alive(self) -> bool:
        """See `Child`."""
        return self._process.poll() is None

    def ending(self) -> str:
        """See `Child`."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return ""
        if code >= 0:
            return f"exit code {code}"
        words = {signal.SIGXCPU: "used up its processor time", signal.SIGKILL: "killed"}
        return f"exit code {128 - code}, {words.get(signal.Signals(-code), signal.Signals(-code).name)}"

    def destroy(self) -> None:
        """See `Child`."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue  # unwritten bytes for a child that is gone
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return
        shutil.rmtree(self._folder, ignore_errors=True)


class ProcessSandbox:
    """Runs shipped plugins as confined children of this process."""

    name = "process"

    def refusal(self, plugin: Plugin) -> str:
        """See `Sandbox`."""
        if settings.ENVIRONMENT == "production":
            return "The process sandbox is for development; production needs a Docker engine (PLUGIN_SANDBOX=docker)."
        if not plugin.is_shipped:
            return (
                f"{plugin.title} does not ship with Core Engine, and the process sandbox runs only what does. "
                "Start a Docker engine and run manage.py plugins build."
            )
        return ""

    def start(self, plugin: Plugin) -> ProcessChild:
        """See `Sandbox`."""
        manifest = plugin.manifest
        assert manifest is not None
        folder = bundle_folder(plugin)
        return self._spawn(folder, manifest)

    def _spawn(self, folder: Path, manifest: Manifest) -> ProcessChild:
        work = Path(tempfile.mkdtemp(prefix="work-", dir=private_root()))
        names = manifest.security.environment_variables
        environment = {name: os.environ[name] for name in names if name in os.environ}
        options = json.dumps(
            {
                "limits": _limits(manifest),
                "lifetime_s": LIFETIME_S,
                "readable": [str(folder), *_interpreter_folders()],
                "writable": [str(work)] if manifest.security.file_system_access == "read_write" else [],
            }
        )
        # -I and -S: neither the environment, nor the working folder, nor installed packages are looked at.
        command = [
            sys.executable,
            "-I",
            "-S",
            "-B",
            "-X",
            "utf8",
            str(folder / LAUNCHER_NAME),
            str(folder),
            options,
        ]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=work,
                env=environment,
                close_fds=True,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            shutil.rmtree(work, ignore_errors=True)
            raise SandboxUnavailable(f"The plugin's process could not be started: {error.strerror}.") from error
        return ProcessChild(process, work)

    def protections(self) -> list[Protection]:
        """See `Sandbox`."""
        from plugins.sandbox.probe import probe_process

        return probe_process(self)

    def reap(self) -> int:
        """See `Sandbox`. A child whose owner died reads the end of its input and stops by itself."""
        return 0


def _interpreter_folders() -> list[str]:
    paths = sysconfig.get_paths()
    found = [paths["stdlib"], paths["platstdlib"], str(Path(sys.executable).resolve().parent)]
    return [
        *dict.fromkeys(found),
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/share/zoneinfo",
        "/dev/null",
        "/dev/urandom",
    ]


def _limits(manifest: Manifest) -> dict[str, tuple[int, int]]:
    memory = manifest.resources.memory_bytes + INTERPRETER_BYTES
    may_write = manifest.security.file_system_access == "read_write"
    file_bytes = min(manifest.resources.storage_bytes, 64 * 2**20) if may_write else 0
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_AS": memory * 2,
        "RLIMIT_DATA": memory,
        "RLIMIT_CPU": 120,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_FSIZE": file_bytes,
    }
    if os.getuid() != 0:
        # The limit counts all processes of the user, so 0 means that this one starts no other. Root is not bound.
        limits["RLIMIT_NPROC"] = 0
    return {name: (value, value) for name, value in limits.items()}
