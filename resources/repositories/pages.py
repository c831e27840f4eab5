"""What the pages of repositories show."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.html import escape

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, containing, owner_with
from coreengine.kernel.screens import SearchHit
from coreengine.kernel.typing import Request
from resources.groupings import Choice
from resources.repositories.filters import RepositoryFilter
from resources.repositories.labels import labels_of
from resources.repositories.models import CiRun, Commit, Repository, RepositoryIssue

LIST_SIZE = 50
COMMITS_SHOWN = 12
ISSUES_SHOWN = 8
RUNS_SHOWN = 8
POLL_SOON_S, POLL_S = 5, 20


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    repository: Repository
    labels: list[Choice]


@dataclass(frozen=True)
class RepositoryList:
    rows: list[Row]
    page: Page
    words: str
    has_any: bool

    @property
    def count_text(self) -> str:
        count = self.page.paginator.count
        return f"{count:,} {'repository' if count == 1 else 'repositories'}"


def repository_list(request: Request) -> RepositoryList:
    """Build the list from the address: q, page. What moved last comes first."""
    own = Repository.objects.visible_to(request.user)
    found = RepositoryFilter(request.GET, queryset=own, request=request).qs
    page = Paginator(found.for_list().latest_first(), LIST_SIZE).get_page(request.GET.get("page"))
    labels = labels_of(request.user, [repository.pk for repository in page])
    rows = [Row(repository, labels.get(repository.pk, [])) for repository in page]
    return RepositoryList(rows, page, request.GET.get("q", "").strip(), bool(rows) or own.exists())


@dataclass(frozen=True)
class RepositoryPage:
    """One repository with the newest of everything."""

    repository: Repository
    commits: list[Commit]
    pulls: list[RepositoryIssue]
    issues: list[RepositoryIssue]
    runs: list[CiRun]
    poll_s: int

    @property
    def is_quiet(self) -> bool:
        """Say whether nothing of it has been read."""
        return not (self.commits or self.pulls or self.issues or self.runs)


def repository_page(repository: Repository) -> RepositoryPage:
    """Gather a repository in four queries; followed live, or with CI under way, its page looks again by itself."""
    open_ones = repository.issues.still_open().defer("search_vector")
    is_under_way = repository.ci_status in ("pending", "running")
    return RepositoryPage(
        repository,
        list(repository.commits.all()[:COMMITS_SHOWN]),
        list(open_ones.pulls()[:ISSUES_SHOWN]),
        list(open_ones.issues()[:ISSUES_SHOWN]),
        list(repository.ci_runs.all()[:RUNS_SHOWN]),
        POLL_SOON_S if is_under_way else POLL_S if repository.is_live else 0,
    )


def search_repositories(user: User, words: str, limit: int) -> list[SearchHit]:
    """Search the names and descriptions of repositories, and the titles of what is asked for in them."""
    repositories = _FOUND.objects(owner=user.pk, words=words, pattern=containing(words.strip()), limit=limit)
    hits = [
        SearchHit(
            title=repository.full_name,
            url=repository.get_absolute_url(),
            snippet_html=escape(repository.description[:180]),
            kind="folder-git-2",
            meta=" · ".join(filter(None, [repository.language, repository.ci.label if repository.ci else ""])),
            rank=repository.rank,
        )
        for repository in repositories
    ]
    issues = _FOUND_ISSUES.objects(owner=user.pk, words=words, limit=limit)
    hits += [
        SearchHit(
            title=f"{issue.title} #{issue.number}",
            url=f"{issue.repository.get_absolute_url()}#{issue.kind}s",
            kind=issue.icon,
            meta=f"{issue.repository.full_name} · {issue.get_state_display().lower()}",
            rank=issue.rank,
        )
        for issue in issues[: max(0, limit - len(hits))]
    ]
    return hits


def _found(owner: int, words: str, pattern: str, limit: int) -> QuerySet[Repository]:
    return Repository.objects.visible_to(owner_with(owner)).matching(words, pattern).for_list()[:limit]


def _found_issues(owner: int, words: str, limit: int) -> QuerySet[RepositoryIssue]:
    rows = RepositoryIssue.objects.visible_to(owner_with(owner)).matching(words).select_related("repository")
    columns = ("title", "number", "kind", "state", "html_url", "repository__full_name", "repository__owner_id")
    return rows.only(*columns)[:limit]


_FOUND = KeptQuery(_found, owner=int, words=str, pattern=str)
_FOUND_ISSUES = KeptQuery(_found_issues, owner=int, words=str)
