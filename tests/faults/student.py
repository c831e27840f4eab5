"""A student of the running product: a signed-in browser, a program with a token, and what must be true of them."""

from __future__ import annotations

import html
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from coreengine.accounts.models import User
from coreengine.accounts.services import create_api_token
from coreengine.kernel.events import altered_data, broken_links
from coreengine.kernel.models import Event, Notification
from coreengine.kernel.statuses import FINISHED
from coreengine.kernel.waiting import wait_until
from courses.models import Announcement, Assignment, Course
from plugins.demo_university.testing import DOMAIN
from plugins.models import Connection
from workflows.models import Execution

PLUGIN = "canvas-integration"
SEMESTER = (6, 60, 12)
FOLLOW = {301, 302, 303}


@dataclass
class Student:
    """One student, and both doors."""

    user: User
    page: httpx.Client
    api: httpx.Client
    token: str

    @classmethod
    def new(cls, address: str, token: str) -> Student:
        """Sign a new student in at both doors."""
        user = User.objects.create_user(f"{secrets.token_hex(6)}@example.edu", secrets.token_hex(9), name="Noor")
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        csrf = secrets.token_hex(16)
        page = httpx.Client(
            base_url=address,
            timeout=40,
            cookies={"sessionid": str(session.session_key), "csrftoken": csrf},
            headers={"X-CSRFToken": csrf},
        )
        _, secret = create_api_token(user, name="faults", by=user)
        api = httpx.Client(base_url=f"{address}/api/v1", timeout=40, headers={"Authorization": f"Bearer {secret}"})
        return cls(user, page, api, token)

    def close(self) -> None:
        self.page.close()
        self.api.close()

    # --- doors ------------------------------------------------------------------------------------------

    def connect_by_page(self, *, domain: str = DOMAIN, token: str = "") -> httpx.Response:
        form = {"label": "", "canvas_domain": domain, "sync_frequency": "weekly", "token": token or self.token}
        return self.page.post(f"/connections/new/{PLUGIN}/", data=form)

    def connect_by_api(self, *, domain: str = DOMAIN, token: str = "") -> httpx.Response:
        body = {"canvas_domain": domain, "sync_frequency": "weekly"}
        return self.api.post(
            "/connections/", json={"plugin": PLUGIN, "configuration": body, "token": token or self.token}
        )

    def connected(self) -> Connection:
        """Connect the demo university, and wait until it is confirmed."""
        answer = self.connect_by_api()
        assert answer.status_code in {201, 202}, answer.text
        connection = Connection.objects.get(pk=answer.json()["id"])
        wait_until(lambda: Connection.objects.get(pk=connection.pk).confirmed_at, timeout_s=40, what="the connection")
        return Connection.objects.get(pk=connection.pk)

    def start_sync(self, connection: Connection) -> Execution:
        """Ask for a sync through the API."""
        answer = self.api.post(f"/connections/{connection.pk}/sync/")
        assert answer.status_code == 202, answer.text
        return Execution.objects.get(pk=execution_id(answer.json()["url"]))

    def sync(self, connection: Connection, *, timeout_s: float = 60) -> Execution:
        """Sync, and wait for its end."""
        return ended(self.start_sync(connection), timeout_s=timeout_s)

    def read_page(self, path: str) -> str:
        """The words of a page, as a person reads them."""
        answer = self.page.get(path)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return words(answer.text)

    def read_api(self, path: str) -> Any:
        answer = self.api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    # --- what must be true ------------------------------------------------------------------------------

    def counts(self) -> tuple[int, int, int]:
        """Courses, assignments and announcements."""
        mine = {"owner": self.user}
        return (
            Course.objects.filter(**mine).count(),
            Assignment.objects.filter(**mine).count(),
            Announcement.objects.filter(**mine).count(),
        )

    def told(self) -> list[Notification]:
        """Notifications, oldest first."""
        return list(Notification.objects.filter(owner=self.user).order_by("pk"))

    def assert_nothing_lost_or_doubled(self) -> None:
        """Each effect once: rows, events and what was told; and the log is a whole."""
        assert self.counts() == SEMESTER
        events = Event.objects.filter(owner=self.user)
        for kind, number in (("course.created", 6), ("assignment.created", 60), ("announcement.created", 12)):
            subjects = Counter(events.filter(type=kind).values_list("subject_id", flat=True))
            if subjects:
                assert len(subjects) == number, kind
                assert set(subjects.values()) == {1}, kind
        runs = Execution.objects.filter(owner=self.user)
        for run in runs:
            log = Event.objects.filter(subject_type="workflows.execution", subject_id=str(run.pk)).order_by("sequence")
            types = list(log.values_list("type", flat=True))
            if not run.is_open:
                assert types[-1] == f"workflow.execution.{run.status}", types[-3:]
            finished = Counter(
                data["path"]
                for type, data in log.values_list("type", "data")
                if type in {"workflow.step.completed", "workflow.step.failed", "workflow.step.skipped"}
            )
            assert set(finished.values()) <= {1}, finished
            steps = run.steps.filter(status__in=["completed", "failed", "skipped"]).values_list("path", flat=True)
            assert set(finished) == set(steps)
        said = [note for note in self.told() if note.title.startswith("Canvas:")]
        assert len(said) == runs.filter(status="completed").count()
        failures = [note for note in self.told() if "did not finish" in note.title]
        assert len(failures) == runs.filter(status="failed").count()
        assert not broken_links()
        assert not altered_data(owner=self.user)


def ended(execution: Execution, *, timeout_s: float = 60) -> Execution:
    """Wait until an execution is over."""

    def look() -> bool:
        execution.refresh_from_db()
        return execution.status in FINISHED

    try:
        wait_until(look, timeout_s=timeout_s, interval_s=0.1, what=f"the end of execution {execution.pk}")
    except TimeoutError as error:
        steps = list(execution.steps.exclude(status="completed").values_list("path", "status", "attempt", "error"))
        raise AssertionError(f"{error}; it is {execution.status}: {steps}") from None
    return execution


def execution_id(url: str) -> int:
    """The number at the end of an execution's address."""
    found = re.search(r"/executions/(\d+)/$", url)
    assert found, url
    return int(found[1])


def words(page: str) -> str:
    """The text of a page in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that an answer is a problem document, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    document: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(document)
    assert document["status"] == status
    return document
