"""Whose turn it is where more calls wait for a child than can be started: fair between students, then plugins."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from plugins.errors import SandboxBusy, SandboxUnavailable
from plugins.registry import Plugin
from plugins.sandbox.base import Child, Sandbox


@dataclass(eq=False)
class Ticket:
    """One call that waits for a child; whoever starts one settles it."""

    plugin: Plugin
    sandbox: Sandbox
    owner: int
    content_hash: str
    _settled: threading.Event = field(default_factory=threading.Event)
    _child: Child | None = None
    _error: SandboxUnavailable | None = None

    def settle(self, child: Child | None = None, error: SandboxUnavailable | None = None) -> None:
        """Give it a child, or the reason why there is none."""
        self._child, self._error = child, error
        self._settled.set()

    def wait(self, timeout_s: float, give_up: Callable[[Ticket], bool]) -> Child:
        """Return the child as soon as there is one.

        `give_up` takes the ticket out of its line and tells whether it was still there.

        Raises:
            SandboxUnavailable: none could be started, or none came in time.
        """
        if not self._settled.wait(timeout_s) and give_up(self):
            raise SandboxBusy(f"{self.plugin.title} found no free place to run in within {timeout_s:g} s.")
        self._settled.wait()
        if self._child is None:
            raise self._error or SandboxUnavailable("The plugin worker is stopping.")
        return self._child


class Turns:
    """Tickets in turn: the student who was served longest ago first, of theirs the plugin served longest ago.

    A student with a hundred calls and one with a single call are served alternately. Callers hold the pool's lock.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[int, OrderedDict[str, deque[Ticket]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for lines in self._lines.values() for line in lines.values())

    def add(self, ticket: Ticket) -> None:
        """Put a ticket at the end of its line."""
        self._lines.setdefault(ticket.owner, OrderedDict()).setdefault(ticket.plugin.name, deque()).append(ticket)

    def remove(self, ticket: Ticket) -> bool:
        """Take out a ticket that waits no longer; tell whether it was still waiting."""
        lines = self._lines.get(ticket.owner)
        line = lines.get(ticket.plugin.name) if lines else None
        if line is None or ticket not in line:
            return False
        line.remove(ticket)
        self._tidy(ticket)
        return True

    def next(self) -> Ticket | None:
        """Take out the ticket whose turn it is."""
        for lines in self._lines.values():
            for line in lines.values():
                return self._served(line.popleft())
        return None

    def next_for(self, plugin: str, content_hash: str, sandbox: str) -> Ticket | None:
        """Take out the ticket whose turn it is among those that such a child serves."""
        for lines in self._lines.values():
            for ticket in lines.get(plugin, ()):
                if ticket.content_hash == content_hash and ticket.sandbox.name == sandbox:
                    lines[plugin].remove(ticket)
                    return self._served(ticket)
        return None

    def _served(self, ticket: Ticket) -> Ticket:
        lines = self._lines[ticket.owner]
        lines.move_to_end(ticket.plugin.name)
        self._lines.move_to_end(ticket.owner)
        self._tidy(ticket)
        return ticket

    def _tidy(self, ticket: Ticket) -> None:
        lines = self._lines[ticket.owner]
        if not lines[ticket.plugin.name]:
            del lines[ticket.plugin.name]
        if not lines:
            del self._lines[ticket.owner]
