"""Importing what happens in a repository: commits, issues, pull requests, CI runs.

A sync and a webhook tell the same things, often at the same time and not always in order, so a record never
replaces a newer one: issues and runs are compared by when they changed at the source, and a run that is over does
not go on again unless it is a new attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from coreengine.kernel.importing.compare import BATCH, ImportResult, apply, differences, lock_source, write_changed
from coreengine.kernel.importing.records import Problem, read_batch
from coreengine.kernel.statuses import FINISHED
from resources.repositories.ci import combined
from resources.repositories.importing import AREA, facts, imported_repository
from resources.repositories.models import CiRun, Commit, Repository, RepositoryIssue
from resources.repositories.records import CommitRecord, IssueRecord, RunRecord

KEPT_COMMITS = 500
KEPT_RUNS = 200
NO_COMMIT = "0" * 40
SUMMARY = [
    *("last_commit_sha", "last_commit_title", "last_commit_author", "last_commit_at", "last_commit_url"),
    *("ci_status", "ci_url", "ci_at", "open_issue_count", "open_pull_count"),
]


@dataclass(frozen=True)
class Told:
    """What a source told of one repository, as it came. `head_sha` is what `branch` points to now."""

    commits: list[Any] = field(default_factory=list)
    issues: list[Any] = field(default_factory=list)
    pulls: list[Any] = field(default_factory=list)
    runs: list[Any] = field(default_factory=list)
    branch: str = ""
    head_sha: str = ""
    is_forced: bool = False
    note: str | None = None


@transaction.atomic
def import_activity(owner: User, *, source: str, repository_id: str, told: Told, by: Any) -> ImportResult:
    """Take over what a source told of one of its repositories; twice is harmless, and the order does not matter.

    Whatever is told may be a part: nothing is taken for vanished. A `head_sha` that `is_forced` is where the default
    branch stands now, whatever was there before; otherwise a commit moves it only forward in time.

    Raises:
        RepositoryNotImported: the repository is not here.
    """
    lock_source(owner, source, area=AREA)
    repository = imported_repository(owner, source=source, repository_id=repository_id, lock=True)
    is_baseline = repository.activity_at is None
    before = {name: getattr(repository, name) for name in SUMMARY}
    result = ImportResult()
    drafts: list[EventDraft] = []
    new_commits = _take_commits(repository, told, result)
    for kind, records in ((RepositoryIssue.Kind.ISSUE, told.issues), (RepositoryIssue.Kind.PULL, told.pulls)):
        drafts += _take_issues(repository, kind, records, result, is_baseline)
    _take_runs(repository, told.runs, result)
    _sum_up(repository, told)
    if told.note is not None:
        repository.activity_note = told.note[:500]
    repository.activity_at = timezone.now()
    repository.save(update_fields=[*SUMMARY, "pushed_at", "activity_note", "activity_at"])
    drafts += _news(repository, before, new_commits, is_baseline)
    record_many(drafts, actor=by, owner=owner)
    result.extra = {
        "repository": repository.pk,
        "name": repository.full_name,
        "commits": len(new_commits),
        "ci_status": repository.ci_status,
        "ci_changed": before["ci_status"] != repository.ci_status,
    }
    return result


def _take_commits(repository: Repository, told: Told, result: ImportResult) -> list[Commit]:
    batch = read_batch(CommitRecord, told.commits)
    result.problems += _about("commits", batch.problems)
    known = {row.sha: row for row in repository.commits.filter(sha__in=[record.id for record in batch.records])}
    new: list[Commit] = []
    for record in batch.records:
        row = known.get(record.id)
        branch = record.branch or told.branch
        if row is None:
            values = record.model_dump(exclude={"id", "branch"})
            new.append(Commit(repository=repository, sha=record.id, branch=branch, **values))
        elif changes := _learnt(row, record, branch, repository):
            apply(row, changes)
            row.save(update_fields=list(changes))
            result.changed += 1
        else:
            result.unchanged += 1
    Commit.objects.bulk_create(new, batch_size=BATCH)
    result.created += len(new)
    _forget_old(repository.commits.order_by("-committed_at", "-pk"), KEPT_COMMITS)
    return new


def _learnt(row: Commit, record: CommitRecord, branch: str, repository: Repository) -> dict[str, Any]:
    """What is new about a commit that is known: that it has arrived in the branch that counts, or all of its message.

    A webhook may tell the beginning of a message only.
    """
    learnt: dict[str, Any] = {}
    if branch == repository.default_branch != row.branch:
        learnt["branch"] = branch
    if len(record.message) > len(row.message):
        learnt["message"] = record.message
    return learnt


def _take_issues(
    repository: Repository, kind: str, raw: list[Any], result: ImportResult, is_baseline: bool
) -> list[EventDraft]:
    batch = read_batch(IssueRecord, raw)
    result.problems += _about(f"{kind}s", batch.problems)
    numbers = [record.number for record in batch.records]
    known = {row.number: row for row in repository.issues.filter(number__in=numbers).defer("search_vector")}
    new: list[RepositoryIssue] = []
    changed: list[RepositoryIssue] = []
    fields: set[str] = set()
    drafts: list[EventDraft] = []
    for record in batch.records:
        values = {
            **record.model_dump(exclude={"id", "number", "state", "updated_at"}),
            "kind": kind,
            "state": _issue_state(record.state),
            "changed_at": record.updated_at,
        }
        row = known.get(record.number)
        if row is not None and row.changed_at > record.updated_at:
            result.unchanged += 1
            continue
        moved = row is None or row.state != values["state"]
        if row is None:
            row = RepositoryIssue(repository=repository, number=record.number, **values)
            new.append(row)
        elif changes := differences(row, values):
            apply(row, values)
            changed.append(row)
            fields |= changes.keys()
        else:
            result.unchanged += 1
        if moved and not is_baseline:
            data = {"number": row.number, "title": row.title, "state": row.state, "url": row.html_url}
            drafts.append(EventDraft(f"repository.{kind}_changed", repository, {**facts(repository), **data}))
    RepositoryIssue.objects.bulk_create(new, batch_size=BATCH)
    write_changed(RepositoryIssue, changed, fields)
    result.created += len(new)
    result.changed += len(changed)
    return drafts


def _issue_state(word: str) -> str:
    return word if word in RepositoryIssue.State.values else RepositoryIssue.State.OPEN


def _take_runs(repository: Repository, raw: list[Any], result: ImportResult) -> None:
    batch = read_batch(RunRecord, raw)
    result.problems += _about("runs", batch.problems)
    ids = [record.id for record in batch.records]
    known = {row.external_id: row for row in repository.ci_runs.filter(external_id__in=ids)}
    new: list[CiRun] = []
    changed: list[CiRun] = []
    fields: set[str] = set()
    for record in batch.records:
        values = {
            **record.model_dump(exclude={"id", "state", "conclusion", "updated_at"}),
            "status": record.status,
            "changed_at": record.updated_at,
        }
        row = known.get(record.id)
        if row is None:
            new.append(CiRun(repository=repository, external_id=record.id, **values))
        elif _is_older(record, row) or not (changes := differences(row, values)):
            result.unchanged += 1
        else:
            apply(row, values)
            changed.append(row)
            fields |= changes.keys()
    CiRun.objects.bulk_create(new, batch_size=BATCH)
    write_changed(CiRun, changed, fields)
    result.created += len(new)
    result.changed += len(changed)
    _forget_old(repository.ci_runs.order_by("-started_at", "-pk"), KEPT_RUNS)


def _is_older(record: RunRecord, row: CiRun) -> bool:
    """Say whether a record tells of an earlier moment of a run than is known."""
    if record.attempt != row.attempt:
        return record.attempt < row.attempt
    if row.status in FINISHED and record.status not in FINISHED:
        return True
    return record.updated_at < row.changed_at


def _sum_up(repository: Repository, told: Told) -> None:
    """Work out what lists show: the newest commit of the default branch, what CI made of it, what is open."""
    head = _head(repository, told)
    if head is not None:
        repository.last_commit_sha, repository.last_commit_title = head.sha, head.title
        repository.last_commit_author, repository.last_commit_at = head.author, head.committed_at
        repository.last_commit_url = head.html_url
        repository.pushed_at = max(repository.pushed_at or head.committed_at, head.committed_at)
    _sum_up_ci(repository)
    open_ones = repository.issues.still_open().aggregate(
        issues=Count("pk", filter=Q(kind=RepositoryIssue.Kind.ISSUE)),
        pulls=Count("pk", filter=Q(kind=RepositoryIssue.Kind.PULL)),
    )
    repository.open_issue_count, repository.open_pull_count = open_ones["issues"], open_ones["pulls"]


def _head(repository: Repository, told: Told) -> Commit | None:
    """Find the commit that the default branch stands at."""
    named = None
    if told.head_sha not in ("", NO_COMMIT) and told.branch in ("", repository.default_branch):
        named = repository.commits.filter(sha=told.head_sha).first()
        if named is not None and told.is_forced:
            return named
    current = repository.commits.filter(sha=repository.last_commit_sha).first()
    if candidates := [commit for commit in (named, current) if commit is not None]:
        return max(candidates, key=_moment)
    return repository.commits.filter(branch__in=["", repository.default_branch]).first()


def _moment(commit: Commit) -> datetime:
    return commit.committed_at


def _sum_up_ci(repository: Repository) -> None:
    """Combine the runs over the newest commit, of each kind the latest; what ran over others says nothing of it."""
    latest: dict[str, CiRun] = {}
    for run in repository.ci_runs.filter(sha=repository.last_commit_sha).exclude(sha=""):
        known = latest.get(run.name)
        if known is None or (run.number, run.attempt) > (known.number, known.attempt):
            latest[run.name] = run
    repository.ci_status = combined(run.status for run in latest.values())
    deciding = [run for run in latest.values() if run.status == repository.ci_status]
    newest = max(deciding, key=lambda run: run.changed_at, default=None)
    repository.ci_url = newest.html_url if newest else ""
    repository.ci_at = newest.changed_at if newest else None


def _news(
    repository: Repository, before: dict[str, Any], new_commits: list[Commit], is_baseline: bool
) -> list[EventDraft]:
    """What a student, or a workflow of theirs, may want to hear of; nothing when it is all new to us."""
    if is_baseline:
        return []
    drafts = []
    if new_commits:
        newest = max(new_commits, key=_moment)
        data = {
            "count": len(new_commits),
            "branch": newest.branch or repository.default_branch,
            "sha": newest.sha,
            "title": newest.title,
            "author": newest.author,
            "url": newest.html_url,
        }
        drafts.append(EventDraft("repository.pushed", repository, {**facts(repository), **data}))
    if before["ci_status"] != repository.ci_status:
        data = {"before": before["ci_status"], "after": repository.ci_status, "url": repository.ci_url}
        drafts.append(EventDraft("repository.ci_changed", repository, {**facts(repository), **data}))
    return drafts


def _about(part: str, problems: list[Problem]) -> list[Problem]:
    return [Problem(problem.index, problem.id, problem.name, f"{part}: {problem.reason}") for problem in problems]


def _forget_old(rows: Any, kept: int) -> None:
    """Let go of what is older than anybody scrolls; the source still has it."""
    model = rows.model
    if too_old := list(rows.values_list("pk", flat=True)[kept:]):
        model._default_manager.filter(pk__in=too_old).delete()
