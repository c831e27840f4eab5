"""What the small GitHub knows: people, tokens, repositories and what happened in them."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

LIMIT = 5_000


def written(moment: datetime) -> str:
    """A moment as GitHub writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Commit:
    sha: str
    message: str
    author: str
    at: datetime
    branch: str


@dataclass
class Issue:
    """An issue, or a pull request (`is_pull`)."""

    number: int
    title: str
    author: str
    opened_at: datetime
    changed_at: datetime
    is_pull: bool = False
    state: str = "open"
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    is_draft: bool = False
    branch: str = ""
    labels: list[str] = field(default_factory=list)


@dataclass
class Run:
    id: int
    number: int
    name: str
    title: str
    branch: str
    sha: str
    started_at: datetime
    changed_at: datetime
    status: str = "queued"
    conclusion: str | None = None
    attempt: int = 1


@dataclass
class File:
    """A file, a symlink (`target`) or a submodule (`module`)."""

    content: bytes = b""
    target: str = ""
    module: str = ""

    @property
    def sha(self) -> str:
        return hashlib.sha1(self.content + self.target.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Hook:
    id: int
    url: str
    secret: str
    events: list[str]
    content_type: str = "json"
    is_active: bool = True


@dataclass
class Repository:
    id: int
    owner: str
    name: str
    created_at: datetime
    description: str = ""
    language: str = "Python"
    topics: list[str] = field(default_factory=list)
    default_branch: str = "main"
    is_private: bool = False
    is_fork: bool = False
    is_archived: bool = False
    has_issues: bool = True
    is_blocked: bool = False
    administrators: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    commits: list[Commit] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def pushed_at(self) -> datetime:
        return max((commit.at for commit in self.commits), default=self.created_at)

    def on_branch(self, branch: str) -> list[Commit]:
        """The commits of a branch, newest first."""
        return [commit for commit in reversed(self.commits) if commit.branch == branch]

    def next_number(self) -> int:
        return len(self.issues) + 1


@dataclass
class Token:
    login: str
    scopes: str = "repo, read:user"
    client_id: str = ""
    limit: int = LIMIT
    used: int = 0
    reset_at: float = 0.0


@dataclass
class Store:
    """Everything, behind one lock."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    people: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    repositories: list[Repository] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)
    """Old full names, in small letters, and the id of the repository that had them."""
    numbers: Any = field(default_factory=lambda: itertools.count(1_000_001))

    def next_id(self) -> int:
        with self.lock:
            return next(self.numbers)

    def add_person(self, login: str) -> str:
        """Make an account; its personal token."""
        self.people.setdefault(login, self.next_id())
        token = f"github_pat_{secrets.token_hex(20)}"
        self.tokens[token] = Token(login)
        return token

    def add_repository(self, full_name: str, *, at: datetime | None = None, **fields: Any) -> Repository:
        owner, _, name = full_name.partition("/")
        self.people.setdefault(owner, self.next_id())
        made = Repository(self.next_id(), owner, name, at or datetime.now(UTC) - timedelta(days=60), **fields)
        made.administrators.add(owner)
        self.repositories.append(made)
        return made

    def find(self, full_name: str) -> Repository | None:
        """A repository by its present name, whatever its case."""
        wanted = full_name.lower()
        return next((found for found in self.repositories if found.full_name.lower() == wanted), None)

    def by_id(self, number: int) -> Repository | None:
        return next((found for found in self.repositories if found.id == number), None)

    def visible_to(self, repository: Repository, login: str | None) -> bool:
        return not repository.is_private or login in {repository.owner, *repository.members, *repository.administrators}
