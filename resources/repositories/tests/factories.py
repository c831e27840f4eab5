"""Repositories and records of them as a source sends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from resources.repositories.activity import Told, import_activity
from resources.repositories.importing import import_repositories
from resources.repositories.models import Repository

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SOURCE = "connection:1"


def at(hours: float) -> str:
    """A moment so many hours from NOW, as a source writes it."""
    return (NOW + timedelta(hours=hours)).isoformat()


def sha(letter: str) -> str:
    """A commit's hash made of one letter from a to f."""
    return letter * 40


def repository_record(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "full_name": f"mira/project-{number}",
        "description": "A scheduler for the operating systems course",
        "html_url": f"https://github.com/mira/project-{number}",
        "default_branch": "main",
        "language": "C",
        "topics": ["kernel"],
        "pushed_at": at(-5),
        **fields,
    }


def commit_record(letter: str, hours: float, **fields: Any) -> dict[str, Any]:
    return {
        "id": sha(letter),
        "message": f"Commit {letter}\n\nWhy it was made.",
        "author": "Mira Kaya",
        "html_url": f"https://github.com/mira/project-1/commit/{sha(letter)}",
        "committed_at": at(hours),
        **fields,
    }


def issue_record(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": 9000 + number,
        "number": number,
        "title": f"Issue {number}",
        "state": "open",
        "author": "mira",
        "labels": ["bug"],
        "html_url": f"https://github.com/mira/project-1/issues/{number}",
        "opened_at": at(-50),
        "updated_at": at(-40),
        **fields,
    }


def run_record(number: int, letter: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": 700 + number,
        "name": "tests",
        "number": number,
        "branch": "main",
        "sha": sha(letter),
        "state": "completed",
        "conclusion": "success",
        "html_url": f"https://github.com/mira/project-1/actions/runs/{700 + number}",
        "started_at": at(-4),
        "updated_at": at(-3),
        **fields,
    }


def make_repository(owner: Any, number: int = 1, *, source: str = SOURCE, **fields: Any) -> Repository:
    """A repository as an import leaves it."""
    record = repository_record(number, **fields)
    import_repositories(owner, source=source, repositories=[record], by=owner, is_complete=False)
    return Repository.objects.get(owner=owner, source=source, external_id=str(number))


def tell(repository: Repository, **told: Any) -> Repository:
    """Import something that happened in a repository; the repository as it is then."""
    import_activity(
        repository.owner,
        source=repository.source,
        repository_id=repository.external_id,
        told=Told(**told),
        by=repository.owner,
    )
    repository.refresh_from_db()
    return repository
