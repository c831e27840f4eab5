"""Where the code of an assignment stands: the last commit and what CI made of it, for any number of rows at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from coreengine.database.kept_queries import KeptQuery
from courses.models import Assignment, AssignmentRepository
from courses.moments import ago
from resources.models import Repository
from resources.repositories.ci import CiWords, combined, words_of

READ = [
    f"repository__{name}"
    for name in ("full_name", "last_commit_at", "last_commit_title", "last_commit_sha", "ci_status", "owner_id")
]


@dataclass(frozen=True)
class CodeMark:
    """One line about the code of an assignment, whatever the number of its repositories."""

    text: str
    title: str
    url: str
    ci: CiWords | None


def read_repositories(assignments: Iterable[Assignment]) -> None:
    """Read the linked repositories of all these assignments in one query, into their `repositories`."""
    rows = list(assignments)
    if not rows:
        return
    found: dict[int, list[Repository]] = defaultdict(list)
    for link in _LINKS.objects(assignments=[row.pk for row in rows]):
        found[link.assignment_id].append(link.repository)
    for row in rows:
        row.repositories = found.get(row.pk, [])


def _links(assignments: int) -> QuerySet[AssignmentRepository]:
    rows = AssignmentRepository.objects.filter(assignment__pk__any_of=assignments).select_related("repository")
    return rows.only("assignment_id", *READ)


_LINKS = KeptQuery(_links, assignments=int)


def code_mark(assignment: Assignment, now: datetime) -> CodeMark | None:
    """Say where the code stands that `read_repositories` found; None where no repository is linked."""
    repositories: list[Repository] = getattr(assignment, "repositories", [])
    if not repositories:
        return None
    pushed = [repository for repository in repositories if repository.last_commit_at is not None]
    newest = max(pushed, key=_last_commit_at, default=None)
    if newest is None:
        return CodeMark("no commit yet", repositories[0].full_name, repositories[0].get_absolute_url(), None)
    return CodeMark(
        f"last commit {ago(_last_commit_at(newest), now)}",
        f"{newest.full_name}: {newest.last_commit_title}",
        newest.get_absolute_url(),
        words_of(combined(repository.ci_status for repository in pushed)),
    )


def _last_commit_at(repository: Repository) -> datetime:
    assert repository.last_commit_at is not None
    return repository.last_commit_at
