"""Statements of lists that every visit asks, put into SQL once: building them costs Django more than running them.

`KeptQuery(build)` takes a function that builds a queryset from named values. The first call builds it with marks in
their place and keeps the SQL; later calls put in their own values. So the rules stay where they are (in querysets),
and only their translation is kept. `rows()` is for a `values_list`, `objects()` for a queryset of models.

The text of the statement must not depend on the values, but for two things, each of which has a statement of its own:
a value may be None, and an option, which has no kind, reaches `build` as it is (there should be few of them). `build`
must put every value in as it comes: what it works out of one would be kept with the mark. A list of ids is asked for
by `__any_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, Lookup, QuerySet

from coreengine.database.kept_objects import Maker

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


@Field.register_lookup
class Like(Lookup):
    """`filter(name__like=containing(words))`: a pattern that is put in as it comes, whatever its case."""

    lookup_name = "like"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, params = self.process_lhs(compiler, connection)
        return f"UPPER({column}) LIKE UPPER(%s)", [*params, self.rhs]


def containing(words: str) -> str:
    """The pattern of what has these words in it."""
    return f"%{connection.ops.prep_for_like_query(words)}%"


def _is_like_a_mark(param: Any) -> bool:
    if isinstance(param, date):
        return param.year in (1900, 1901, 1902)
    if isinstance(param, str):
        return "kept-query-mark-" in param
    return isinstance(param, int) and abs(param - _MARK_NUMBER) < 100_000


@dataclass
class _Statement:
    """The SQL, its values, and where the caller's come in."""

    compiler: Any
    sql: str
    params: list[Any]
    places: list[tuple[int, str]]

    @cached_property
    def maker(self) -> Maker:
        return Maker(self.compiler)

    def fetch(self, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        params = self.params.copy()
        for place, name in self.places:
            params[place] = values[name]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            return cursor.fetchall()


class KeptQuery:
    """One statement with places for values: moments (`datetime`), days (`date`), texts (`str`), numbers
    or lists of ids (`int`)."""

    def __init__(self, build: Callable[..., QuerySet[Any]], **kinds: type) -> None:
        self.build, self.kinds = build, kinds
        self.statements: dict[Hashable, _Statement] = {}

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Run it with these values, and give the rows as tuples."""
        return self._statement(values).fetch(values)

    def total(self, **values: Any) -> int:
        """Run it with these values, and add up the numbers in its first column; 0 without rows."""
        return sum(row[0] for row in self.rows(**values))

    def objects(self, **values: Any) -> list[Any]:
        """Run it with these values, and give models as the queryset would.

        What many rows point to (a course) is one object for all of them.
        """
        statement = self._statement(values)
        return statement.maker.objects(statement.fetch(values))

    def _statement(self, values: dict[str, Any]) -> _Statement:
        kinds = self.kinds
        key = tuple([value is None if name in kinds else value for name, value in sorted(values.items())])
        kept = self.statements.get(key)
        if kept is None:
            kept = self.statements[key] = self._keep(values)
        return kept

    def _keep(self, values: dict[str, Any]) -> _Statement:
        marks = {
            name: _mark(kind, at) for at, (name, kind) in enumerate(self.kinds.items()) if values[name] is not None
        }
        query = self.build(**(values | marks)).query
        compiler = query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        names = {mark: name for name, mark in marks.items()}
        places = [
            (place, names[param]) for place, param in enumerate(params) if _is_like_a_mark(param) and param in names
        ]
        changed = [param for param in params if _is_like_a_mark(param) and param not in names]
        assert not changed and "1901-" not in sql, "a value was changed on its way into the statement"
        assert {name for _, name in places} == set(marks), "a value did not reach the statement"
        return _Statement(compiler, sql, list(params), places)
