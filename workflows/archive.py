"""Executions that are long over leave the tables for a file, and can be read from there.

A batch belongs to one student. Its file is written from one snapshot of the database, stored, read again and
verified; then, in one transaction, the rows are locked, found unchanged, removed, and a line for each stays behind.
A crash in between leaves a file that nobody refers to, which the sweep of blobs removes.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel import blobs
from coreengine.kernel.events import retire_streams
from coreengine.kernel.models import Blob
from workflows.archive_file import FORMAT, Line, Verified, pack, verify
from workflows.errors import ExecutionArchived
from workflows.models import (
    ArchivedExecution,
    Execution,
    ExecutionArchive,
    LoopItem,
    StepExecution,
    Workflow,
    WorkflowVersion,
)
from workflows.rebuild import SUBJECT, snapshot

logger = logging.getLogger(__name__)

IN_ONE_FILE = 200
AT_ONCE = 5_000
ROWS_AT_ONCE = 500
NIGHTLY_S = 600.0
CONTENT_TYPE = "application/gzip"

EVENTS = """
SELECT subject_id::bigint, sequence, time, type, subject_type, actor_id, owner_id, cause, salt, data_digest, hash,
       data::text
FROM kernel_event WHERE subject_type = %s AND subject_id = ANY(%s) ORDER BY subject_id::bigint, sequence
"""
EVENT_FIELDS = "execution sequence time type subject_type actor owner cause salt data_digest hash data".split()


@dataclass
class Archived:
    """What a run of the archive did, or would do."""

    executions: int = 0
    files: int = 0
    events: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    is_all: bool = True
    """Whether nothing that is due was left for the next time."""


def archive_due(
    *, days: int | None = None, by: User | None = None, dry_run: bool = False, at_most_s: float = NIGHTLY_S
) -> Archived:
    """Archive what ended more than so many days ago (by default as the setting says; 0 archives nothing).

    What stays: executions under way, the newest of each workflow, and those that another execution was made from
    for as long as that one is here.
    """
    days = settings.WORKFLOWS["RETENTION_DAYS"] if days is None else days
    done = Archived()
    if days <= 0:
        return done
    before, end, after = timezone.now() - timedelta(days=days), time.monotonic() + at_most_s, 0
    while due := list(_due(before, after)):
        after = due[-1].pk
        for _owner, group in groupby(sorted(due, key=lambda e: (e.owner_id, e.pk)), lambda e: e.owner_id):
            mine = list(group)
            for start in range(0, len(mine), IN_ONE_FILE):
                if time.monotonic() > end:
                    done.is_all = False
                    return done
                _add(done, mine[start : start + IN_ONE_FILE], by=by, dry_run=dry_run)
    return done


def _due(before: datetime, after: int) -> QuerySet[Execution]:
    return Execution.objects.archivable(before).filter(pk__gt=after).only("owner").order_by("pk")[:AT_ONCE]


def _add(done: Archived, batch: list[Execution], *, by: User | None, dry_run: bool) -> None:
    if dry_run:
        done.executions += len(batch)
        done.files += 1
        return
    archive = archive_batch(batch, by=by)
    if archive is not None:
        done.executions += archive.execution_count
        done.events += archive.event_count
        done.files += 1


def archive_batch(batch: list[Execution], *, by: User | None = None) -> ExecutionArchive | None:
    """Write executions of one student to a file, verify it, and remove them. None when they have changed meanwhile.

    Raises:
        ArchiveDamaged: what was written is not what is read; nothing is removed.
        NotDelivered: a subscriber has not read their events.
    """
    numbers = sorted(execution.pk for execution in batch)
    owner = batch[0].owner
    with tempfile.TemporaryFile() as spool:
        with snapshot():
            for piece in pack(_lines(owner, numbers)):
                spool.write(piece)
        spool.seek(0)
        blob = blobs.store(spool, content_type=CONTENT_TYPE)
    with blobs.open_blob(blob) as file:
        found = verify(file)
    with transaction.atomic():
        return _replace(owner, numbers, blob, found, by=by)


def _replace(
    owner: User, numbers: list[int], blob: Blob, found: Verified, *, by: User | None
) -> ExecutionArchive | None:
    """Put a line in the place of each execution, and remove its rows and its log."""
    locked = Execution.objects.select_for_update(of=("self",), skip_locked=True).filter(pk__in=numbers)
    rows = list(locked.archivable().select_related("workflow").defer("variables", "inputs", "trigger").order_by("pk"))
    if [row.pk for row in rows] != numbers or _ends(numbers) != found.ends:
        logger.info("executions %s to %s have changed while they were archived", numbers[0], numbers[-1])
        return None
    blobs.hold(blob)
    archive = ExecutionArchive.objects.create(
        owner=owner,
        blob=blob,
        execution_count=len(rows),
        event_count=found.counts["event"],
        counts=found.counts,
        first_completed_at=min(row.completed_at for row in rows if row.completed_at),
        last_completed_at=max(row.completed_at for row in rows if row.completed_at),
    )
    ArchivedExecution.objects.bulk_create(
        ArchivedExecution(
            execution_id=row.pk,
            owner=owner,
            archive=archive,
            workflow=row.workflow,
            workflow_name=row.workflow.name,
            status=row.status,
            error_message=row.error_message,
            created_at=row.created_at,
            completed_at=row.completed_at,
        )
        for row in rows
    )
    retire_streams(SUBJECT, numbers, by=by, owner=owner, reason="retention", archive=blob.sha256)
    LoopItem.objects.filter(step__execution__in=numbers)._raw_delete("default")
    StepExecution.objects.filter(execution__in=numbers).only("pk").delete()
    Execution.objects.filter(pk__in=numbers).only("pk").delete()
    return archive


def _ends(numbers: list[int]) -> dict[int, tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT ON (subject_id) subject_id::bigint, sequence, hash FROM kernel_event
               WHERE subject_type = %s AND subject_id = ANY(%s) ORDER BY subject_id, sequence DESC""",
            [SUBJECT, [str(number) for number in numbers]],
        )
        return {number: (sequence, hash) for number, sequence, hash in cursor.fetchall()}


