"""What the preview of an import shows, with every text ready to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator

from courses.models import ImportDraft
from courses.syllabus.drafts import chosen_rows, default_time, needed_order, table_of, what_words
from courses.syllabus.rows import GROUP, WORK, Row
from courses.syllabus.tables import DELIMITERS, LABELS

ROWS_SHOWN = 50


@dataclass(frozen=True)
class Column:
    """A column of the table: its head, what it is, and an example."""

    number: int
    head: str
    field: str
    example: str


@dataclass(frozen=True)
class Preview:
    """A draft as its page shows it."""

    draft: ImportDraft
    page: Page
    groups: list[Row]
    columns: list[Column]
    delimiter: str
    order: str
    needs_order: bool
    time: str
    ready: int
    faulty: int
    same: int
    total: int
    note: str
    made: str
    shows_extra: bool


def preview_of(draft: ImportDraft, page: str | None) -> Preview:
    """Gather the preview; no queries beyond the draft itself."""
    table = table_of(draft)
    works = [row for row in draft.rows if row["kind"] == WORK]
    columns = []
    if table is not None:
        first = table.rows[0][1] if table.rows else []
        columns = [
            Column(n, head, table.columns[n], first[n][:40] if n < len(first) else "")
            for n, head in enumerate(table.heads)
        ]
    order = needed_order(draft)
    return Preview(
        draft=draft,
        page=Paginator(works, ROWS_SHOWN).get_page(page),
        groups=[row for row in draft.rows if row["kind"] == GROUP],
        columns=columns,
        delimiter=table.delimiter if table is not None else "",
        order=order,
        needs_order=order == "ask",
        time=default_time(draft).strftime("%H:%M"),
        ready=len(chosen_rows(draft)),
        faulty=sum(1 for row in draft.rows if row["problems"]),
        same=sum(1 for row in draft.rows if row["same"]),
        total=len(draft.rows),
        note=_note(table),
        made=what_words(draft.made) if draft.made else "",
        shows_extra=any(row["notes"] or row["url"] or row["score"] for row in works),
    )


def _note(table: Any) -> str:
    if table is None:
        return ""
    parts = [table.note] if table.note else []
    if table.left_out:
        parts.append(f"{table.left_out:,} rows at the end were left out: at most {len(table.rows):,} are read at once.")
    return " ".join(parts)


def choices_context() -> dict[str, Any]:
    """What the preview's selects offer."""
    return {"labels": list(LABELS.items()), "delimiters": list(DELIMITERS.items())}
