"""Which sandbox runs a plugin here, and what is known about it elsewhere."""

from __future__ import annotations

import functools

from plugins.conf import plugin_settings
from plugins.errors import SandboxUnavailable
from plugins.registry import Plugin
from plugins.sandbox.base import Sandbox
from plugins.sandbox.docker import DockerSandbox, engine_answers
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
    """Choose the sandbox of a plugin by PLUGIN_SANDBOX. Only workers call this: it may ask the Docker engine.

    Raises:
        SandboxUnavailable: there is none that may run it, with what to do.
    """
    wanted = plugin_settings().SANDBOX
    found: Sandbox
    if wanted == "docker" or (wanted == "auto" and engine_answers() and not docker_sandbox().refusal(plugin)):
        found = docker_sandbox()
    else:
        found = process_sandbox()
    if refusal := found.refusal(plugin):
        if wanted == "auto" and engine_answers():  # then the image is what is missing
            refusal = docker_sandbox().refusal(plugin) or refusal
        raise SandboxUnavailable(refusal, retryable=False)
    return found
