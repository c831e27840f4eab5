"""An archive in words, for those who look into it years later."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from workflows.archive_file import Line, Verified

SHOWN = 2_000
"""Longer values are cut; the file has the whole of them."""


def in_words(found: Verified, lines: Iterable[Line], *, execution: int | None = None) -> Iterator[str]:
    """Say what a verified file holds: a line for each execution, or everything about one of them."""
    header = found.header
    yield f"Archive of {header['owner']['email']}, made {header['made_at']}, format {header['format']}."
    yield "It holds " + ", ".join(f"{count:,} × {kind}" for kind, count in found.counts.items() if kind != "archive")
    yield "Counts, digest and every hash chain are as they were at its making."
    if execution is not None and execution not in found.ends:
        yield f"Execution {execution} is not in it."
        return
    versions: dict[int, dict[str, Any]] = {}
    for line in lines:
        if line["kind"] == "version":
            versions[line["row"]["id"]] = line["row"]
        elif line["kind"] == "execution" and execution in (None, line["row"]["id"]):
            yield from _execution(line["row"], versions, is_whole=execution is not None)
        elif execution is not None:
            yield from _part(line, execution)


def _execution(row: dict[str, Any], versions: dict[int, dict[str, Any]], *, is_whole: bool) -> Iterator[str]:
    version = versions[row["version_id"]]
    words = f"Execution {row['id']} of “{version['workflow_name']}” (version {version['number']}): {row['status']}"
    yield f"{words}, {row['started_at'] or 'never begun'} to {row['completed_at']}"
    if row["error_message"]:
        yield f"  {row['error_message']}"
    if is_whole:
        for name in ("trigger", "inputs", "variables"):
            yield f"  {name}: {_value(row[name])}"
        yield "  definition:"
        yield from (f"    {text}" for text in version["source"].splitlines() or [_value(version["definition"])])


def _part(line: Line, execution: int) -> Iterator[str]:
    row = line.get("row", {})
    if line["kind"] == "step" and row["execution_id"] == execution:
        told = [row["status"], row["reason"], row["error"], f"attempt {row['attempt']}" if row["attempt"] else ""]
        yield f"  step {row['path']}: {', '.join(part for part in told if part)}"
        if row["result"] is not None:
            yield f"    {_value(row['result'])}"
    elif line["kind"] == "event" and line["execution"] == execution:
        data = json.loads(line["data"])
        path = data.pop("path", "")
        what = " ".join(part for part in (line["type"].removeprefix("workflow.").replace(".", " "), path) if part)
        yield f"  {line['sequence']:>4} {line['time']} {what}{f' {_value(data)}' if data else ''}"
    elif row.get("execution_id") == execution:
        yield f"  {line['kind']}: {_value(row)}"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"
