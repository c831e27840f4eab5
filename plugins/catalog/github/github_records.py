"""What GitHub sends, as records of our own: moments in UTC, ids as text, and nothing that may be missing is missed."""

from __future__ import annotations

from datetime import datetime, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    JSON = dict[str, Any]

UTC = timezone.utc  # noqa: UP017, plugins run on Python 3.9 too
MAX_MESSAGE = 10_000
MAX_PUSHED, MAX_PUSHED_MESSAGE = 20, 300
"""So much of one push is told: an event holds 64 KiB. A sync has the rest."""


# Plain values from fields that may be missing, null or of another type


def text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def objects(value: Any) -> list[JSON]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def part(raw: JSON, name: str) -> JSON:
    """An object inside another one; an empty one if there is none."""
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def moment(value: Any) -> str | None:
    """An ISO 8601 moment in UTC, to the second; some webhooks count seconds instead. None if there is none."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            parsed = datetime.fromtimestamp(value, UTC)
        else:
            parsed = datetime.fromisoformat(text(value).replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def web_address(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("https://") else ""


# Records


def repository_record(raw: JSON) -> JSON:
    return {
        "id": text(raw.get("id")),
        "full_name": text(raw.get("full_name")),
        "owner": text(part(raw, "owner").get("login")) or text(raw.get("full_name")).partition("/")[0],
        "name": text(raw.get("name")),
        "description": text(raw.get("description")),
        "html_url": web_address(raw.get("html_url")),
        "default_branch": text(raw.get("default_branch")),
        "language": text(raw.get("language")),
        "topics": [text(topic) for topic in raw.get("topics") or []],
        "is_private": raw.get("private") is True,
        "is_fork": raw.get("fork") is True,
        "is_archived": raw.get("archived") is True,
        "has_issues": raw.get("has_issues") is not False,
        "may_administer": part(raw, "permissions").get("admin") is True,
        "pushed_at": moment(raw.get("pushed_at")),
    }


def commit_record(raw: JSON, branch: str) -> JSON:
    commit = part(raw, "commit")
    return {
        "id": text(raw.get("sha")),
        "message": text(commit.get("message"))[:MAX_MESSAGE],
        "author": text(part(commit, "author").get("name")) or text(part(raw, "author").get("login")),
        "branch": branch,
        "html_url": web_address(raw.get("html_url")),
        "committed_at": moment(part(commit, "committer").get("date")) or moment(part(commit, "author").get("date")),
    }


def pushed_record(raw: JSON, branch: str) -> JSON:
    """A commit as a push tells it."""
    return {
        "id": text(raw.get("id")),
        "message": text(raw.get("message"))[:MAX_PUSHED_MESSAGE],
        "author": text(part(raw, "author").get("name")),
        "branch": branch,
        "html_url": web_address(raw.get("url")),
        "committed_at": moment(raw.get("timestamp")),
    }


def issue_record(raw: JSON) -> JSON:
    """An issue, or a pull request; of the latter a merge is a state of its own."""
    merged_at = raw.get("merged_at") or part(raw, "pull_request").get("merged_at")
    return {
        "id": text(raw.get("id")),
        "number": whole(raw.get("number")),
        "title": text(raw.get("title")) or "(no title)",
        "state": "merged" if merged_at else "closed" if raw.get("state") == "closed" else "open",
        "is_draft": raw.get("draft") is True,
        "author": text(part(raw, "user").get("login")),
        "labels": [text(label.get("name")) for label in objects(raw.get("labels"))],
        "branch": text(part(raw, "head").get("ref")),
        "html_url": web_address(raw.get("html_url")),
        "opened_at": moment(raw.get("created_at")),
        "closed_at": moment(raw.get("closed_at")),
        "updated_at": moment(raw.get("updated_at")),
    }


def run_record(raw: JSON) -> JSON:
    return {
        "id": text(raw.get("id")),
        "name": text(raw.get("name")) or "workflow",
        "title": text(raw.get("display_title")),
        "number": whole(raw.get("run_number")),
        "attempt": whole(raw.get("run_attempt")) or 1,
        "branch": text(raw.get("head_branch")),
        "sha": text(raw.get("head_sha")),
        "state": text(raw.get("status")),
        "conclusion": text(raw.get("conclusion")),
        "html_url": web_address(raw.get("html_url")),
        "started_at": moment(raw.get("run_started_at")) or moment(raw.get("created_at")),
        "updated_at": moment(raw.get("updated_at")),
    }


def suite_record(raw: JSON, repository: JSON) -> JSON:
    """A check suite of another service than GitHub's own, told as a run."""
    app = part(raw, "app")
    sha = text(raw.get("head_sha"))
    return {
        **run_record({**raw, "name": app.get("name") or "checks"}),
        "id": f"suite-{text(raw.get('id'))}",
        "html_url": web_address(f"{text(repository.get('html_url'))}/commit/{sha}/checks"),
    }


def entry_record(raw: JSON) -> JSON:
    """One file, folder, link or submodule; in a folder's list a submodule calls itself a file."""
    kind = text(raw.get("type"))
    if kind == "file" and "/git/trees/" in text(raw.get("git_url")):
        kind = "submodule"
    return {
        "type": {"dir": "directory"}.get(kind, kind),
        "name": text(raw.get("name")),
        "path": text(raw.get("path")),
        "sha": text(raw.get("sha")),
        "size_bytes": whole(raw.get("size")),
        "html_url": web_address(raw.get("html_url")),
        "target": text(raw.get("target")) or text(raw.get("submodule_git_url")),
    }


# What a webhook tells, as the records that it holds; None where there is nothing to take over


def told_push(payload: JSON, repository: JSON) -> JSON | None:
    kind, _, branch = text(payload.get("ref")).removeprefix("refs/").partition("/")
    if kind != "heads" or payload.get("deleted") is True:
        return None
    commits = objects(payload.get("commits"))[-MAX_PUSHED:]
    head = part(payload, "head_commit")
    if head and all(commit.get("id") != head.get("id") for commit in commits):
        commits.append(head)
    return {
        "commits": [pushed_record(raw, branch) for raw in commits],
        "branch": branch,
        "head_sha": text(payload.get("after")),
        "is_forced": payload.get("forced") is True,
    }


def told_issue(payload: JSON, repository: JSON) -> JSON:
    record = issue_record(part(payload, "issue"))
    if payload.get("action") in ("deleted", "transferred"):
        record["state"] = "closed"
    return {"issues": [record]}


def told_suite(payload: JSON, repository: JSON) -> JSON | None:
    suite = part(payload, "check_suite")
    if part(suite, "app").get("slug") == "github-actions":
        return None  # `workflow_run` tells more of the same
    return {"runs": [suite_record(suite, repository)]}


def told_repository(payload: JSON, repository: JSON) -> JSON | None:
    if payload.get("action") == "deleted":
        return None  # the next sync misses it
    return {"repositories": [repository_record(repository)]}


TOLD: dict[str, Callable[[JSON, JSON], JSON | None]] = {
    "push": told_push,
    "issues": told_issue,
    "pull_request": lambda payload, repository: {"pulls": [issue_record(part(payload, "pull_request"))]},
    "workflow_run": lambda payload, repository: {"runs": [run_record(part(payload, "workflow_run"))]},
    "check_suite": told_suite,
    "repository": told_repository,
}
