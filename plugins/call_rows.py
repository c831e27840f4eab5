"""The row of a call, begun and ended in one statement each, without waiting for a disk where nothing is lost by that.

A worker that runs a reading action for its own caller keeps nothing that the caller does not keep: whatever the caller
makes of the result it commits later, and PostgreSQL writes its log in order, so that no such commit is on the disk
before the end of the call is. A machine that loses its power loses both, and the step is run again. All others wait:
results that a page shows at once, deliveries, and the beginning of whatever changes something outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from plugins.models import ActionCall

_NOT_WAITING = "set_config('synchronous_commit', 'off', true)"


def begin(call: ActionCall, *, on_disk: bool) -> None:
    """Insert the row; `on_disk` returns only when it survives a loss of power."""
    fields = [field for field in ActionCall._meta.concrete_fields if not field.primary_key]
    values = [field.pre_save(call, True) for field in fields]
    # The moment by the database's clock is the one value that the database finds itself.
    places = ["statement_timestamp()" if isinstance(value, Now) else "%s" for value in values]
    given = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values, strict=True)
        if not isinstance(value, Now)
    ]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    condition = "" if on_disk else f" WHERE {_NOT_WAITING} IS NOT NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_table()} ({columns}) SELECT {', '.join(places)}{condition} RETURNING id",
            given,
        )
        call.pk = cursor.fetchone()[0]
    call._state.adding, call._state.db = False, connection.alias


def _table() -> str:
    return connection.ops.quote_name(ActionCall._meta.db_table)


def end(call: ActionCall, values: Mapping[str, Any], *, on_disk: bool) -> None:
    """Write how it ended: `values` by field. The ORM would take longer to word this than PostgreSQL to do it."""
    fields = [ActionCall._meta.get_field(name) for name in values]
    prepared = [field.get_db_prep_save(value, connection) for field, value in zip(fields, values.values(), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_update(tuple(field.column for field in fields), on_disk), [*prepared, call.pk])


def _update(columns: tuple[str, ...], on_disk: bool) -> str:
    quote = connection.ops.quote_name
    settings = ", ".join(f"{quote(column)} = %s" for column in columns)
    condition = "" if on_disk else f" AND {_NOT_WAITING} IS NOT NULL"
    return f"UPDATE {_table()} SET {settings} WHERE id = %s{condition}"
