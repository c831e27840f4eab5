"""What a piece of work writes into the database, counted while it does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db import connection

LOG = "kernel_event"
"""It follows from everything else, so nobody needs to be told."""
VERBS = {"INSERT": "added", "UPDATE": "changed", "DELETE": "removed"}
WRITE = re.compile(
    r'\s*(INSERT)\s+INTO\s+"?(\w+)"?|\s*(UPDATE)\s+"?(\w+)"?|\s*(DELETE)\s+FROM\s+"?(\w+)"?', re.IGNORECASE
)

Written = Counter[tuple[str, str]]
"""(table, added | changed | removed) → how many rows."""


@contextmanager
def counted_writes() -> Iterator[Written]:
    """Count the rows that statements inside the block add, change and remove, by kind of row."""
    counts: Written = Counter()

    def count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        if found := WRITE.match(sql):
            verb, table = found[1].split()[0].upper(), found[2]
            rows = context["cursor"].rowcount
            if rows > 0 and table != LOG:
                counts[table, VERBS[verb]] += rows
        return result

    with connection.execute_wrapper(count):
        yield counts


@lru_cache(maxsize=256)
def row_words(table: str, *, is_one: bool) -> str:
    """What a table keeps, in words."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.db_table == table:
            return str(model._meta.verbose_name if is_one else model._meta.verbose_name_plural)
    return table
