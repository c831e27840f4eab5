"""A running GitHub for tests: a real HTTP server on a free port, in a thread of the test process.

    with running_github() as github:
        repository = github.hub.store.add_repository("mira-kaya/os")
        github.hub.commit(repository, "Start")
        github.hub.fault(secondary_limit=1)

To reach it through the gateway: `GATEWAY_HOSTS = github.hosts`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .demo import STUDENT
from .http import Server
from .hub import Hub

HOSTS = ("api.github.com", "codeload.github.com", "github.com")

__all__ = ["HOSTS", "STUDENT", "RunningGitHub", "running_github"]


@dataclass
class RunningGitHub:
    url: str
    hub: Hub

    @property
    def hosts(self) -> dict[str, str]:
        """Where the gateway is to find GitHub's hosts."""
        return dict.fromkeys(HOSTS, self.url)

    def token(self, login: str = STUDENT) -> str:
        """A new personal token of a student."""
        return self.hub.store.add_person(login)


@contextmanager
def running_github() -> Iterator[RunningGitHub]:
    """Serve an empty GitHub until the block ends."""
    hub = Hub()
    with Server(hub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="github", daemon=True)
        thread.start()
        try:
            yield RunningGitHub(server.url, hub)
        finally:
            server.shutdown()
            thread.join(timeout=10)
