"""The small GitHub itself: who asks, how much they may, what goes wrong on purpose, and what it tells others."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from . import oauth, routes, shapes
from .answers import Answer, Asked, error, with_etag
from .store import Commit, Hook, Issue, Repository, Run, Store

HOUR_S = 3600
APPLICATION_TOKEN = re.compile(r"/applications/([^/]+)/token")


@dataclass
class Faults:
    """What goes wrong. Numbers count down with each request they spoil."""

    primary_limit: int = 0
    """So many requests find the hour used up; it ends `reset_in_s` from now."""
    reset_in_s: float = 1.0
    secondary_limit: int = 0
    """So many are too many at once; with `retry_after_s` it says when to come back, else not."""
    retry_after_s: float | None = None
    limit_status: int = 403
    status: dict[str, int] = field(default_factory=dict)
    """Beginnings of paths that are answered with a status."""
    broken_json_for: str = ""
    html_for: str = ""
    no_last_link: bool = False
    opaque_paging: bool = False
    delay_s: float = 0.0
    single_sign_on_for: str = ""


@dataclass
class Delivery:
    """One webhook as it was sent, and what the other side answered; 0 where it did not."""

    id: str
    event: str
    url: str
    headers: dict[str, str]
    body: bytes
    status: int


class Hub:
    """Everything behind one door: `answer` takes a request, the other methods are what people do on the site."""

    def __init__(self) -> None:
        self.store = Store()
        self.faults = Faults()
        self.requests: list[tuple[str, str, int]] = []
        self.deliveries: list[Delivery] = []
        self.apps: dict[str, oauth.App] = {}
        self.codes: dict[str, oauth.Code] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.signed_in = "mira-kaya"
        self.is_quiet = False
        self._lock = threading.RLock()

    # --- Answering -----------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answer:
        """Answer one request, and keep it on record."""
        if self.faults.delay_s:
            time.sleep(self.faults.delay_s)
        with self._lock:
            found = self._answer(asked)
            self.requests.append((asked.method, asked.path, found.status))
        return found

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/login/oauth/authorize":
            return oauth.authorize(self, asked)
        if asked.path == "/login/oauth/access_token":
            return oauth.access_token(self, asked)
        if found := APPLICATION_TOKEN.fullmatch(asked.path):
            return oauth.revoke(self, asked, found[1])
        if asked.host == "codeload.github.com":
            return routes.download(self, asked)
        if not asked.headers.get("user-agent"):
            return error(
                403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent"
            )
        proof = asked.headers.get("authorization", "")
        if proof:
            asked.token = self.store.tokens.get(proof.partition(" ")[2].strip())
            if asked.token is None:
                return error(401, "Bad credentials")
        spoiled = self._spoiled(asked)
        found = spoiled or with_etag(asked, routes.answer(self, asked))
        self._count(asked, found)
        return found

    def _spoiled(self, asked: Asked) -> Answer | None:
        faults = self.faults
        if faults.primary_limit > 0 and asked.path != "/rate_limit":
            faults.primary_limit -= 1
            reset = time.time() + faults.reset_in_s
            if asked.token:
                asked.token.used, asked.token.reset_at = asked.token.limit, reset
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(round(reset))}
            return error(faults.limit_status, "API rate limit exceeded for user ID 1000001.", headers)
        if faults.secondary_limit > 0:
            faults.secondary_limit -= 1
            headers = {} if faults.retry_after_s is None else {"Retry-After": f"{faults.retry_after_s:g}"}
            words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            return error(faults.limit_status, words, headers)
        for start, status in faults.status.items():
            if asked.path.startswith(start):
                return error(status, "Something went wrong")
        if faults.single_sign_on_for and asked.path.startswith(faults.single_sign_on_for):
            address = "https://github.com/orgs/cs3410/sso?authorization_request=abc"
            return error(
                403,
                "Resource protected by organization SAML enforcement.",
                {"X-GitHub-SSO": f"required; url={address}"},
            )
        if faults.broken_json_for and asked.path.startswith(faults.broken_json_for):
            return Answer(200, b'[{"id": 1,', {"Content-Type": "application/json"})
        if faults.html_for and asked.path.startswith(faults.html_for):
            return Answer(200, b"<!doctype html><title>Unicorn!</title>", {"Content-Type": "text/html"})
        return None

    def _count(self, asked: Asked, found: Answer) -> None:
        token = asked.token
        if token is None:
            return
        if token.reset_at < time.time():
            token.used, token.reset_at = 0, time.time() + HOUR_S
        if found.is_countable and asked.path != "/rate_limit":
            token.used += 1
        for name, value in (
            ("Limit", token.limit),
            ("Remaining", max(0, token.limit - token.used)),
            ("Used", token.used),
            ("Reset", round(token.reset_at)),
            ("Resource", "core"),
        ):
            found.headers.setdefault(f"X-RateLimit-{name}", str(value))
        found.headers.setdefault("X-OAuth-Scopes", token.scopes)
        found.headers.setdefault("X-GitHub-Media-Type", "github.v3; format=json")

    def ticket(self, repository: Repository) -> str:
        """The proof in the address of an archive."""
        return hashlib.sha256(f"ticket of {repository.id}".encode()).hexdigest()[:20]

    # --- Switches ------------------------------------------------------------------------------------------

    def fault(self, **switches: Any) -> None:
        """Switch faults on; the names are the fields of `Faults`."""
        known = {each.name for each in fields(Faults)}
        for name, value in switches.items():
            if name not in known:
                raise ValueError(f"there is no fault {name!r}")
            setattr(self.faults, name, value)

    def heal(self) -> None:
        """Nothing goes wrong any more, and nothing is on record."""
        self.faults = Faults()
        self.requests.clear()
        self.deliveries.clear()
        for token in self.store.tokens.values():
            token.used, token.reset_at = 0, 0.0

    # --- What people do ------------------------------------------------------------------------------------

    def commit(
        self,
        repository: Repository,
        message: str,
        *,
        at: datetime | None = None,
        branch: str = "",
        author: str = "Mira Kaya",
    ) -> Commit:
        """Commit and push one change."""
        return self.push(repository, [(message, at)], branch=branch, author=author)[0]

    def push(
        self,
        repository: Repository,
        messages: list[tuple[str, datetime | None]],
        *,
        branch: str = "",
        author: str = "Mira Kaya",
        forced: bool = False,
    ) -> list[Commit]:
        """Push several commits at once, oldest first; whoever listens is told."""
        branch = branch or repository.default_branch
        earlier = repository.on_branch(branch)
        before = earlier[0].sha if earlier else "0" * 40
        made = []
        for message, at in messages:
            at = at or datetime.now(UTC)
            seed = f"{repository.id} {len(repository.commits)} {message} {at}"
            sha = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
            made.append(Commit(sha, message, author, at, branch))
            repository.commits.append(made[-1])
        self.tell(repository, "push", shapes.push(self.store, repository, branch, made, before, forced=forced))
        return made

    def open_issue(self, repository: Repository, title: str, *, at: datetime | None = None, **more: Any) -> Issue:
        at = at or datetime.now(UTC)
        made = Issue(repository.next_number(), title, repository.owner, at, at, **more)
        repository.issues.append(made)
        self._tell_issue(repository, made, "opened")
        return made

    def close_issue(
        self, repository: Repository, made: Issue, *, at: datetime | None = None, merged: bool = False
    ) -> None:
        made.state, made.changed_at = "closed", at or datetime.now(UTC)
        made.closed_at = made.changed_at
        made.merged_at = made.changed_at if merged else None
        self._tell_issue(repository, made, "closed")

    def _tell_issue(self, repository: Repository, made: Issue, action: str) -> None:
        key, shape = ("pull_request", shapes.pull) if made.is_pull else ("issue", shapes.issue)
        payload = {"action": action, "number": made.number, key: shape(self.store, repository, made)}
        self.tell(repository, "pull_request" if made.is_pull else "issues", payload)

    def start_run(
        self, repository: Repository, *, name: str = "tests", sha: str = "", at: datetime | None = None
    ) -> Run:
        """Let CI begin on the newest commit of the default branch, or on another."""
        at = at or datetime.now(UTC)
        newest = repository.on_branch(repository.default_branch)[0]
        sha = sha or newest.sha
        number = sum(1 for run in repository.runs if run.name == name) + 1
        made = Run(
            self.store.next_id(),
            number,
            name,
            newest.message.partition("\n")[0],
            repository.default_branch,
            sha,
            at,
            at,
        )
        repository.runs.append(made)
        self._tell_run(repository, made, "requested")
        return made

    def move_run(
        self,
        repository: Repository,
        made: Run,
        status: str,
        conclusion: str | None = None,
        *,
        at: datetime | None = None,
    ) -> None:
        """Let a run go on (`in_progress`) or end (`completed` with a conclusion)."""
        made.status, made.conclusion, made.changed_at = status, conclusion, at or datetime.now(UTC)
        self._tell_run(repository, made, status)

    def _tell_run(self, repository: Repository, made: Run, action: str) -> None:
        payload = {"action": action, "workflow_run": shapes.run(repository, made), "workflow": {"name": made.name}}
        self.tell(repository, "workflow_run", payload)

    def rename(self, repository: Repository, name: str) -> None:
        """Give a repository another name; the old one leads to it."""
        before = repository.name
        self.store.moved[repository.full_name.lower()] = repository.id
        repository.name = name
        self.tell(
            repository, "repository", {"action": "renamed", "changes": {"repository": {"name": {"from": before}}}}
        )

    # --- Telling -------------------------------------------------------------------------------------------

    def add_hook(self, repository: Repository, config: dict[str, Any], events: list[str]) -> Hook:
        """Keep a webhook, and try it out: its first message is a ping."""
        secret, kind = str(config.get("secret") or ""), str(config.get("content_type") or "form")
        made = Hook(self.store.next_id(), str(config["url"]), secret, events, kind)
        repository.hooks.append(made)
        ping = {"zen": "Keep it logically awesome.", "hook_id": made.id, "hook": shapes.hook(repository, made)}
        threading.Thread(target=self._send, args=(repository, made, "ping", ping), daemon=True).start()
        return made

    def tell(self, repository: Repository, event: str, payload: dict[str, Any]) -> None:
        """Send an event to every webhook of a repository that wants it, once and without trying again."""
        if self.is_quiet:
            return
        for made in [made for made in repository.hooks if made.is_active and {event, "*"} & set(made.events)]:
            self._send(repository, made, event, payload)

    def _send(self, repository: Repository, made: Hook, event: str, payload: dict[str, Any]) -> None:
        whole = {
            "repository": shapes.repository(self.store, repository),
            "sender": shapes.user(self.store, repository.owner),
            **payload,
        }
        self.send(made, event, json.dumps(whole).encode())

    def send(self, made: Hook, event: str, body: bytes, *, delivery: str = "") -> Delivery:
        """Sign and post a body; give `delivery` to send one again."""
        number = delivery or str(uuid.uuid4())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/0123abc",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": number,
            "X-GitHub-Hook-ID": str(made.id),
            "X-GitHub-Hook-Installation-Target-Type": "repository",
        }
        if made.secret:
            digest = hmac.new(made.secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature-256"] = f"sha256={digest}"
        sent = Delivery(number, event, made.url, headers, body, _post(made.url, headers, body))
        self.deliveries.append(sent)
        return sent

    def redeliver(self, sent: Delivery) -> Delivery:
        """Send the very same once more, as a person can on the site within three days."""
        again = Delivery(
            sent.id, sent.event, sent.url, sent.headers, sent.body, _post(sent.url, sent.headers, sent.body)
        )
        self.deliveries.append(again)
        return again


def _post(url: str, headers: dict[str, str], body: bytes) -> int:
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310, whoever made the hook chose it
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0
