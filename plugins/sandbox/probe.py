"""Try what a confined child can still do, so that the page says what holds and not what is hoped."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.errors import PluginFailed, PluginTimedOut
from plugins.manifest import manifest_from
from plugins.sandbox.base import Protection
from plugins.sandbox.bundle import private_root, write_bundle
from plugins.sandbox.conversation import Conversation

if TYPE_CHECKING:
    from plugins.sandbox.process import ProcessSandbox

_PROGRAM = """
import json, os, socket, sys

request = json.loads(sys.stdin.readline())
params = request["params"]

def attempt(action):
    try:
        action()
    except BaseException:
        return False
    return True

def start_process():
    number = os.fork()
    if number == 0:
        os._exit(0)
    os.waitpid(number, 0)

result = {
    "network": attempt(lambda: socket.create_connection(("127.0.0.1", params["port"]), 1)),
    "sockets": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "other_files": attempt(lambda: open(params["file"]).read()),
    "write_files": attempt(lambda: open(params["folder"] + "/written", "w").write("x")),
    "environment": bool(set(os.environ) - {"LC_CTYPE"}),
    "processes": attempt(start_process),
    "memory": attempt(lambda: bytearray(2 ** 30)),
}
print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
"""
_MANIFEST = {
    "apiVersion": "v1",
    "kind": "Plugin",
    "metadata": {"name": "probe", "version": "1.0.0", "description": "What can a plugin do here?"},
    "spec": {"capabilities": ["read_files"]},
}


def probe_process(sandbox: ProcessSandbox) -> list[Protection]:
    """Run a program in the process sandbox that tries to break out, and report."""
    from plugins.registry import Plugin

    manifest = manifest_from(_MANIFEST)
    with (
        tempfile.TemporaryDirectory(dir=private_root()) as name,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        source, folder = Path(name) / "source", Path(name) / "bundle"
        source.mkdir()
        folder.mkdir()
        (source / "plugin.py").write_text(_PROGRAM, encoding="utf-8")
        secret = Path(name) / "secret"
        secret.write_text("a file of this server", encoding="utf-8")
        write_bundle(Plugin("probe", source, manifest, is_shipped=True), folder)
        Path(name).chmod(0o755)
        child = sandbox._spawn(folder, manifest)
        try:
            params = {"port": server.getsockname()[1], "file": str(secret), "folder": name}
            could = Conversation(child, serve=lambda request, deadline: {}).call("probe", params, timeout_s=10)
        except (PluginFailed, PluginTimedOut) as error:
            return [Protection("probe", False, f"The sandbox could not be tried out: {error}")]
        finally:
            child.destroy()
    return [_protection(name, not could.get(name, True)) for name in _WORDS]


_WORDS = {
    "network": (
        "No network of its own",
        "It can reach the network past the gateway; this kernel cannot shut it off.",
    ),
    "sockets": ("Cannot talk to other programs here", "It can open local sockets, such as a Docker engine's."),
    "other_files": ("Cannot read this server's files", "It can read what the server's user can read."),
    "write_files": ("Cannot write files", "It can write where the server's user can write."),
    "environment": ("Sees no environment variables", "It sees environment variables of the server."),
    "memory": ("Memory is bounded", "It can use up this machine's memory."),
    "processes": ("Cannot start processes", "It can start processes; they are killed with it at the end."),
}


def _protection(name: str, holds: bool) -> Protection:
    title, otherwise = _WORDS[name]
    return Protection(title, holds, "" if holds else otherwise)


def as_json(protections: list[Protection]) -> str:
    """Return the report in a form that another process can show."""
    return json.dumps([[item.name, item.holds, item.detail] for item in protections])


def from_json(text: str) -> list[Protection]:
    """Read what `as_json` wrote."""
    return [Protection(*item) for item in json.loads(text)]
