"""Who else has lines for the agenda: parts of this app whose work is no assignment register a source of it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from coreengine.accounts.models import User
from courses.moments import Clock
from courses.rows import WorkRow


@dataclass(slots=True)
class DatedRow:
    """A line and its moment; `row.late` puts it under "Overdue", `row.done` keeps what was settled today in sight."""

    due_at: datetime | None
    row: WorkRow


@dataclass(frozen=True)
class FoundRows:
    """What a source gives: at most `MOST_LATE` late lines, the newest debts, and how many there are in all."""

    ahead: list[DatedRow] = field(default_factory=list)
    late: list[DatedRow] = field(default_factory=list)
    late_count: int = 0


@dataclass(frozen=True)
class RowSource:
    """One kind of work; `read(owner, clock)` gives what is outstanding and what was settled today, in one query.

    `all_url` is the page with the whole of a section that has such lines.
    """

    key: str
    read: Callable[[User, Clock], FoundRows]
    all_url: str = ""


_sources: dict[str, RowSource] = {}


def register_rows(source: RowSource) -> None:
    """Add a kind of work to every student's agenda."""
    _sources[source.key] = source


def found_rows(owner: User, clock: Clock) -> list[tuple[RowSource, FoundRows]]:
    """Read all registered sources, a query each."""
    return [(source, source.read(owner, clock)) for source in _sources.values()]
