"""Importing repositories: what a source lists, compared with what is stored; nothing is ever deleted."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import EventDraft, record_many
from coreengine.kernel.importing.compare import (
    BATCH,
    NAMES_SAID,
    ImportResult,
    apply,
    differences,
    lock_source,
    said,
    write_changed,
)
from coreengine.kernel.importing.records import read_batch
from resources.repositories.errors import RepositoryNotImported
from resources.repositories.models import Repository
from resources.repositories.records import RepositoryRecord

AREA = "repositories"
# Moves with every push: the push itself is told, by `repository.pushed`.
UNTOLD = {"pushed_at"}


@transaction.atomic
def import_repositories(
    owner: User, *, source: str, repositories: list[Any], by: Any, is_complete: bool = True
) -> ImportResult:
    """Make the repositories of a source ours: create, update, mark the vanished. Twice is harmless.

    With `is_complete` the list is all that the source has, so that what it leaves out is marked as missing there.
    """
    lock_source(owner, source, area=AREA)
    batch = read_batch(RepositoryRecord, repositories)
    rows = Repository.objects.filter(owner=owner).from_source(source).defer("search_vector")
    known = {row.external_id: row for row in rows}
    is_baseline = not known
    result = ImportResult(problems=batch.problems)
    created: list[Repository] = []
    changed: list[Repository] = []
    fields: set[str] = set()
    drafts: list[EventDraft] = []
    now = timezone.now()
    for record in batch.records:
        values = {**record.model_dump(exclude={"id"}), "missing_since": None}
        row = known.get(record.id)
        if row is None:
            row = Repository(owner=owner, source=source, external_id=record.id, **values)
            created.append(row)
            drafts.append(EventDraft("repository.created", row, {**facts(row), "baseline": is_baseline}))
            continue
        changes = differences(row, values)
        if not changes:
            result.unchanged += 1
            continue
        apply(row, {**values, "updated_at": now})
        changed.append(row)
        fields |= changes.keys()
        if told := {name: change for name, change in changes.items() if name not in UNTOLD}:
            drafts.append(EventDraft("repository.updated", row, {**facts(row), "changes": said(told)}))
    Repository.objects.bulk_create(created, batch_size=BATCH)
    write_changed(Repository, changed, fields | {"updated_at"})
    if is_complete:
        gone = [row for key, row in known.items() if key not in batch.named_ids and row.missing_since is None]
        Repository.objects.filter(pk__in=[row.pk for row in gone]).update(missing_since=now, updated_at=now)
        drafts += [EventDraft("repository.missing", row, facts(row)) for row in gone]
        result.missing = len(gone)
    record_many(drafts, actor=by, owner=owner)
    result.created, result.changed = len(created), len(changed)
    known.update({row.external_id: row for row in created})
    result.extra = {
        "ids": {record.id: known[record.id].pk for record in batch.records},
        "names": [row.full_name for row in created[:NAMES_SAID]],
    }
    return result


def imported_repository(owner: User, *, source: str, repository_id: str, lock: bool = False) -> Repository:
    """Find the repository that a source knows by this id.

    Raises:
        RepositoryNotImported: there is none.
    """
    rows = Repository.objects.filter(owner=owner, external_id=repository_id).from_source(source).defer("search_vector")
    found = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if found is None:
        raise RepositoryNotImported(
            f"Repository {repository_id} of {source} is not here yet: import the repositories first."
        )
    return found


def facts(repository: Repository) -> dict[str, Any]:
    """What every event about a repository says of it."""
    return {
        "name": repository.full_name,
        "source": repository.source,
        "external_id": repository.external_id,
    }
