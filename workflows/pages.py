"""What the pages of workflows and executions show."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, Count, F, Func, IntegerField, TextField, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Left

from coreengine.kernel.actions import action_names, get_action
from coreengine.kernel.statuses import Status
from coreengine.kernel.texts import duration_words
from workflows.engine.definition import DefinitionInvalid, Fault
from workflows.engine.source import read_source
from workflows.graph import NodeState, Picture
from workflows.models import Execution, LoopItem, StepExecution
from workflows.timeline import COUNTS, StepRow, Timeline, together

EXCERPT = 300
MOST_ROWS = 400
STEP_TYPES = [
    ("plugin_action", "Reads from or writes to a connected service: plugin, action, params, connection."),
    ("system_action", "Does something here, such as importing what was read: action, params."),
    ("ai_agent", "Asks an agent: agent, prompt, parameters."),
    ("loop", "Does its steps for each of its items: items, as, steps, max_concurrency, max_iterations."),
]

STARTER = """\
name: Remind me on Sunday
description: Puts a line into the bell every Sunday evening.
triggers:
  - type: schedule
    cron: "0 18 * * 0"
steps:
  - name: tell
    type: system_action
    config:
      action: create_notification
      params:
        title: Plan the week
        content: Look at what is due and put it into the calendar.
"""


@dataclass(frozen=True)
class EditorPage:
    """A definition while it is written: its faults at their lines, and the picture of what can be read."""

    source: str
    faults: list[Fault]
    picture: Picture

    @classmethod
    def of(cls, source: str, *, faults: list[Fault]) -> "EditorPage":
        """Draw what the text says so far."""
        try:
            data = read_source(source).data
        except DefinitionInvalid:
            data = None
        return cls(source, faults, Picture(data.get("steps") if isinstance(data, dict) else None, rail_width=440))

    @property
    def step_types(self) -> list[tuple[str, str]]:
        """List what a step may be, with what it does."""
        return STEP_TYPES

    @property
    def actions(self) -> list[tuple[str, str]]:
        """List the system actions, with what they do."""
        return [(name, get_action(name).summary) for name in action_names()]


class ExecutionPage:
    """One execution while it goes on and afterwards. Three queries, however many steps there are."""

    def __init__(self, execution: Execution) -> None:
        """Prepare the page; rows are read when they are first shown."""
        self.execution = execution
        self.steps: Sequence[dict[str, Any]] = execution.version.definition["steps"]

    @cached_property
    def rows(self) -> list[StepRow]:
        """Return the steps at the top, and a page's worth of those inside loops, what goes on first."""
        urgency = Case(
            When(scope="", then=Value(0)),
            When(status__in=[Status.FAILED, Status.RUNNING, Status.WAITING], then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
        found = (
            StepExecution.objects.filter(execution=self.execution)
            .annotate(
                urgency=urgency,
                # Results may be large, so only what is said of them leaves the database.
                result_type=Func(F("result"), function="jsonb_typeof", output_field=TextField()),
                content=Left(KeyTextTransform("content", "result"), EXCERPT),
                **{name: Left(KeyTextTransform(name, "result"), 20) for name in COUNTS},
            )
            .annotate(
                result_length=Case(
                    When(
                        result_type="array",
                        then=Func(F("result"), function="jsonb_array_length", output_field=IntegerField()),
                    )
                )
            )
            .order_by("urgency", "-id")
            .values_list(*StepRow.FIELDS)[:MOST_ROWS]
        )
        return [StepRow(*values) for values in found]

    @cached_property
    def timeline(self) -> Timeline:
        """List the steps in the order they are written."""
        name = Coalesce(KeyTextTransform("name", "value"), KeyTextTransform("title", "value"))
        named = LoopItem.objects.filter(step__execution=self.execution).annotate(label=name)
        labels = {
            f"{path}[{index}]": label or ""
            for path, index, label in named.order_by("-pk").values_list("step__path", "index", "label")[:MOST_ROWS]
        }
        return Timeline(self.steps, self.rows, is_open=self.execution.is_open, labels=labels)

    @cached_property
    def picture(self) -> Picture:
        """Draw the steps with how they stand; a step inside a loop stands for all its items."""
        inner = StepExecution.objects.filter(execution=self.execution).exclude(scope="")
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for name, status, number in inner.values_list("name", "status").annotate(n=Count("pk")).order_by():
            counts[name][status] = number
        states = {name: NodeState(together(found), _progress(found)) for name, found in counts.items()}
        for line in self.timeline.lines:
            if line.row is not None:
                row = line.row
                states[row.name] = NodeState(
                    row.status, _node_detail(row), row.items_done, row.item_count, anchor=line.anchor
                )
        return Picture(self.steps, states)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """List what is worth knowing about the whole."""
        execution = self.execution
        facts = [("Version", str(execution.version.number))]
        if execution.duration_s is not None:
            facts.append(("Duration", duration_words(execution.duration_s)))
        retries = sum(max(0, row.attempt - 1) for row in self.rows)
        facts.append(("Retries", str(retries)))
        facts += [
            (name.replace("_", " "), str(value)[:60])
            for name, value in execution.inputs.items()
            if name != "connection"
        ]
        return facts

    @property
    def seen(self) -> str:
        """Return a mark of what is shown: while it stays the same, there is nothing to swap."""
        state = [(r.path, r.status, r.attempt, r.items_done) for r in self.rows]
        return hashlib.sha256(repr((self.execution.status, state)).encode()).hexdigest()[:16]


def _progress(counts: Counter[str]) -> str:
    return f"{counts['completed'] + counts['skipped']} of {counts.total()}"


def _node_detail(row: StepRow) -> str:
    if row.item_count is not None:
        return f"{row.items_done} of {row.item_count}"
    if row.execution_time is not None and row.status == Status.COMPLETED:
        return duration_words(row.execution_time)
    return ""
