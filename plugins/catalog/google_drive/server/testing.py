"""A running Drive for tests: a real HTTP server on a free port, whose notifications are really sent.

with running_drive() as running:
    file = running.drive.add("Essay.txt", content="…")
    settings.PLUGINS = {..., "GATEWAY_HOSTS": running.hosts}
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from .drive import Channel, Drive
from .http import DriveServer, notification_headers
from .oauth import DRIVE, OAuth

HOSTS = ("www.googleapis.com", "accounts.google.com", "oauth2.googleapis.com")


@dataclass
class RunningDrive:
    """Where the server is, a good token, and what it holds."""

    server: DriveServer
    drive: Drive
    oauth: OAuth
    token: str
    answers: list[tuple[str, int]] = field(default_factory=list)
    """(channel, status) of every notification that was sent."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.server.url

    @property
    def hosts(self) -> dict[str, str]:
        """What a gateway needs to find it under Google's names."""
        return dict.fromkeys(HOSTS, self.url)

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """(method, path with query, status) of every request so far."""
        return self.server.requests

    def paths(self, method: str = "") -> list[str]:
        """The paths that were asked, without queries."""
        return [urlsplit(path).path for used, path, _ in self.requests if method in ("", used)]


@contextmanager
def running_drive(*, needs_https: bool = False, port: int = 0) -> Iterator[RunningDrive]:
    """Serve a Drive until the block ends."""
    drive, oauth = Drive(), OAuth()
    server = DriveServer(drive, oauth, port=port, needs_https=needs_https)
    running = RunningDrive(server, drive, oauth, oauth.give_token(DRIVE))
    outgoing: queue.Queue[tuple[Channel, str, int] | None] = queue.Queue()
    drive.told.append(lambda *message: outgoing.put(message))
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="drive", daemon=True),
        threading.Thread(target=_notify, args=(outgoing, running), name="drive-notifier", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        outgoing.put(None)
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join(timeout=10)


def _notify(outgoing: queue.Queue[tuple[Channel, str, int] | None], running: RunningDrive) -> None:
    """Send notifications in their order; one that is not taken is tried again, as Google does."""
    with httpx.Client(timeout=5, verify=False) as client:  # noqa: S501, only addresses of the test itself
        while message := outgoing.get():
            channel, state, number = message
            headers = notification_headers(channel, state, number)
            for _ in range(3):
                try:
                    status = client.post(channel.address, headers=headers).status_code
                except httpx.HTTPError:
                    status = 0
                running.answers.append((channel.id, status))
                if status not in (500, 502, 503, 504):
                    break
