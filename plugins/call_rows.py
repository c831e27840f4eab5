"""The row of a call, begun and ended in one statement each, without waiting where nothing is lost by that.

For the disk: a worker that runs a reading action for its own caller keeps nothing that the caller does not keep.
Whatever the caller makes of the result it commits later, and PostgreSQL writes its log in order, so that no such commit
is on the disk before the end of the call is. A machine that loses its power loses both, and the step is run again. All
others wait: results that a page shows at once, deliveries, and the beginning of whatever changes something outside.
What such a crash can take, or leave as unfinished, is the record of reading requests of its last half second.

For the answer: the beginning is sent before the plugin is asked, and its answer is looked at before the plugin's is.
"""

from __future__ import annotations

import functools
import json
import select
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Field, JSONField
from django.db.models.functions import Now

from plugins.models import ActionCall

_NOT_WAITING = "set_config('synchronous_commit', 'off', true)"


def begin(call: ActionCall, *, on_disk: bool) -> Callable[[], None]:
    """Insert the row; `on_disk` has it survive a loss of power.

    Nothing else may be asked of the database until what is returned was called: it waits for the row, and gives the
    call its number. Called again, it does nothing.
    """
    columns, fields = _inserted()
    places, given = _written((field, field.pre_save(call, True)) for field in fields)
    setting = "" if on_disk else f", {_NOT_WAITING}"
    answer = _ask(f"INSERT INTO {_table()} ({columns}) VALUES ({', '.join(places)}) RETURNING id{setting}", given)
    waiting = [answer]

    def wait() -> None:
        while waiting:
            call.pk = waiting.pop()()
            call._state.adding, call._state.db = False, connection.alias

    return wait


def end(call: ActionCall, values: Mapping[str, Any], *, on_disk: bool) -> None:
    """Write how it ended: `values` by field. The ORM would take longer to word this than PostgreSQL to do it."""
    known = {field.name: field for field in _inserted()[1]}
    fields = [known[name] for name in values]
    places, given = _written(zip(fields, values.values(), strict=True))
    pairs = ", ".join(f'"{field.column}" = {place}' for field, place in zip(fields, places, strict=True))
    condition = "" if on_disk else f" AND {_NOT_WAITING} IS NOT NULL"
    _ask(f"UPDATE {_table()} SET {pairs} WHERE id = %s{condition} RETURNING id", [*given, str(call.pk)])()


@functools.cache
def _inserted() -> tuple[str, list[Field[Any, Any]]]:
    fields = [field for field in ActionCall._meta.concrete_fields if not field.primary_key]
    return ", ".join(f'"{field.column}"' for field in fields), fields


def _table() -> str:
    return f'"{ActionCall._meta.db_table}"'


def _written(values: Iterable[tuple[Any, Any]]) -> tuple[list[str], list[str]]:
    """Return how values stand in a statement, and as texts those that are given beside it.

    PostgreSQL takes the type of each from its column. The moment by its own clock is the one that it finds itself.
    """
    places: list[str] = []
    given: list[str] = []
    for field, value in values:
        if value is None:
            places.append("NULL")
        elif isinstance(value, Now):
            places.append("statement_timestamp()")
        else:
            places.append("%s")
            given.append(json.dumps(value) if isinstance(field, JSONField) else _text(value))
    return places, given


def _text(value: object) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("PostgreSQL keeps no text with NUL in it")
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int):  # a bool, too: "True" is true
        return str(value)
    raise TypeError(f"{value!r} is no value of a call's row")


def _ask(statement: str, given: list[str]) -> Callable[[], Any]:
    """Send a statement; return what waits for its answer and returns the number in it, None if it reached no row."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    is_watched = connection.force_debug_cursor or connection.execute_wrappers
    if is_watched or connection.in_atomic_block or not connection.autocommit:
        # In a transaction its beginning is sent first; and whoever watches statements is to see this one.
        with connection.cursor() as cursor:
            cursor.execute(statement, given)
            row = cursor.fetchone()
        return lambda: row and row[0]
    # Past Django's and psycopg's cursors, which wait, and which write values into the statement: 0.3 ms of a call.
    numbered = statement % tuple(f"${number}" for number in range(1, len(given) + 1))
    with connection.wrap_database_errors:
        connection.connection.pgconn.send_query_params(numbered.encode(), [text.encode() for text in given])
    return _answer


def _answer() -> Any:
    """Wait for the answer to what was sent, while other threads run."""
    from psycopg import errors, pq

    pgconn = connection.connection.pgconn
    with connection.wrap_database_errors:
        found = None
        while True:
            while pgconn.is_busy():
                poll = select.poll()
                # A long statement may not have left as a whole yet.
                poll.register(pgconn.socket, select.POLLIN | (select.POLLOUT if pgconn.flush() else 0))
                poll.poll()
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                break
            found = result
        if found is None or found.status != pq.ExecStatus.TUPLES_OK:
            raise errors.error_from_result(found) if found else errors.OperationalError("The database did not answer.")
        value = found.get_value(0, 0) if found.ntuples else None
        return None if value is None else int(value)
