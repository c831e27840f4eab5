"""What workflows can ask about the repositories that assignments are worked on in: read only."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from coreengine.accounts.models import User
from coreengine.kernel.actions import ActionContext, system_action
from coreengine.kernel.statuses import Status
from courses.models import Assignment, AssignmentRepository
from courses.moments import Clock
from courses.reading_actions import due_words, one_line
from resources.models import Commit, Repository, RepositoryIssue

MOST_ROWS = 200
MARGIN = timedelta(hours=1)
"""What a source told a moment before the last reading may have appeared a moment after it."""


class LinkedRepositories(BaseModel):
    """The repositories that are linked to assignments."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field("", max_length=100, description="Only those of this source: connection:12")


class RepositoryDigest(BaseModel):
    """What happened in repositories, and which deadlines are at risk."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field("", max_length=100, description="Only repositories of this source: connection:12")
    within_hours: int = Field(default=168, ge=1, le=24 * 60, description="How far back to look")
    ahead_hours: int = Field(default=168, ge=1, le=24 * 60, description="How far ahead a deadline counts as near")


@system_action(
    "repositories.linked",
    params=LinkedRepositories,
    writes=False,
    summary="List the repositories that are linked to assignments",
)
def linked_repositories(context: ActionContext, params: LinkedRepositories) -> dict[str, Any]:
    """Give `{count, repositories: [{id, repository_id, source, owner, name, …}], abandoned: […]}`.

    `repository_id` is the source's; `since` is from when on a source has to be asked, null for all; `needs_archive`
    says that its last commit is not kept in the vault yet. `abandoned` are those that the source still tells of at
    once though no assignment is linked to them any more.
    """
    linked = _linked(context.owner, params.source)
    repositories = [_described(row) for row in linked[:MOST_ROWS]]
    live = _of_source(context.owner, params.source).exclude(hook_id="")
    abandoned = [_described(row) for row in live.exclude(pk__in=linked.order_by().values("pk"))[:MOST_ROWS]]
    return {"count": len(repositories), "repositories": repositories, "abandoned": abandoned}


def _described(row: Repository) -> dict[str, Any]:
    return {
        "id": row.pk,
        "repository_id": row.external_id,
        "source": row.source,
        "owner": row.namespace,
        "name": row.name,
        "full_name": row.full_name,
        "default_branch": row.default_branch,
        "since": (row.activity_at - MARGIN).isoformat() if row.activity_at else None,
        "sha": row.last_commit_sha,
        "needs_archive": bool(row.last_commit_sha) and row.last_commit_sha != row.archived_sha,
        "is_live": row.is_live,
        "url": row.get_absolute_url(),
    }


@system_action(
    "repositories.digest",
    params=RepositoryDigest,
    writes=False,
    summary="Sum up what was pushed, what is open, and where CI fails near a deadline",
)
def repository_digest(context: ActionContext, params: RepositoryDigest) -> dict[str, Any]:
    """Give `{count, pushed, at_risk, text, repositories}`; `text` is Markdown, what is at risk comes first.

    Read are the repositories that are linked to an assignment. At risk is work that is due soon and whose code fails
    its CI, or has none.
    """
    now = timezone.now()
    clock = Clock(now, context.owner.zone)
    repositories = list(_linked(context.owner, params.source)[:MOST_ROWS])
    pushes = _pushes(repositories, now - timedelta(hours=params.within_hours))
    risks = _risks(context.owner, repositories, now, now + timedelta(hours=params.ahead_hours))
    lines = []
    if risks:
        lines += ["**At risk**", *(_risk_line(repository, work, clock) for repository, work in risks), ""]
    told = [_line(repository, pushes.get(repository.pk, [])) for repository in repositories]
    lines += ["**Your repositories**", *told] if told else ["No repository is linked to an assignment yet."]
    return {
        "count": len(repositories),
        "pushed": sum(len(commits) for commits in pushes.values()),
        "at_risk": len(risks),
        "text": "\n".join(lines),
        "repositories": [repository.full_name for repository in repositories],
    }


def _of_source(owner: User, source: str) -> QuerySet[Repository]:
    rows = Repository.objects.visible_to(owner).present().for_list().order_by("full_name", "pk")
    return rows.from_source(source) if source else rows


def _linked(owner: User, source: str) -> QuerySet[Repository]:
    links = AssignmentRepository.objects.visible_to(owner).order_by().values("repository_id")
    return _of_source(owner, source).filter(pk__in=links)


def _pushes(repositories: list[Repository], since: datetime) -> dict[int, list[Commit]]:
    found: dict[int, list[Commit]] = defaultdict(list)
    for commit in Commit.objects.filter(repository__in=repositories, committed_at__gte=since):
        found[commit.repository_id].append(commit)
    return found


def _risks(
    owner: User, repositories: list[Repository], now: datetime, until: datetime
) -> list[tuple[Repository, Assignment]]:
    """Work that is due soon in repositories that fail or are empty, soonest first."""
    by_id = {repository.pk: repository for repository in repositories}
    failing = [row.pk for row in repositories if row.ci_status == Status.FAILED or not row.last_commit_sha]
    links = AssignmentRepository.objects.visible_to(owner).filter(repository__in=failing)
    due = Assignment.objects.visible_to(owner).present().outstanding(now).filter(due_at__gte=now, due_at__lt=until)
    work = {row.pk: row for row in due.filter(pk__in=links.order_by().values("assignment_id"))}
    found = [
        (by_id[repository], work[assignment])
        for assignment, repository in links.values_list("assignment_id", "repository_id")
        if assignment in work
    ]
    return sorted(found, key=lambda pair: (pair[1].due_at, pair[1].pk))


def _risk_line(repository: Repository, work: Assignment, clock: Clock) -> str:
    state = "has no commit yet" if not repository.last_commit_sha else "fails its CI"
    return f"- **{one_line(work.name)}**, {due_words(work.due_at, clock)}: {one_line(repository.full_name)} {state}"


def _line(repository: Repository, commits: list[Commit]) -> str:
    parts = [f"{len(commits)} commit{'' if len(commits) == 1 else 's'}" if commits else "nothing pushed"]
    if commits:
        parts.append(f"the last “{one_line(commits[0].title)}”")
    for count, word in (
        (repository.open_pull_count, RepositoryIssue.Kind.PULL.label.lower()),
        (repository.open_issue_count, RepositoryIssue.Kind.ISSUE.label.lower()),
    ):
        if count:
            parts.append(f"{count} open {word}{'' if count == 1 else 's'}")
    if repository.ci is not None:
        parts.append(repository.ci.label)
    return f"- **{one_line(repository.full_name)}**: {', '.join(parts)}"
