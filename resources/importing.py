"""Bringing a source's files in: what has to be fetched, what came, and what is gone there. Nothing is ever deleted.

A source tells its files in batches. `compare_files` says which of a batch have to be fetched, `import_files` takes
them in. A batch may be part of a sweep, a look at everything: what a whole sweep did not see is marked as missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from pydantic import BeforeValidator

from coreengine.accounts.models import User
from coreengine.kernel.errors import DomainError
from coreengine.kernel.events import EventDraft, record_many
from coreengine.kernel.importing.compare import NAMES_SAID, ImportResult, lock_source
from coreengine.kernel.importing.records import (
    Address,
    Name,
    Problem,
    Record,
    Short,
    Time,
    as_digest,
    as_text,
    cut,
    read_batch,
)
from resources.models import Resource
from resources.services import import_file, import_link

AREA = "files"
Folder = Annotated[str, BeforeValidator(as_text), BeforeValidator(lambda value: cut(1000)(str(value)))]
Version = Annotated[str, BeforeValidator(as_text), BeforeValidator(lambda value: cut(200)(str(value)))]


class FileRecord(Record):
    """A file as a source tells it. `keep` is what the student wants of it; `version` is the same as its bytes are."""

    name: Name
    folder: Folder = ""
    content_type: Short = ""
    size_bytes: Annotated[int, BeforeValidator(lambda value: value or 0)] = 0
    updated_at: Time = None
    version: Version = ""
    html_url: Address = ""
    keep: Literal["file", "link", "nothing"] = "file"
    reason: Short = ""
    blob: Annotated[str, BeforeValidator(as_digest)] = ""


@dataclass(frozen=True)
class Comparison:
    """What a batch needs: records whose bytes have to be fetched, and the rest."""

    needed: list[dict[str, Any]]
    rest: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return it as a step's result."""
        return {"needed": self.needed, "rest": self.rest, "unchanged": len(self.rest)}


@transaction.atomic
def compare_files(
    owner: User, *, source: str, files: list[Any], others: list[str] | None = None, sweep: str = ""
) -> Comparison:
    """Tell which files of a batch have to be fetched, because they are new or have other bytes than those here.

    `others` are ids that the source named without wanting them brought in. With a `sweep`, all of them count as seen.
    What the student put in the trash is not fetched again.
    """
    lock_source(owner, source, area=AREA)
    batch = read_batch(FileRecord, files)
    if sweep:
        seen = {*batch.named_ids, *map(str, others or [])}
        Resource.objects.filter(owner=owner, source=source, external_id__in=seen).update(external_seen=sweep[:40])
    known = _known(owner, source, [record.id for record in batch.records])
    needed, rest = set(), set()
    for record in batch.records:
        row = known.get(record.id)
        is_here = row is not None and (
            row.is_trashed or (row.kind == Resource.Kind.FILE and row.external_version == record.version != "")
        )
        (rest if record.keep != "file" or is_here else needed).add(record.id)
    said: dict[str, dict[str, Any]] = {
        str(item.get("id")): item for item in files if isinstance(item, dict) and item.get("id") is not None
    }
    return Comparison(
        [item for key, item in said.items() if key in needed], [item for key, item in said.items() if key in rest]
    )


@transaction.atomic
def import_files(
    owner: User,
    *,
    source: str,
    files: list[Any],
    by: User | None,
    removed: list[Any] | None = None,
    sweep: str = "",
    is_sweep_over: bool = False,
) -> ImportResult:
    """Make a batch of files ours; twice is harmless.

    A record with bytes becomes a file, one without a link to the source with the reason; bytes that are here stay. What
    the source says is `removed`, and at the end of a sweep all that it did not see, is marked as missing there. What
    the student changed stays: an own title, tags, notes, the trash.
    """
    lock_source(owner, source, area=AREA)
    batch = read_batch(FileRecord, files)
    result = ImportResult(problems=batch.problems)
    known = _known(owner, source, [record.id for record in batch.records])
    resources: list[dict[str, Any]] = []
    names: list[str] = []
    for record in batch.records:
        try:
            # One file that the vault refuses must not take the others with it.
            with transaction.atomic():
                row, outcome = _import_one(owner, source, record, known.get(record.id), by)
        except (DomainError, ValidationError) as error:
            reason = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            result.problems.append(Problem(-1, record.id, record.name, reason))
            continue
        if row is None:
            continue
        _note_origin(row, record, outcome, sweep)
        setattr(result, outcome, getattr(result, outcome) + 1)
        if outcome == "created" and len(names) < NAMES_SAID:
            names.append(row.title)
        if outcome != "unchanged":
            resources.append({"resource": row.pk, "folder": record.folder})
    gone = [str(item["id"]) for item in removed or [] if isinstance(item, dict) and item.get("id")]
    result.missing = _mark_missing(owner, source, gone, by)
    if sweep and is_sweep_over:
        result.missing += _mark_unseen(owner, source, sweep, by)
    result.extra = {"names": names, "resources": resources}
    return result


def _known(owner: User, source: str, ids: list[str]) -> dict[str, Resource]:
    rows = Resource.objects.filter(owner=owner, source=source, external_id__in=ids).select_related("blob").light()
    return {row.external_id: row for row in rows}


def _import_one(
    owner: User, source: str, record: FileRecord, row: Resource | None, by: User | None
) -> tuple[Resource | None, str]:
    """Bring one record in; None where nothing is wanted of it and nothing is here."""
    told = record.model_dump()
    if record.blob:
        return import_file(owner=owner, source=source, record=told, by=by)
    if row is not None and row.kind == Resource.Kind.FILE:
        # It may be called otherwise now; its bytes are here, and stay when the source gives them no more.
        return import_file(owner=owner, source=source, record={**told, "blob": row.blob.sha256}, by=by)  # type: ignore[union-attr]
    if record.keep == "nothing" and row is None:
        return None, "unchanged"
    return import_link(owner=owner, source=source, record=told, by=by)


def _note_origin(row: Resource, record: FileRecord, outcome: str, sweep: str) -> None:
    """Keep where it lies there, which bytes these are, and that it is there."""
    values: dict[str, Any] = {"external_folder": record.folder, "missing_since": None}
    if record.blob:
        values["external_version"] = record.version
    # A row that is in no sweep yet must not be taken for unseen by the one under way.
    values["external_seen"] = sweep[:40] or row.external_seen or "seen"
    if row.kind == Resource.Kind.LINK:
        values["extraction_reason"] = record.reason
    if record.updated_at:
        values["external_updated_at"] = record.updated_at
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    if changed:
        row.save(update_fields=changed)


def _mark_missing(owner: User, source: str, ids: list[str], by: User | None) -> int:
    rows = Resource.objects.filter(owner=owner, source=source, external_id__in=ids, missing_since=None)
    return _missing(owner, rows, by)


def _mark_unseen(owner: User, source: str, sweep: str, by: User | None) -> int:
    rows = Resource.objects.filter(owner=owner, source=source, missing_since=None).exclude(
        external_seen__in=["", sweep]
    )
    return _missing(owner, rows, by)


def _missing(owner: User, rows: Any, by: User | None) -> int:
    found = list(rows.light())
    drafts = [EventDraft("resource.missing", row, {"title": row.title}) for row in found]
    Resource.objects.filter(pk__in=[row.pk for row in found]).update(missing_since=timezone.now())
    record_many(drafts, actor=by, owner=owner)
    return len(found)
