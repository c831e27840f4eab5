"""Reading a table: the delimiter, the heads of columns, and the rows as a preview has them."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import time

from django.core.exceptions import ValidationError

from courses.syllabus.dates import NotADate, Term, local_text, order_of, read_date
from courses.syllabus.rows import MOST_ROWS, WORK, Row, make_row

MOST_COLUMNS = 60
MOST_CELL = 20_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
END_OF_DAY = time(23, 59)
HEADS = {
    "name": "name title assignment task item work what activity assessment aufgabe bezeichnung titel",
    "due": "due duedate deadline date dueat duedateandtime abgabe frist datum termin faellig fällig",
    "time": "time duetime hour uhrzeit zeit",
    "points": "points pointspossible maxpoints max pts outof possible punkte maxpunkte",
    "group": "group category type kind section assignmentgroup kategorie art gruppe",
    "weight": "weight percent percentage weighting gewicht gewichtung anteil",
    "score": "score grade myscore result earned ergebnis erreicht",
    "notes": "notes note description details comment comments notizen beschreibung anmerkung",
    "url": "url link address web webpage",
}
LABELS = {
    "": "not used",
    "name": "What is to do",
    "due": "Due date",
    "time": "Due time",
    "points": "Points",
    "group": "Group",
    "weight": "Weight of the group",
    "score": "My score",
    "notes": "Notes",
    "url": "Web page",
}
_KNOWN = {word: name for name, words in HEADS.items() for word in words.split()}


@dataclass
class Table:
    """A table as it stands: `heads` are the first row's cells (or "Column 1", …), `rows` (line, cells)."""

    delimiter: str
    has_heads: bool
    heads: list[str]
    rows: list[tuple[int, list[str]]]
    columns: list[str] = field(default_factory=list)
    """For each column the field that it is; empty where it is not used."""
    left_out: int = 0
    note: str = ""


def read_table(text: str, *, delimiter: str = "", columns: list[str] | None = None) -> Table:
    """Divide a text into cells. Formulas are text like any other.

    Raises:
        ValidationError: at `text`: no table, or too wide.
    """
    delimiter = delimiter if delimiter in DELIMITERS else _delimiter(text)
    csv.field_size_limit(MOST_CELL * 10)
    lines: list[tuple[int, list[str]]] = []
    left_out = 0
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    note = ""
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(lines) > MOST_ROWS:
                left_out += 1
                continue
            lines.append((reader.line_num, [cell.strip()[:MOST_CELL] for cell in cells]))
    except csv.Error as error:
        note = f"Line {reader.line_num} cannot be read ({error}); what stands before it was read."
    if not lines:
        raise ValidationError({"text": "There is no row in this table."})
    width = max(len(cells) for _, cells in lines)
    if width > MOST_COLUMNS:
        raise ValidationError({"text": f"This table has {width} columns; at most {MOST_COLUMNS} are read."})
    guessed = [_KNOWN.get(_word(cell), "") for cell in lines[0][1]]
    has_heads = any(guessed)
    heads = lines[0][1] if has_heads else []
    heads = [heads[n] if n < len(heads) and heads[n] else f"Column {n + 1}" for n in range(width)]
    rows = lines[1:] if has_heads else lines
    table = Table(delimiter, has_heads, heads, rows[:MOST_ROWS], left_out=left_out, note=note)
    table.columns = _columns(columns, guessed, table)
    return table


def _delimiter(text: str) -> str:
    sample = text[:20_000]
    try:
        return csv.Sniffer().sniff(sample, delimiters="".join(DELIMITERS)).delimiter
    except csv.Error:
        first = sample.split("\n", 1)[0]
        return max(DELIMITERS, key=first.count)


def _word(cell: str) -> str:
    return re.sub(r"[^\w]|[\d_]", "", cell.split("(")[0].casefold())


def _columns(given: list[str] | None, guessed: list[str], table: Table) -> list[str]:
    """Which column is what, each field once: as the student said, else by the heads; else the first is the name."""
    width = len(table.heads)
    if given is not None:
        found = [name if name in LABELS else "" for name in given][:width]
    elif table.has_heads:
        found = list(guessed)
    else:
        found = ["name", "due", "points"]
    found = [*found, *[""] * width][:width]
    seen: set[str] = set()
    for n, name in enumerate(found):
        if name in seen:
            found[n] = ""
        elif name:
            seen.add(name)
    return found


def date_order(table: Table) -> str:
    """How the table's dates are meant: "dmy", "mdy", "ask", or nothing where it does not matter."""
    places = [n for n, name in enumerate(table.columns) if name == "due"]
    return order_of(cells[n] for _, cells in table.rows for n in places if n < len(cells))


def table_rows(table: Table, *, order: str, term: Term, default: time = END_OF_DAY) -> list[Row]:
    """Make the rows of a preview; what cannot be read is said at the field."""
    rows = []
    for number, (line, cells) in enumerate(table.rows, start=1):
        values = {name: cells[n] for n, name in enumerate(table.columns) if name and n < len(cells)}
        at = values.pop("time", "")
        written = values.pop("due", "")
        unread = {}
        if written:
            try:
                values["due"] = local_text(read_date(f"{written} {at}".strip(), order=order, term=term), default)
            except NotADate as error:
                unread["due"] = str(error)
        row = make_row(number, WORK, line=line, source=table.delimiter.join(cells), **values)
        row["unread"] = unread
        rows.append(row)
    return rows
