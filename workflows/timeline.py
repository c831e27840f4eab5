"""The steps of an execution as a person reads them: a tree in the order of the definition."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from coreengine.kernel.statuses import Status
from workflows.engine.states import BRANCH_NOT_TAKEN
from workflows.graph.parts import MARKS
from workflows.graph.reading import RawStep, read_steps
from workflows.timeline_rows import StepRow
from workflows.wording import counted, detail_words, result_words

if TYPE_CHECKING:
    from workflows.execution_page import LoopPage

OVER = (Status.COMPLETED, Status.FAILED, Status.SKIPPED, Status.CANCELLED)


@dataclass
class Branch:
    """One of the lists of steps inside a condition or a parallel step."""

    label: str
    lines: list[Line]

    @property
    def is_left_out(self) -> bool:
        """Say whether none of its steps was done."""
        return all(line.status == Status.SKIPPED for line in self.lines)

    @property
    def count_words(self) -> str:
        """Say how many steps it has."""
        return counted(len(self.lines), "step")


@dataclass
class Line:
    """One entry of the timeline."""

    step: RawStep
    path: str
    status: str
    detail: str
    row: StepRow | None = None
    branches: list[Branch] = field(default_factory=list)
    items: LoopPage | None = None
    """The items of a loop, if they are unfolded."""
    approval: Any = None
    """What it asks (`workflows.models.Approval`), while it waits for a person."""
    urgent: list[UrgentLine] = field(default_factory=list)
    """Of a folded loop: what failed, waits or goes on inside it."""

    @property
    def name(self) -> str:
        """Return the step's name as a person would write it."""
        return self.step.label

    @property
    def mark(self) -> str:
        """Return the icon of its status."""
        return MARKS[self.status]

    @property
    def can_rerun(self) -> bool:
        """Say whether an execution can be repeated from it: it had its turn."""
        return self.row is not None and self.row.reason != BRANCH_NOT_TAKEN

    @property
    def anchor(self) -> str:
        """Return the id of the entry in the page."""
        return "step-" + re.sub(r"[^A-Za-z0-9_-]", "-", self.path)

    @property
    def has_result(self) -> bool:
        """Say whether there is a result to look at; a container's stands in its steps."""
        if self.row is None or self.step.lanes():
            return False
        return self.status == Status.COMPLETED and self.row.result_type not in (None, "null")

    @property
    def result(self) -> str:
        """Say in one line what it gave."""
        return result_words(self.step, self.row) if self.row and self.status == Status.COMPLETED else ""

    @property
    def has_items(self) -> bool:
        """Say whether it is a loop that has begun."""
        return self.step.kind == "loop" and self.row is not None and bool(self.row.item_count)

    @property
    def is_waiting_for_person(self) -> bool:
        """Say whether it goes on only when a person decides."""
        return self.is_to_be_approved or self.needs_attention

    @property
    def is_to_be_approved(self) -> bool:
        """Say whether it is an approval that nobody has decided yet."""
        return self.status == Status.WAITING and self.step.kind == "approval"

    @property
    def needs_attention(self) -> bool:
        """Say whether nobody knows if its effect happened, so that a person must say what follows."""
        return self.status == Status.WAITING and self.row is not None and self.row.reason == "needs_attention"

    @property
    def until(self) -> datetime | None:
        """Return the moment it waits for."""
        return self.row.next_attempt_at if self.status == Status.WAITING and self.row is not None else None

    @property
    def until_words(self) -> str:
        """Say what happens at that moment."""
        if self.is_waiting_for_person:
            return "To be decided"
        return "Goes on" if self.step.kind == "wait" else "Next attempt"


@dataclass
class UrgentLine:
    """A step inside a folded loop that a person may want to see at once."""

    place: str
    line: Line


class Timeline:
    """A list of steps in one scope, in the order they are written, with how each stands."""

    def __init__(self, steps: Sequence[RawStep], rows: Iterable[StepRow], *, is_open: bool, scope: str = "") -> None:
        """Sort the rows by the place they belong to."""
        self.is_open = is_open
        self.by_scope: dict[str, dict[str, StepRow]] = defaultdict(dict)
        for row in rows:
            self.by_scope[row.scope][row.name] = row
        self.lines = self._lines(steps, scope)

    @property
    def done_count(self) -> int:
        """Count the steps that are over."""
        return sum(1 for line in self.lines if line.status in OVER)

    def all_lines(self) -> list[Line]:
        """List the lines at every depth."""
        return list(_walk(self.lines))

    def _lines(self, steps: Sequence[RawStep], scope: str) -> list[Line]:
        lines = []
        for step in steps:
            path = f"{scope}.{step.name}" if scope else step.name
            row = self.by_scope[scope].get(step.name) if scope in self.by_scope else None
            status = row.status if row else Status.PENDING if self.is_open else Status.CANCELLED
            line = Line(step, path, str(status), detail_words(step, row, status, is_open=self.is_open), row)
            if row is not None and step.kind != "loop":
                for key, inner in step.lanes():
                    if f"{path}[{key}]" in self.by_scope:
                        line.branches.append(Branch(key, self._lines(read_steps(inner), f"{path}[{key}]")))
            lines.append(line)
        return lines


def static_scopes(steps: Sequence[RawStep], scope: str = "") -> list[str]:
    """List the scopes that exist once in each time round: those of branches, but not of a loop's items."""
    found = [scope]
    for step in steps:
        if step.kind == "loop":
            continue
        path = f"{scope}.{step.name}" if scope else step.name
        for key, inner in step.lanes():
            found += static_scopes(read_steps(inner), f"{path}[{key}]")
    return found


def body_of(steps: Any, name: str) -> list[RawStep]:
    """Find a loop by its name, at any depth, and return its steps."""
    for step in read_steps(steps):
        for _, inner in step.lanes():
            if step.name == name:
                return read_steps(inner)
            if found := body_of(inner, name):
                return found
    return []


def together(statuses: Iterable[str]) -> str:
    """Say in one word how several steps stand."""
    counts = Counter(str(status) for status in statuses)
    for status in ("failed", "running", "waiting", "cancelled"):
        if counts[status]:
            return status
    if counts["pending"]:
        return "running" if counts["completed"] or counts["skipped"] else "pending"
    return "skipped" if counts["skipped"] and not counts["completed"] else "completed"


def _walk(lines: Iterable[Line]) -> Iterable[Line]:
    for line in lines:
        yield line
        for branch in line.branches:
            yield from _walk(branch.lines)
