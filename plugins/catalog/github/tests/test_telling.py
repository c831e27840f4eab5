"""Webhooks: asked for, taken away, and what the plugin makes of each event."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from plugins.catalog.github.server.store import Hook, Repository
from plugins.catalog.github.server.testing import STUDENT, RunningGitHub
from plugins.sdk.testkit import PluginAnsweredError, PluginKit

OURS = {"owner": STUDENT, "repo": "os-labs"}
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Listener(HTTPServer):
    """Whoever a webhook leads to: keeps what comes."""

    received: list[tuple[dict[str, str], bytes]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Keep(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener(("127.0.0.1", 0), _Keep)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join(timeout=5)
    server.server_close()


@pytest.fixture
def followed(github: RunningGitHub, repository: Repository, listener: Listener) -> Repository:
    """A repository that tells the listener everything."""
    github.hub.commit(repository, "Start", at=NOW)
    repository.hooks.append(Hook(9, listener.url, "It's a Secret to Everybody", ["*"]))
    return repository


def told(kit: PluginKit, listener: Listener, event: str) -> dict[str, Any]:
    """Hand the newest delivery of an event to the plugin, as the host would."""
    headers, body = next(
        (headers, body) for headers, body in reversed(listener.received) if headers["x-github-event"] == event
    )
    return kit.call(
        "handle_webhook",
        {"name": "push", "payload": json.loads(body), "headers": headers, "config": kit.config},
    )


def data(answer: dict[str, Any]) -> dict[str, Any]:
    [event] = answer["events"]
    return event["data"]


class TestTheServersSignature:
    def test_it_is_githubs(self) -> None:
        # The example of GitHub's documentation, "Validating webhook deliveries".
        digest = hmac.new(b"It's a Secret to Everybody", b"Hello, World!", hashlib.sha256).hexdigest()
        assert digest == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    def test_a_delivery_carries_it_and_its_own_number(
        self, github: RunningGitHub, followed: Repository, listener: Listener
    ) -> None:
        github.hub.commit(followed, "Fix")
        headers, body = listener.received[-1]
        digest = hmac.new(b"It's a Secret to Everybody", body, hashlib.sha256).hexdigest()

        assert headers["x-hub-signature-256"] == f"sha256={digest}"
        sent = github.hub.deliveries[-1]
        assert github.hub.redeliver(sent).id == sent.id == headers["x-github-delivery"]


class TestAskingForOne:
    def test_it_names_address_and_secret_without_knowing_them(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository
    ) -> None:
        with pytest.raises(PluginAnsweredError) as refused:
            kit.execute("create_webhook", **OURS, repository_id=str(repository.id))
        # Nobody put the address in here, and GitHub wants one.
        assert "url is missing" in refused.value.message and repository.hooks == []

    def test_one_that_is_there_is_kept(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository, listener: Listener
    ) -> None:
        hook = github.hub.add_hook(repository, {"url": listener.url, "secret": "s"}, ["push"])
        kit.stored = {f"webhook:{repository.id}": str(hook.id)}

        assert kit.execute("create_webhook", **OURS, repository_id=str(repository.id)) == {"webhook_id": str(hook.id)}
        assert len(repository.hooks) == 1 and "check_suite" in hook.events

    def test_it_is_taken_away_once(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository, listener: Listener
    ) -> None:
        hook = github.hub.add_hook(repository, {"url": listener.url, "secret": "s"}, ["push"])
        kit.stored = {f"webhook:{repository.id}": str(hook.id)}
        for _ in range(2):
            kit.execute("remove_webhook", **OURS, repository_id=str(repository.id))
        assert repository.hooks == [] and kit.stored == {}

    def test_a_connection_that_goes_takes_all_of_its_webhooks_away_and_no_other(
        self, github: RunningGitHub, kit: PluginKit, repository: Repository, listener: Listener
    ) -> None:
        hook, other = (github.hub.add_hook(repository, {"url": listener.url, "secret": s}, ["push"]) for s in "ab")
        kit.stored = {f"webhook:{repository.id}": str(hook.id), "webhook:999999": "7"}

        assert kit.execute("stop_telling") == {"stopped": 2}
        assert repository.hooks == [other] and kit.stored == {}

    def test_who_may_not_is_told_who_may(self, github: RunningGitHub, kit: PluginKit) -> None:
        theirs = github.hub.store.add_repository("cs3410/shared", members={STUDENT})
        with pytest.raises(PluginAnsweredError) as refused:
            kit.execute("create_webhook", owner="cs3410", repo="shared", repository_id=str(theirs.id))
        assert refused.value.code == "permission_denied"
        assert "Only who administers cs3410/shared" in refused.value.message

    def test_it_can_be_switched_off(self, kit: PluginKit, repository: Repository) -> None:
        kit.config["follow_live"] = False
        with pytest.raises(PluginAnsweredError) as refused:
            kit.execute("create_webhook", **OURS, repository_id=str(repository.id))
        assert refused.value.code == "switched_off" and kit.requests == []


class TestEvents:
    def test_a_push(self, github: RunningGitHub, kit: PluginKit, followed: Repository, listener: Listener) -> None:
        made = github.hub.push(followed, [("One", NOW), ("Two", NOW)])
        found = data(told(kit, listener, "push"))

        assert (found["repository_id"], found["branch"]) == (str(followed.id), "main")
        assert found["head_sha"] == made[-1].sha and found["is_forced"] is False
        assert [(commit["message"], commit["author"], commit["committed_at"]) for commit in found["commits"]] == [
            ("One", "Mira Kaya", "2026-11-23T09:30:00Z"),
            ("Two", "Mira Kaya", "2026-11-23T09:30:00Z"),
        ]

    def test_a_long_push_is_told_in_part_and_asks_for_a_sync(
        self, github: RunningGitHub, kit: PluginKit, followed: Repository, listener: Listener
    ) -> None:
        made = github.hub.push(followed, [(f"Ü{number} " * 500, NOW) for number in range(60)])
        answer = told(kit, listener, "push")

        assert answer["sync"] is True and len(json.dumps(data(answer))) < 64 * 1024
        assert data(answer)["commits"][-1]["id"] == made[-1].sha

    def test_issues_and_pull_requests(
        self, github: RunningGitHub, kit: PluginKit, followed: Repository, listener: Listener
    ) -> None:
        github.hub.open_issue(followed, "It hangs", at=NOW)
        assert data(told(kit, listener, "issues"))["issues"][0]["title"] == "It hangs"
        pull = github.hub.open_issue(followed, "Barrier", at=NOW, is_pull=True, branch="barrier")
        github.hub.close_issue(followed, pull, at=NOW, merged=True)
        [record] = data(told(kit, listener, "pull_request"))["pulls"]
        assert (record["number"], record["state"], record["branch"]) == (2, "merged", "barrier")

    def test_a_run_from_queue_to_end(
        self, github: RunningGitHub, kit: PluginKit, followed: Repository, listener: Listener
    ) -> None:
        run = github.hub.start_run(followed, at=NOW)
        assert data(told(kit, listener, "workflow_run"))["runs"][0]["state"] == "queued"
        github.hub.move_run(followed, run, "completed", "failure", at=NOW)
        [record] = data(told(kit, listener, "workflow_run"))["runs"]
        assert (record["state"], record["conclusion"], record["sha"]) == ("completed", "failure", run.sha)

    @pytest.mark.parametrize(("slug", "count"), [("travis-ci", 1), ("github-actions", 0)])
    def test_checks_of_other_services_are_runs_and_githubs_own_are_not_told_twice(
        self,
        github: RunningGitHub,
        kit: PluginKit,
        followed: Repository,
        listener: Listener,
        slug: str,
        count: int,
    ) -> None:
        suite = {
            "id": 77,
            "head_branch": "main",
            "head_sha": followed.commits[-1].sha,
            "status": "completed",
            "conclusion": "success",
            "app": {"slug": slug, "name": "Travis CI"},
            "created_at": "2026-11-23T09:00:00Z",
            "updated_at": "2026-11-23T09:30:00Z",
        }
        github.hub.tell(followed, "check_suite", {"action": "completed", "check_suite": suite})
        answer = told(kit, listener, "check_suite")

        assert len(answer["events"]) == count
        if count:
            [record] = data(answer)["runs"]
            assert (record["id"], record["name"], record["conclusion"]) == ("suite-77", "Travis CI", "success")

    def test_a_new_name(self, github: RunningGitHub, kit: PluginKit, followed: Repository, listener: Listener) -> None:
        github.hub.rename(followed, "operating-systems")
        assert data(told(kit, listener, "repository"))["repositories"][0]["full_name"] == f"{STUDENT}/operating-systems"

    def test_a_ping_says_the_webhooks_number_and_nothing_else(self, kit: PluginKit, followed: Repository) -> None:
        payload = {"zen": "…", "hook_id": 4711, "repository": {"id": followed.id, "full_name": followed.full_name}}
        asked = {"name": "push", "payload": payload, "headers": {"X-GitHub-Event": "ping"}, "config": {}}

        assert kit.call("handle_webhook", asked) == {"events": [], "sync": False}
        assert kit.stored == {f"webhook:{followed.id}": "4711"}

    @pytest.mark.parametrize(
        ("event", "payload"),
        [
            ("push", {"ref": "refs/tags/v1", "after": "a" * 40, "commits": []}),
            ("push", {"ref": "refs/heads/old", "deleted": True, "after": "0" * 40}),
            ("star", {"action": "created"}),
            ("push", {"ref": None, "commits": "nonsense"}),
            ("", {}),
        ],
    )
    def test_what_is_of_no_interest_becomes_nothing(self, kit: PluginKit, event: str, payload: dict[str, Any]) -> None:
        whole = {"repository": {"id": 5, "full_name": "a/b"}, **payload}
        asked = {"name": "push", "payload": whole, "headers": {"X-GitHub-Event": event}, "config": {}}

        assert kit.call("handle_webhook", asked) == {"events": [], "sync": False}
