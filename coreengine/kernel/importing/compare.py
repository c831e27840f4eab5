"""Comparing what is stored with what a source says now, and saying what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, models, transaction

from coreengine.kernel.importing.records import Problem

BATCH = 500
SAID_CHARACTERS = 200
NAMES_SAID = 5


@dataclass
class ImportResult:
    """What an import did, in numbers and names; `missing` counts what vanished since the import before."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    problems: list[Problem] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        return {
            "created": self.created,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "missing": self.missing,
        }

    def as_json(self) -> dict[str, Any]:
        return {**self.counts(), "problems": [problem.as_json() for problem in self.problems], **self.extra}


def lock_source(owner: Any, source: str, *, area: str = "courses") -> None:
    """Let one import of a source run at a time, until the transaction ends; a second one waits and then compares.

    A lock on rows would not do: at the first import there is no row to lock.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("lock_source needs a transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{area}:{owner.pk}:{source}"])


def differences(row: models.Model, values: dict[str, Any]) -> dict[str, list[Any]]:
    """Name the fields in which a row differs from `values`, as {field: [stored, new]}; empty when equal."""
    return {name: [getattr(row, name), value] for name, value in values.items() if getattr(row, name) != value}


def apply(row: models.Model, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def said(changes: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Make changes fit for an event: times in ISO 8601, long texts by their beginning."""
    return {name.removesuffix("_id"): [_say(old), _say(new)] for name, (old, new) in changes.items()}


def _say(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and len(value) > SAID_CHARACTERS:
        return value[:SAID_CHARACTERS] + "…"
    return value


def write_changed(model: type[models.Model], rows: list[Any], fields: set[str]) -> None:
    """Write some fields of many rows at once.

    An INSERT … ON CONFLICT DO UPDATE takes a tenth of the time of `bulk_update`, whose CASE grows with rows times
    fields; the columns that are not named keep what is stored, so what the student writes meanwhile stays.
    """
    if rows:
        model._default_manager.bulk_create(
            rows, batch_size=BATCH, update_conflicts=True, unique_fields=["pk"], update_fields=sorted(fields)
        )