# --- what is in the file -----------------------------------------------------------------------------------


def _lines(owner: User, numbers: list[int]) -> Iterator[Line]:
    yield {
        "kind": "archive",
        "format": FORMAT,
        "made_at": timezone.now().isoformat(),
        "owner": {"id": owner.pk, "email": owner.email},
        "executions": numbers,
    }
    for kind, sql in _tables():
        for (row,) in _read(sql, [numbers]):
            yield {"kind": kind, "row": json.loads(row)}
    for values in _read(EVENTS, [SUBJECT, [str(number) for number in numbers]]):
        line = dict(zip(EVENT_FIELDS, values, strict=True))
        yield {"kind": "event"} | line | {"time": line["time"].isoformat()}


def _tables() -> Iterator[tuple[str, str]]:
    """Every table that belongs to executions, with the statement that reads its rows.

    Taken from the models, so that a table that is added later is archived too.
    """
    execution, step = _table(Execution), _table(StepExecution)
    yield (
        "version",
        f"""SELECT to_jsonb(v) || jsonb_build_object('workflow_name', w.name)
            FROM {_table(WorkflowVersion)} v JOIN {_table(Workflow)} w ON w.id = v.workflow_id
            WHERE v.id IN (SELECT version_id FROM {execution} WHERE id = ANY(%s)) ORDER BY v.id""",
    )
    yield "execution", f"SELECT to_jsonb(t) FROM {execution} t WHERE id = ANY(%s) ORDER BY id"
    yield "step", f"SELECT to_jsonb(t) FROM {step} t WHERE execution_id = ANY(%s) ORDER BY execution_id, id"
    known: set[Any] = {Execution, StepExecution, ArchivedExecution}
    for model, column in _referring(Execution):
        if model not in known:
            known.add(model)
            yield _kind(model), f'SELECT to_jsonb(t) FROM {_table(model)} t WHERE "{column}" = ANY(%s) ORDER BY t.id'
    for model, column in _referring(StepExecution):
        if model not in known:
            known.add(model)
            yield (
                _kind(model),
                f"""SELECT to_jsonb(t) FROM {_table(model)} t JOIN {step} s ON s.id = t."{column}"
                    WHERE s.execution_id = ANY(%s) ORDER BY s.execution_id, t.id""",
            )


def _referring(model: Any) -> Iterable[tuple[Any, str]]:
    fields = model._meta.get_fields(include_hidden=True)  # those without a name for the way back as well
    relations = [field for field in fields if field.one_to_many or (field.one_to_one and field.auto_created)]
    relations.sort(key=lambda relation: relation.related_model._meta.label)
    return [(relation.related_model, relation.field.column) for relation in relations]


def _table(model: Any) -> str:
    return f'"{model._meta.db_table}"'


def _kind(model: Any) -> str:
    return {"loopitem": "item"}.get(model._meta.model_name, model._meta.model_name)


def _read(sql: str, values: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Rows through a cursor of the server's, a few hundred at a time."""
    with connection.chunked_cursor() as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(sql, values)
        yield from cursor


# --- reading ------------------------------------------------------------------------------------------------


def find_or_tell(executions: QuerySet[Execution], pk: int, *, owner: Any) -> Execution:
    """The execution of this id out of a student's own.

    Raises:
        Http404: there never was one of theirs.
        ExecutionArchived: there was; the message says when it ended and where it is.
    """
    found = executions.filter(pk=pk).first()
    if found is None:
        tell_if_archived(pk, owner=owner)
        raise Http404
    return found


def tell_if_archived(pk: Any, *, owner: Any) -> None:
    """Raise `ExecutionArchived` for a student's own execution that is in the archive by now."""
    if not str(pk).isdecimal():
        return
    line = ArchivedExecution.objects.visible_to(owner).select_related("archive").filter(execution_id=int(pk)).first()
    if line is not None:
        raise ExecutionArchived(
            f"Execution {pk} of “{line.workflow_name}” is {line.status} since {line.completed_at:%-d %B %Y}. It was "
            f"put into the archive on {line.archive.created_at:%-d %B %Y}; an admin can read it from there for you."
        )


def archived_count(owner: Any, workflow: Workflow | None = None) -> int:
    """How many of a student's executions are in the archive, of all workflows or of one."""
    lines = ArchivedExecution.objects.visible_to(owner)
    return (lines.filter(workflow=workflow) if workflow else lines).count()
