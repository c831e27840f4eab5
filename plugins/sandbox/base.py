"""The small interface that every sandbox fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from plugins.registry import Plugin

Stream = Literal["out", "log"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that arrived from a plugin; no bytes on "out" means that it will say nothing more."""

    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class Protection:
    """One thing a sandbox keeps a plugin from; `holds` is what was found by trying, not what is hoped."""

    name: str
    holds: bool
    detail: str


class Child(Protocol):
    """One started program that waits on its standard input for its one action."""

    def pump(self, outgoing: bytearray, timeout_s: float) -> list[Chunk]:
        """Write what can be written of `outgoing` (removing it there) and return what arrived.

        Waits at most `timeout_s`, and returns earlier as soon as anything moved.
        """

    def is_alive(self) -> bool:
        """Tell whether the program still runs."""

    def ending(self) -> str:
        """Say how the program ended ("exit code 137, out of memory"); "" if it has not."""

    def destroy(self) -> None:
        """End the program and remove everything of it. Never raises; twice is harmless."""


class Sandbox(Protocol):
    """A way to run plugins."""

    name: str

    def refusal(self, plugin: Plugin) -> str:
        """Say why this plugin cannot run here; "" if it can."""

    def start(self, plugin: Plugin) -> Child:
        """Start a child for one action.

        Raises:
            SandboxUnavailable: it cannot be started.
        """

    def protections(self) -> list[Protection]:
        """Find out what this sandbox keeps plugins from on this machine."""

    def reap(self) -> int:
        """Remove what dead owners left behind; return how many."""
