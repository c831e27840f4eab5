"""The steps of an execution as a person reads them: in order, with what each did or waits for."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

MOST_ITEMS = 25
COUNTS = ("created", "changed", "unchanged", "missing")
MARKS_OF_MARKDOWN = re.compile(r"^\s*(?:[-*#>]+|\d+\.)\s+|[*_`]{1,3}", re.MULTILINE)
INDEX = re.compile(r"\[\d+\]")
MARKS = {
    "pending": "circle",
    "running": "loader-circle",
    "waiting": "clock",
    "completed": "circle-check",
    "failed": "circle-x",
    "cancelled": "circle-slash",
    "skipped": "circle-minus",
}


@dataclass(frozen=True)
class StepRow:
    """One step of an execution as the pages need it: of its result only the kind and what can be said of it."""

    id: int
    path: str
    name: str
    status: str
    attempt: int = 0
    error: str = ""
    reason: str = ""
    execution_time: float | None = None
    item_count: int | None = None
    items_done: int = 0
    started_at: datetime | None = None
    result_type: str | None = None
    result_length: int | None = None
    # Texts: a result may hold anything under these names.
    created: str | None = None
    changed: str | None = None
    unchanged: str | None = None
    missing: str | None = None
    content: str | None = None

    FIELDS: ClassVar[tuple[str, ...]] = (
        *("id", "path", "name", "status", "attempt", "error", "reason", "execution_time", "item_count", "items_done"),
        *("started_at", "result_type", "result_length", *COUNTS, "content"),
    )


@dataclass
class Item:
    """One time round a loop."""

    number: int
    status: str
    label: str = ""
    steps: list["Line"] = field(default_factory=list)

    @property
    def mark(self) -> str:
        """Return the icon of its status."""
        return MARKS[self.status]

    @property
    def words(self) -> str:
        """Say in one line what happened to this item."""
        if failed := next((s for s in self.steps if s.status in {"failed", "waiting"}), None):
            return f"{failed.name}: {failed.detail}"
        if running := next((s for s in self.steps if s.status == "running"), None):
            return running.name
        told = [s.result for s in self.steps if s.result]
        return ", ".join(told) if self.status == "completed" else self.status


@dataclass
class Line:
    """One entry of the timeline."""

    path: str
    name: str
    status: str
    detail: str
    mark: str
    row: StepRow | None = None
    result: str = ""
    items: list[Item] = field(default_factory=list)
    hidden_items: int = 0

    @property
    def has_result(self) -> bool:
        """Say whether there is a result to look at."""
        return self.status == "completed" and self.row is not None and self.row.result_type not in (None, "null")

    @property
    def anchor(self) -> str:
        """Return the id of the entry in the page."""
        return "step-" + re.sub(r"[^A-Za-z0-9_-]", "-", self.path)


class Timeline:
    """The steps of an execution in the order they are written, with how each stands."""

    def __init__(
        self, steps: Sequence[Mapping[str, Any]], rows: Iterable[StepRow], *, is_open: bool, labels: Mapping[str, str]
    ) -> None:
        """Sort the rows by the place they belong to; `labels` names items of loops by scope, as `each[3]`."""
        self.is_open = is_open
        self.labels = labels
        self.by_scope: dict[str, dict[str, StepRow]] = defaultdict(dict)
        for row in rows:
            scope, _, name = row.path.rpartition(".")
            self.by_scope[scope][name] = row
        self.lines = self._lines(steps, "")

    @property
    def done_count(self) -> int:
        """Count the steps that are over."""
        return sum(1 for line in self.lines if line.status in {"completed", "skipped", "failed"})

    def _lines(self, steps: Sequence[Mapping[str, Any]], scope: str) -> list[Line]:
        lines = []
        for step in steps:
            name = step["name"]
            path = f"{scope}.{name}" if scope else name
            row = self.by_scope[scope].get(name) if scope in self.by_scope else None
            status = row.status if row else "pending" if self.is_open else "cancelled"
            detail = _detail(step, row, status, self.is_open)
            line = Line(path, name.replace("_", " "), status, detail, MARKS[status], row)
            if row is not None and status == "completed":
                line.result = _result_words(step, row)
            if step["type"] == "loop" and row is not None:
                self._fill_loop(line, step)
            lines.append(line)
        return lines

    def _fill_loop(self, line: Line, step: Mapping[str, Any]) -> None:
        start = f"{line.path}["
        scopes = [s for s in self.by_scope if s.startswith(start) and INDEX.fullmatch(s[len(line.path) :])]
        numbers = sorted(int(s[len(start) : -1]) for s in scopes)
        shown = self._interesting(numbers, start)
        line.hidden_items = len(numbers) - len(shown)
        for number in shown:
            inner = f"{start}{number}]"
            children = self._lines(step["config"].get("steps", []), inner)
            status = together(c.status for c in children if c.row is not None)
            line.items.append(Item(number + 1, status, self.labels.get(inner, ""), children))

    def _interesting(self, numbers: list[int], start: str) -> list[int]:
        """Keep a page's worth of items: those that failed or are under way first, then the newest."""
        if len(numbers) <= MOST_ITEMS:
            return numbers

        def rank(number: int) -> tuple[int, int]:
            status = together(row.status for row in self.by_scope[f"{start}{number}]"].values())
            return {"failed": 0, "running": 1, "waiting": 1}.get(status, 2), -number

        return sorted(sorted(numbers, key=rank)[:MOST_ITEMS])


