"""Which sandbox runs a plugin here, and why."""

from __future__ import annotations

import functools

from plugins.conf import plugin_settings
from plugins.errors import SandboxUnavailable
from plugins.registry import Plugin
from plugins.sandbox.base import Sandbox
from plugins.sandbox.docker import DockerSandbox, engine_answers, engine_is_restarting
from plugins.sandbox.process import ProcessSandbox


@functools.cache
def process_sandbox() -> ProcessSandbox:
    """Return this process's one process sandbox."""
    return ProcessSandbox()


@functools.cache
def docker_sandbox() -> DockerSandbox:
    """Return this process's one Docker sandbox."""
    return DockerSandbox()


def sandbox_for(plugin: Plugin) -> Sandbox:
    """Choose the sandbox of a plugin by PLUGIN_SANDBOX. Only workers call this: it asks the Docker engine.

    Where containers are meant and a plugin's image is missing, it is built, and the caller waits the second or two.

    Raises:
        SandboxUnavailable: there is none that may run it, with what to do.
    """
    return choose(plugin)[0]


def choose(plugin: Plugin, *, build: bool = True) -> tuple[Sandbox, str]:
    """Choose as `sandbox_for` does, and say why it is not a container although an engine answers ("" if it is).

    Without `build` nothing is built, and an image that can be built counts as there.

    Raises:
        SandboxUnavailable: there is none that may run it, with what to do.
    """
    wanted = plugin_settings().SANDBOX
    why = ""
    if wanted == "docker" or (wanted == "auto" and engine_answers()):
        why = docker_sandbox().refusal(plugin, build=build)
        if not why:
            return docker_sandbox(), ""
        if wanted == "docker":
            raise SandboxUnavailable(why, retryable=engine_is_restarting())
    elif wanted == "auto" and engine_is_restarting():
        # What runs in containers is not put behind thinner walls because the engine is away for a moment.
        raise SandboxUnavailable(f"The Docker engine is not there right now. {plugin.title} runs again when it is.")
    if refusal := process_sandbox().refusal(plugin):
        raise SandboxUnavailable(why or refusal, retryable=False)
    return process_sandbox(), why
