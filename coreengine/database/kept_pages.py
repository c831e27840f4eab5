"""Lists in pages. Nearly all visits see the first one: its rows and the number of all come from kept statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet


class KeptPages:
    """What Django's `Paginator` pages through.

    `first(size)` gives the rows of the first page, `total()` the number of all, and `rest()` all rows, for later pages.
    """

    def __init__(
        self,
        size: int,
        *,
        total: Callable[[], int],
        first: Callable[[int], list[Any]],
        rest: Callable[[], QuerySet[Any]],
    ) -> None:
        self.size, self._total, self._first, self._rest = size, total, first, rest

    def count(self) -> int:
        """How many there are; `Paginator` asks once."""
        return self._total()

    def __len__(self) -> int:
        return self._total()

    def __getitem__(self, span: slice) -> list[Any]:
        if span.start == 0 and span.stop <= self.size:
            return self._first(self.size)[: span.stop]
        return list(self._rest()[span])