def together(statuses: Iterable[str]) -> str:
    """Say in one word how several steps stand."""
    counts = Counter(statuses)
    for status in ("failed", "running", "waiting", "cancelled"):
        if counts[status]:
            return status
    if counts["pending"]:
        return "running" if counts["completed"] or counts["skipped"] else "pending"
    return "skipped" if counts["skipped"] and not counts["completed"] else "completed"


def _detail(step: Mapping[str, Any], row: StepRow | None, status: str, is_open: bool) -> str:
    """Say in one line what the step did, or what it waits for."""
    if row is None or (status == "pending" and not row.started_at):
        if not is_open:
            return "Never began"
        needs = [name.replace("_", " ") for name in step.get("depends_on") or []]
        return f"Waits for {', '.join(needs)}" if needs else "Waits for a worker"
    if status == "failed":
        return row.error
    if status == "skipped":
        return {"condition_not_met": "Its condition was not met"}.get(row.reason, row.reason or "Skipped")
    if status == "cancelled":
        return row.reason or "Ended with the execution"
    if status == "waiting":
        return f"Attempt {row.attempt} did not work: {row.error}" if row.error else "Will be tried again"
    if step["type"] == "loop" and row.item_count is not None:
        return f"{row.items_done} of {row.item_count} {'item' if row.item_count == 1 else 'items'}"
    words = _what(step)
    if status == "running":
        return f"{words}, attempt {row.attempt}" if row.attempt > 1 else words
    result = _result_words(step, row)
    return f"{words}. {result}" if result else words


def _what(step: Mapping[str, Any]) -> str:
    config = step.get("config") or {}
    if step["type"] == "plugin_action":
        return f"{config.get('plugin', '')}, {config.get('action', '')}"
    if step["type"] == "system_action":
        return str(config.get("action", ""))
    if step["type"] == "ai_agent":
        return f"Agent {config.get('agent', '')}"
    return str(step["type"])


def _result_words(step: Mapping[str, Any], row: StepRow) -> str:
    if row.result_length is not None:
        return f"{row.result_length} {'item' if row.result_length == 1 else 'items'}"
    counts = {name: text for name in COUNTS if (text := getattr(row, name)) and text.isdecimal()}
    if counts:
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count != "0") or "nothing to do"
    if row.content:
        text = " ".join(MARKS_OF_MARKDOWN.sub("", row.content).split())
        return f"“{text[:140].rstrip()}…”" if len(text) > 140 else f"“{text}”"
    return ""
