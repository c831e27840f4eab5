"""Changes to repositories beside their imports."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from coreengine.kernel.errors import DomainError
from coreengine.kernel.events import record
from coreengine.kernel.importing.compare import ImportResult
from coreengine.kernel.importing.records import Problem
from resources.repositories.importing import facts
from resources.repositories.models import Repository
from resources.services import import_file


@transaction.atomic
def set_webhook(repository: Repository, *, webhook_id: str, problem: str = "", by: Any) -> Repository:
    """Note the webhook by which the source tells us what happens at once; none, and the reason, where it cannot."""
    repository = Repository.objects.select_for_update(of=("self",)).defer("search_vector").get(pk=repository.pk)
    problem = problem[:500]
    if (repository.hook_id, repository.hook_problem) != (webhook_id, problem):
        repository.hook_id, repository.hook_problem = webhook_id, problem
        repository.save(update_fields=["hook_id", "hook_problem"])
        data = {**facts(repository), "is_live": repository.is_live, "problem": problem}
        record("repository.webhook_changed", actor=by, subject=repository, data=data)
    return repository


@transaction.atomic
def keep_files(repository: Repository, *, files: list[Any], sha: str = "", by: Any) -> ImportResult:
    """Put files of a repository into the vault, each with its `blob`; the same file again is brought up to date.

    With `sha` all of that commit is kept then, so that it need not be fetched again.
    """
    result = ImportResult()
    ids: dict[str, int] = {}
    for index, found in enumerate(files):
        name = str(found.get("name", "")) if isinstance(found, dict) else ""
        try:
            if not isinstance(found, dict) or not found.get("id"):
                raise ValidationError("A file is an object with an id.")
            described = {**found, "id": f"{repository.external_id}:{found['id']}"}
            # One file that the vault refuses must not take the others with it.
            with transaction.atomic():
                resource, outcome = import_file(
                    owner=repository.owner, source=repository.source, record=described, by=by
                )
        except (DomainError, ValidationError) as error:
            reason = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            result.problems.append(Problem(index, "", name, reason))
            continue
        ids[str(found["id"])] = resource.pk
        setattr(result, outcome, getattr(result, outcome) + 1)
    if sha and not result.problems:
        Repository.objects.filter(pk=repository.pk).update(archived_sha=sha)
    result.extra = {"ids": ids}
    return result
