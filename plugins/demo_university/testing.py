"""A running university for tests: a real HTTP server on a free port, in a thread of the test process.

    with running_university(today="2026-10-05") as university:
        httpx.get(f"{university.url}/api/v1/courses", headers=university.headers)
        university.fault(throttle_next=2, throttle_status=429, throttle_retry_after=0.1)
        university.change("move_due_date", assignment_id=4101008, due_at="2026-10-09T21:59:59Z")

To reach it through the gateway, map its domain to it: `GATEWAY_HOSTS = {DOMAIN: university.url}`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import httpx

from .semester import Course, Semester
from .server import bind, make_server
from .university import DOMAIN, Options, University

__all__ = ["DOMAIN", "RunningUniversity", "running_university"]


@dataclass
class RunningUniversity:
    """The client of a test: where the server is, a good token, and the switches."""

    url: str
    token: str
    university: University

    domain: str = DOMAIN

    @cached_property
    def client(self) -> httpx.Client:
        """What the switches are reached with; plain HTTP, so it loads no certificates."""
        return httpx.Client(base_url=self.url, timeout=10, verify=False)  # noqa: S501

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def semester(self) -> Semester:
        """What the university knows today; read it, and change it through `change`."""
        return self.university.semester

    def course(self, code: str) -> Course:
        """A course by its code, such as "CS 3410"."""
        return next(course for course in self.semester.courses if course.code == code)

    def make_token(self, purpose: str = "another test") -> str:
        return self.university.store.make_token(purpose)[0]

    def revoke_tokens(self) -> None:
        """Every token given out so far stops working."""
        for token in self.university.store.personal_tokens():
            self.university.store.remove(token.id)

    def fault(self, **switches: Any) -> None:
        """Switch faults on; the names are the fields of `faults.Faults`."""
        self._send("POST", "/__faults__", switches)

    def change(self, kind: str, **fields: Any) -> None:
        """Make a teacher's change; the kinds are listed in `faults.py`."""
        self._send("POST", "/__changes__", {"kind": kind, **fields})

    def reset(self) -> None:
        """Back to the bundled semester: no faults, no changes, no requests on record. Tokens stay."""
        self._send("DELETE", "/__faults__")

    def requests(self) -> list[dict[str, Any]]:
        """Every API request since the last `reset` or `forget_requests`: method, path, query, status."""
        return self._send("GET", "/__requests__")

    def forget_requests(self) -> None:
        self._send("DELETE", "/__requests__")

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        response = self.client.request(method, path, json=body)
        if response.status_code != 200:
            raise ValueError(response.json()["error"])
        return response.json()


@contextmanager
def running_university(*, today: str | date | None = None, **options: Any) -> Iterator[RunningUniversity]:
    """Serve a university until the block ends; `options` are the fields of `university.Options`."""
    day = date.fromisoformat(today) if isinstance(today, str) else today
    university = University(Options(**{"allow_faults": True, "today": day} | options))
    listener = bind("127.0.0.1", university.options.port)
    server = make_server(university, listener, log_level="critical")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="demo-university", daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        token, _ = university.store.make_token("tests")
        running = RunningUniversity(university.public_url, token, university)
        yield running
        running.client.close()
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def _await_start(server: Any, thread: threading.Thread) -> None:
    deadline = time.monotonic() + 10
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the demo university did not start")
        thread.join(0.005)
