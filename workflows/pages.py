"""What the workflow pages show: the steps of an execution as a timeline and as a picture."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.graph import Graph, NodeState, draw

MOST_ITEMS = 25
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
    """One step of an execution as the pages need it; `excerpt` is the beginning of its result as JSON."""

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
    excerpt: str = ""
    result_length: int | None = None
    next_attempt_at: Any = None
    started_at: Any = None


@dataclass
class Item:
    """One time round a loop."""

    number: int
    status: str
    steps: list["Line"] = field(default_factory=list)


@dataclass
class Line:
    """One entry of the timeline."""

    path: str
    name: str
    status: str
    detail: str
    mark: str
    row: StepRow | None = None
    items: list[Item] = field(default_factory=list)
    hidden_items: int = 0

    @property
    def anchor(self) -> str:
        """Return the id of the entry in the page."""
        return "step-" + re.sub(r"[^A-Za-z0-9_-]", "-", self.path)


def timeline(steps: Sequence[Mapping[str, Any]], rows: Iterable[StepRow], *, is_open: bool) -> list[Line]:
    """List the steps of a definition in order with how each stands; loops show their newest items."""
    by_scope: dict[str, dict[str, StepRow]] = defaultdict(dict)
    for row in rows:
        scope, _, name = row.path.rpartition(".")
        by_scope[scope][name] = row
    return _lines(steps, by_scope, "", is_open)


def _lines(
    steps: Sequence[Mapping[str, Any]], by_scope: Mapping[str, Mapping[str, StepRow]], scope: str, is_open: bool
) -> list[Line]:
    lines = []
    for step in steps:
        name = step["name"]
        path = f"{scope}.{name}" if scope else name
        row = by_scope.get(scope, {}).get(name)
        status = row.status if row else "pending" if is_open else "cancelled"
        line = Line(path, name.replace("_", " "), status, _detail(step, row, status, is_open), MARKS[status], row)
        if step["type"] == "loop" and row is not None:
            numbers = sorted(
                {
                    int(s[len(path) + 1 : -1])
                    for s in by_scope
                    if s.startswith(f"{path}[") and INDEX.fullmatch(s[len(path) :])
                }
            )
            shown = _interesting(numbers, path, by_scope)
            line.hidden_items = len(numbers) - len(shown)
            for number in shown:
                inner = f"{path}[{number}]"
                children = _lines(step.get("config", {}).get("steps", []), by_scope, inner, is_open)
                line.items.append(Item(number + 1, together(c.status for c in children), children))
        lines.append(line)
    return lines


def _interesting(numbers: list[int], path: str, by_scope: Mapping[str, Mapping[str, StepRow]]) -> list[int]:
    """Keep a page's worth of items: those that failed or are under way first, then the newest."""
    if len(numbers) <= MOST_ITEMS:
        return numbers

    def rank(number: int) -> tuple[int, int]:
        status = together(row.status for row in by_scope[f"{path}[{number}]"].values())
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
        return f"Waits for {', '.join(needs)}" if needs and row is None or needs else "Waits for a worker"
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
    try:
        result = json.loads(row.excerpt)
    except ValueError:
        return ""
    if not isinstance(result, dict):
        return ""
    counts = [
        f"{result[key]} {key}"
        for key in ("created", "changed", "unchanged", "missing")
        if isinstance(result.get(key), int)
    ]
    if counts:
        return ", ".join(c for c in counts if not c.startswith("0 ")) or "nothing to do"
    if isinstance(result.get("content"), str):
        text = " ".join(result["content"].split())
        return f"“{text[:140].rstrip()}…”" if len(text) > 140 else f"“{text}”"
    return ""


def picture(steps: Any, rows: Iterable[StepRow]) -> Graph:
    """Draw the steps with how they stand; a step inside a loop stands for all its items."""
    grouped: dict[str, list[StepRow]] = defaultdict(list)
    for row in rows:
        grouped[INDEX.sub("", row.path)].append(row)
    states = {}
    for path, members in grouped.items():
        status = together(row.status for row in members)
        detail = ""
        if "." in path:
            done = sum(1 for row in members if row.status in {"completed", "skipped"})
            detail = f"{done} of {len(members)}"
        elif members[0].item_count is not None:
            detail = f"{members[0].items_done} of {members[0].item_count}"
        elif members[0].execution_time is not None and status == "completed":
            detail = f"{members[0].execution_time:.1f} s"
        states[path] = NodeState(status, detail)
    return draw(steps, states)
