"""The objects of the REST API and of webhooks, with the fields that docs.github.com documents."""

from __future__ import annotations

import base64
from typing import Any

from .store import Commit, File, Hook, Issue, Repository, Run, Store, written

JSON = dict[str, Any]
SITE = "https://github.com"
API = "https://api.github.com"


def user(store: Store, login: str) -> JSON:
    return {
        "login": login,
        "id": store.people.get(login, 0),
        "type": "User",
        "url": f"{API}/users/{login}",
        "html_url": f"{SITE}/{login}",
    }


def repository(store: Store, found: Repository, login: str | None = None) -> JSON:
    administers = login in found.administrators
    return {
        "id": found.id,
        "name": found.name,
        "full_name": found.full_name,
        "owner": user(store, found.owner),
        "private": found.is_private,
        "visibility": "private" if found.is_private else "public",
        "html_url": f"{SITE}/{found.full_name}",
        "url": f"{API}/repos/{found.full_name}",
        "description": found.description or None,
        "fork": found.is_fork,
        "archived": found.is_archived,
        "disabled": False,
        "language": found.language or None,
        "topics": found.topics,
        "default_branch": found.default_branch,
        "has_issues": found.has_issues,
        "open_issues_count": sum(1 for issue in found.issues if issue.state == "open"),
        "created_at": written(found.created_at),
        "updated_at": written(found.pushed_at),
        "pushed_at": written(found.pushed_at),
        "permissions": {"admin": administers, "push": True, "pull": True},
    }


def commit(store: Store, found: Repository, made: Commit) -> JSON:
    person = {"name": made.author, "email": "student@example.edu", "date": written(made.at)}
    return {
        "sha": made.sha,
        "url": f"{API}/repos/{found.full_name}/commits/{made.sha}",
        "html_url": f"{SITE}/{found.full_name}/commit/{made.sha}",
        "commit": {"message": made.message, "author": person, "committer": person, "comment_count": 0},
        "author": user(store, found.owner),
        "committer": user(store, found.owner),
        "parents": [],
    }


def issue(store: Store, found: Repository, made: Issue) -> JSON:
    """One entry of the list of issues, where pull requests stand too."""
    kind = "pull" if made.is_pull else "issues"
    shape: JSON = {
        "id": found.id * 1000 + made.number,
        "number": made.number,
        "title": made.title,
        "state": made.state,
        "draft": made.is_draft,
        "user": user(store, made.author),
        "labels": [{"id": index, "name": label, "color": "ededed"} for index, label in enumerate(made.labels, 1)],
        "comments": 0,
        "html_url": f"{SITE}/{found.full_name}/{kind}/{made.number}",
        "created_at": written(made.opened_at),
        "updated_at": written(made.changed_at),
        "closed_at": written(made.closed_at) if made.closed_at else None,
    }
    if made.is_pull:
        merged_at = written(made.merged_at) if made.merged_at else None
        shape["pull_request"] = {"url": f"{API}/repos/{found.full_name}/pulls/{made.number}", "merged_at": merged_at}
    return shape


def pull(store: Store, found: Repository, made: Issue) -> JSON:
    """One entry of the list of pull requests."""
    shape = {key: value for key, value in issue(store, found, made).items() if key != "pull_request"}
    return {
        **shape,
        "merged_at": written(made.merged_at) if made.merged_at else None,
        "head": {"ref": made.branch, "label": f"{found.owner}:{made.branch}"},
        "base": {"ref": found.default_branch},
    }


def run(found: Repository, made: Run) -> JSON:
    return {
        "id": made.id,
        "name": made.name,
        "display_title": made.title,
        "run_number": made.number,
        "run_attempt": made.attempt,
        "event": "push",
        "status": made.status,
        "conclusion": made.conclusion,
        "head_branch": made.branch,
        "head_sha": made.sha,
        "workflow_id": 7,
        "check_suite_id": made.id + 1,
        "html_url": f"{SITE}/{found.full_name}/actions/runs/{made.id}",
        "created_at": written(made.started_at),
        "run_started_at": written(made.started_at),
        "updated_at": written(made.changed_at),
    }


def entry(found: Repository, path: str, file: File | None, *, is_listed: bool) -> JSON:
    """A file, folder (`file` is None), symlink or submodule; in a list without its content."""
    kind = "dir" if file is None else "symlink" if file.target else "submodule" if file.module else "file"
    tree = "trees" if kind in ("dir", "submodule") else "blobs"
    sha = file.sha if file else "0" * 40
    home = f"{API}/repos/{found.full_name}"
    shape: JSON = {
        # Listed submodules call themselves files, for the sake of old programs.
        "type": "file" if is_listed and kind == "submodule" else kind,
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": len(file.content) if file and kind == "file" else 0,
        "url": f"{home}/contents/{path}?ref={found.default_branch}",
        "html_url": f"{SITE}/{found.full_name}/{'tree' if tree == 'trees' else 'blob'}/{found.default_branch}/{path}",
        "git_url": f"{API}/repos/{file.module if file and file.module else found.full_name}/git/{tree}/{sha}",
        "download_url": None,
    }
    if file is None or is_listed:
        return shape
    if kind == "symlink":
        return {**shape, "target": file.target}
    if kind == "submodule":
        return {**shape, "submodule_git_url": f"git://github.com/{file.module}.git"}
    is_inline = len(file.content) <= 2**20
    return {
        **shape,
        "encoding": "base64" if is_inline else "none",
        "content": base64.encodebytes(file.content).decode() if is_inline else "",
    }


def hook(found: Repository, made: Hook) -> JSON:
    home = f"{API}/repos/{found.full_name}/hooks/{made.id}"
    return {
        "type": "Repository",
        "id": made.id,
        "name": "web",
        "active": made.is_active,
        "events": made.events,
        "config": {"url": made.url, "content_type": made.content_type, "secret": "********", "insecure_ssl": "0"},
        "url": home,
        "ping_url": f"{home}/pings",
        "deliveries_url": f"{home}/deliveries",
    }


def push(store: Store, found: Repository, branch: str, made: list[Commit], before: str, *, forced: bool) -> JSON:
    """The payload of a push; its times have the zone of whoever pushed, and `pushed_at` counts seconds."""
    commits = [
        {
            "id": each.sha,
            "message": each.message,
            "timestamp": each.at.isoformat(timespec="seconds"),
            "url": f"{SITE}/{found.full_name}/commit/{each.sha}",
            "author": {"name": each.author, "email": "student@example.edu", "username": found.owner},
            "committer": {"name": each.author, "email": "student@example.edu", "username": found.owner},
            "distinct": True,
            "added": [],
            "removed": [],
            "modified": [],
        }
        for each in made
    ]
    after = made[-1].sha if made else "0" * 40
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "created": False,
        "deleted": not made,
        "forced": forced,
        "commits": commits,
        "head_commit": commits[-1] if commits else None,
        "pusher": {"name": found.owner, "email": "student@example.edu"},
        "repository": {**repository(store, found), "pushed_at": int(found.pushed_at.timestamp())},
        "sender": user(store, found.owner),
    }
