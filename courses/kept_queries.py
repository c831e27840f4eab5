"""Statements of lists that every visit asks, put into SQL once: building them costs Django more than running them.

`KeptQuery(build)` takes a function that builds a `values_list` queryset from named values. The first call builds it
with marks in their place and keeps the SQL; later calls put in their own values. So the rules stay where they are (in
querysets), and only their translation is kept. The text of the statement must not depend on the values: no None, and
a list of ids only by `__any_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.db import connection
from django.db.models import Field, Lookup, QuerySet

_FIRST_MARK = datetime(1901, 1, 1, 1, 1, 1, tzinfo=UTC)
_MARK_NUMBER = -7_316_000


def _mark(kind: type, at: int) -> datetime | date | int | str:
    """A value that no statement has by itself."""
    if kind is int:
        return _MARK_NUMBER - at
    if kind is str:
        return f"kept-query-mark-{at}"
    moment = _FIRST_MARK + timedelta(days=at)
    return moment if kind is datetime else moment.date()


def owner_with(pk: int) -> Any:
    """Stand for the student with this id (or its mark) where a queryset asks for the user."""
    return SimpleNamespace(pk=pk)


@Field.register_lookup
class AnyOf(Lookup):
    """`filter(pk__any_of=ids)`: one of a list of ids, whose length is not in the statement as with `__in`."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, self.rhs]


class KeptQuery:
    """One statement with places for values: moments (`datetime`), days (`date`), texts (`str`), numbers
    or lists of ids (`int`)."""

    def __init__(self, build: Callable[..., QuerySet[Any]], **kinds: type) -> None:
        self.build, self.kinds = build, kinds
        self.sql = ""
        self.params: list[Any] = []
        self.places: list[tuple[int, str]] = []

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Run it with these values."""
        if not self.sql:
            self._keep()
        params = self.params.copy()
        for place, name in self.places:
            params[place] = values[name]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            return cursor.fetchall()

    def _keep(self) -> None:
        marks = {name: _mark(kind, at) for at, (name, kind) in enumerate(self.kinds.items())}
        sql, params = self.build(**marks).query.sql_with_params()
        names = {mark: name for name, mark in marks.items()}
        self.params = list(params)
        self.places = [
            (place, names[param])
            for place, param in enumerate(params)
            if isinstance(param, (date, int, str)) and not isinstance(param, bool) and param in names
        ]
        assert {name for _, name in self.places} == set(self.kinds), "a value did not reach the statement"
        self.sql = sql
