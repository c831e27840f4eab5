"""What the page of an execution shows, read in a number of queries that does not grow with its steps."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.db.models import Case, Count, F, Func, IntegerField, Q, QuerySet, TextField, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Left

from coreengine.kernel.statuses import Status
from coreengine.kernel.texts import duration_words
from workflows.graph import NodeState, Picture
from workflows.graph.parts import MARKS
from workflows.graph.reading import RawStep, read_steps, walk
from workflows.models import Approval, Execution, LoopItem, StepExecution
from workflows.timeline import Line, Timeline, UrgentLine, body_of, static_scopes, together
from workflows.timeline_rows import COUNTS, TEXTS, StepRow
from workflows.wording import counted, detail_words

EXCERPT = 300
MOST_LINES = 200
"""About how many lines a page of a loop's items may have."""
MOST_ITEMS = 25
MOST_URGENT = 6
MOST_UNFOLDED = 8
UNFOLDED_AT_FIRST = 6
"""A loop of up to so many items needs no unfolding."""
MOST_JSON = 20_000
UNDER_WAY = (Status.RUNNING, Status.WAITING)


@dataclass(frozen=True)
class Unfolding:
    """Which part of a loop's items is shown: its step's id, the page, and all of them or some."""

    step: int
    page: int = 1
    show: str = "all"

    @classmethod
    def read(cls, text: str) -> list[Unfolding]:
        """Read what the page says is unfolded: `12:1:all,15:3:failed`."""
        found = []
        for part in text.split(",")[:MOST_UNFOLDED]:
            step, _, rest = part.partition(":")
            page, _, show = rest.partition(":")
            if step.isdecimal() and len(step) < 19:
                number = int(page) if page.isdecimal() and len(page) < 9 else 1
                found.append(cls(int(step), max(1, number), show if show in SHOWN else "all"))
        return found


SHOWN = ("all", "failed", "open")


@dataclass
class Item:
    """One time round a loop."""

    number: int
    status: str
    label: str
    timeline: Timeline

    @property
    def mark(self) -> str:
        """Return the icon of its status."""
        return MARKS[self.status]

    @property
    def words(self) -> str:
        """Say in one line what happened to this item."""
        lines = self.timeline.all_lines()
        for status in (Status.FAILED, Status.WAITING, Status.RUNNING):
            if found := next((line for line in lines if line.status == status), None):
                return f"{found.name}: {found.detail}"
        if self.status == Status.COMPLETED:
            told = [line.result for line in lines if line.result and not line.branches]
            return ", ".join(told) or f"{counted(len(lines), 'step')} done"
        return "Not begun" if self.status == Status.PENDING else self.status

    @property
    def anchor(self) -> str:
        """Return the id of its fold."""
        return f"{self.timeline.lines[0].anchor}-item" if self.timeline.lines else ""


@dataclass
class LoopPage:
    """A page of a loop's items."""

    row: StepRow
    unfolding: Unfolding
    items: list[Item] = field(default_factory=list)
    total: int = 0
    page_count: int = 1
    is_open: bool = False

    @property
    def key(self) -> str:
        """Return what the page has to remember to show the same again."""
        return f"{self.unfolding.step}:{self.unfolding.page}:{self.unfolding.show}"

    @property
    def has_filters(self) -> bool:
        """Say whether there are so many items that one may want to see some."""
        return (self.row.item_count or 0) > UNFOLDED_AT_FIRST

    @property
    def previous_page(self) -> int | None:
        """Return the number of the page before."""
        return self.unfolding.page - 1 if self.unfolding.page > 1 else None

    @property
    def next_page(self) -> int | None:
        """Return the number of the page behind."""
        return self.unfolding.page + 1 if self.unfolding.page < self.page_count else None

    @property
    def filters(self) -> list[tuple[str, str]]:
        """Return the choices of items."""
        return [("all", "All"), ("failed", "Failed"), ("open", "Under way")]


def step_rows(steps: QuerySet[StepExecution]) -> list[StepRow]:
    """Read steps; results may be large, so only what is said of them leaves the database."""
    found = (
        steps.annotate(
            result_type=Func(F("result"), function="jsonb_typeof", output_field=TextField()),
            **{name: Left(KeyTextTransform(name, "result"), EXCERPT) for name in TEXTS},
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
        .order_by("position", "id")
        .values_list(*StepRow.FIELDS)
    )
    return [StepRow(*values) for values in found]


class ItemName(Func):
    """What an item of a loop is called: its name or title, or itself if it is a text or a number."""

    function = "case"
    template = "CASE WHEN jsonb_typeof(%(expressions)s) IN ('string', 'number') THEN %(expressions)s #>> '{}' END"
    output_field = TextField()


def item_labels(wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Name items of loops, given as (id of the loop's step, number)."""
    by_step: dict[int, list[int]] = defaultdict(list)
    for step, index in wanted:
        by_step[step].append(index)
    if not by_step:
        return {}
    chosen = reduce(or_, (Q(step_id=step, index__in=indexes) for step, indexes in by_step.items()))
    keys = [KeyTextTransform(key, "value") for key in ("name", "title", "label", "subject")]
    label = Left(Coalesce(*keys, ItemName("value"), Value("")), 120)
    rows = LoopItem.objects.filter(chosen).annotate(label=label).values_list("step_id", "index", "label")
    # A number beside the number of the item would pass for it.
    return {(step, index): f"({text})" if text.isdecimal() else text for step, index, text in rows}


class ExecutionPage:
    """One execution while it goes on and afterwards."""

    def __init__(self, execution: Execution, *, unfolded: Sequence[Unfolding] | None = None) -> None:
        """Prepare the page; `unfolded` says which loops stand open, None that nobody has touched them yet."""
        self.execution = execution
        self.steps: list[dict[str, Any]] = execution.version.definition["steps"]
        self.unfolded = unfolded

    @cached_property
    def raw(self) -> list[RawStep]:
        """The steps of the definition at the top."""
        return read_steps(self.steps)

    @cached_property
    def by_name(self) -> dict[str, RawStep]:
        """Every step of the definition, at any depth."""
        return {step.name: step for step, _ in walk(self.steps)}

    @cached_property
    def scopes(self) -> list[str]:
        """The places where a step stands once."""
        return static_scopes(self.raw)

    @cached_property
    def rows(self) -> list[StepRow]:
        """The steps outside loops."""
        return step_rows(StepExecution.objects.filter(execution=self.execution, scope__in=self.scopes))

    @cached_property
    def has_loops(self) -> bool:
        """Say whether anything goes round."""
        return any(step.kind == "loop" for step in self.by_name.values())

    @cached_property
    def timeline(self) -> Timeline:
        """The steps in the order they are written, with the loops that stand open."""
        timeline = Timeline(self.raw, self.rows, is_open=self.execution.is_open)
        loops = {line.row.id: line for line in timeline.all_lines() if line.has_items and line.row}
        wanted = self.unfolded
        if wanted is None:
            small = [key for key, line in loops.items() if line.row and (line.row.item_count or 0) <= UNFOLDED_AT_FIRST]
            wanted = [Unfolding(key) for key in small[:3]]
        for unfolding in wanted:  # an inner loop comes after the one it stands in
            if (line := loops.get(unfolding.step)) is not None and line.row is not None:
                line.items = self.items_of(line.row, unfolding)
                for item in line.items.items:
                    inner = item.timeline.all_lines()
                    loops |= {found.row.id: found for found in inner if found.has_items and found.row}
        self._add_urgent([line for line in timeline.all_lines() if line.has_items and line.items is None])
        self._add_questions(_every_line(timeline))
        return timeline

    def _add_questions(self, lines: list[Line]) -> None:
        """Tie what is asked to the lines that ask: one query, if any does."""
        asking = {line.path: line for line in lines if line.is_waiting_for_person}
        if asking:
            for question in Approval.objects.open().filter(execution=self.execution, path__in=asking):
                question.execution = self.execution
                asking[question.path].approval = question

    def items_of(self, row: StepRow, unfolding: Unfolding) -> LoopPage:
        """Read a page of a loop's items: two queries, a third for a choice of them."""
        body = body_of(self.steps, row.name)
        size = max(5, min(MOST_ITEMS, MOST_LINES // max(1, len(body))))
        numbers, total = self._numbers(row, unfolding, size)
        places = {number: static_scopes(body, f"{row.path}[{number}]") for number in numbers}
        every = [scope for scopes in places.values() for scope in scopes]
        found = step_rows(StepExecution.objects.filter(execution=self.execution, scope__in=every)) if every else []
        by_scope: dict[str, list[StepRow]] = defaultdict(list)
        for step in found:
            by_scope[step.scope].append(step)
        labels = item_labels((row.id, number) for number in numbers)
        items = []
        for number in numbers:
            mine = [step for scope in places[number] for step in by_scope[scope]]
            timeline = Timeline(body, mine, is_open=self.execution.is_open, scope=f"{row.path}[{number}]")
            status = together(step.status for step in mine) if mine else "pending" if row.status in UNDER_WAY else ""
            items.append(Item(number + 1, status or "cancelled", labels.get((row.id, number), ""), timeline))
        pages = max(1, -(-total // size))
        return LoopPage(row, unfolding, items, total, pages, is_open=self.execution.is_open)

    def _numbers(self, row: StepRow, unfolding: Unfolding, size: int) -> tuple[list[int], int]:
        """Which items are on the page, and how many there are in all."""
        start = (unfolding.page - 1) * size
        if unfolding.show == "all":
            total = row.item_count or 0
            return list(range(min(start, total), min(start + size, total))), total
        statuses = [Status.FAILED] if unfolding.show == "failed" else list(UNDER_WAY)
        scopes = (
            StepExecution.objects.filter(execution=self.execution, path__startswith=f"{row.path}[", status__in=statuses)
            .values_list("scope", flat=True)
            .distinct()
            .order_by()
        )
        ahead = len(row.path) + 1
        numbers = sorted({int(scope[ahead:].partition("]")[0]) for scope in scopes})
        return numbers[start : start + size], len(numbers)

    def _add_urgent(self, folded: list[Line]) -> None:
        """Put what failed, waits or goes on inside folded loops below them: one query, another for names."""
        if not folded:
            return
        rank = Case(
            When(status=Status.WAITING, reason__in=["approval", "needs_attention"], then=Value(0)),
            When(status=Status.FAILED, then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
        inside = (
            StepExecution.objects.filter(execution=self.execution, status__in=[Status.FAILED, *UNDER_WAY])
            .exclude(scope__in=self.scopes)
            .exclude(kind__in=["loop", "condition", "parallel"])
            .annotate(rank=rank)
            .order_by("rank", "id")
        )
        ids = list(inside.values_list("pk", flat=True)[: MOST_URGENT * 2])
        rows = step_rows(StepExecution.objects.filter(pk__in=ids)) if ids else []
        order = {pk: number for number, pk in enumerate(ids)}
        rows.sort(key=lambda row: order[row.id])
        loops = {line.path: line for line in folded}
        for row in rows:
            line = next((loop for path, loop in loops.items() if row.path.startswith(f"{path}[")), None)
            step = self.by_name.get(row.name)
            if line is None or step is None or len(line.urgent) >= MOST_URGENT:
                continue
            words = detail_words(step, row, row.status, is_open=self.execution.is_open)
            number = int(row.path[len(line.path) + 1 :].partition("]")[0])
            line.urgent.append(UrgentLine(f"{number + 1}", Line(step, row.path, row.status, words, row)))
        wanted = {
            (line.row.id, int(urgent.place) - 1) for line in folded for urgent in line.urgent if line.row is not None
        }
        labels = item_labels(wanted)
        for line in folded:
            for urgent in line.urgent:
                label = labels.get((line.row.id if line.row else 0, int(urgent.place) - 1), "")
                urgent.place = f"{urgent.place} {label}".strip()

    @cached_property
    def picture(self) -> Picture:
        """The steps drawn with how they stand; a step inside a loop stands for all its items."""
        states: dict[str, NodeState] = {}
        if self.has_loops:
            inner = StepExecution.objects.filter(execution=self.execution).exclude(scope__in=self.scopes)
            counts: dict[str, Counter[str]] = defaultdict(Counter)
            for name, status, number in inner.values_list("name", "status").annotate(n=Count("pk")).order_by():
                counts[name][status] = number
            states = {name: NodeState(together(found.elements()), _progress(found)) for name, found in counts.items()}
        for line in self.timeline.all_lines():
            if line.row is not None:
                states[line.step.name] = _state(line)
        return Picture(self.steps, states)

    @cached_property
    def decisions(self) -> list[Line]:
        """The steps that go on only when a person decides, of those that the page shows."""
        return [line for line in _every_line(self.timeline) if line.approval is not None]

    @property
    def retries(self) -> int:
        """Count the attempts after the first."""
        return sum(max(0, row.attempt - 1) for row in self.rows)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """List what is worth knowing about the whole."""
        execution = self.execution
        facts = [("Version", str(execution.version.number))]
        if execution.duration_s is not None:
            facts.append(("Duration", duration_words(execution.duration_s)))
        facts.append(("Retries", str(self.retries)))
        return facts

    @property
    def data(self) -> list[tuple[str, str, bool]]:
        """List what it was given and what it keeps: (title, JSON, whether it is cut)."""
        execution = self.execution
        written = execution.version.definition
        inputs = _in_order(execution.inputs, (written.get("inputs") or {}).get("properties"))
        variables = _in_order(execution.variables, written.get("variables"))
        shown = [("Inputs", inputs), ("Trigger", execution.trigger), ("Variables", variables)]
        return [(title, *json_excerpt(value)) for title, value in shown if value]

    @property
    def poll_ms(self) -> int:
        """Return how often the page asks: seldom while it waits for a time or a person."""
        return (
            600 if any(row.status in {Status.RUNNING, Status.PENDING} for row in self.rows) or not self.rows else 2500
        )

    @property
    def seen(self) -> str:
        """Return a mark of what is shown: while it stays the same, there is nothing to swap."""
        lines = self.timeline.all_lines()
        shown = [(line.path, line.status, line.row) for line in lines]
        inner = [
            (item.number, item.status, found.status, found.row)
            for line in lines
            if line.items
            for item in line.items.items
            for found in item.timeline.all_lines()
        ]
        urgent = [(found.line.path, found.line.status) for line in lines for found in line.urgent]
        states = sorted((name, state.status, state.detail) for name, state in (self.picture.states or {}).items())
        text = repr((self.execution.status, shown, inner, urgent, states))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _every_line(timeline: Timeline) -> list[Line]:
    """The lines that a page shows, those of unfolded items and the urgent ones of folded loops included."""
    lines = []
    for line in timeline.all_lines():
        lines.append(line)
        lines += [urgent.line for urgent in line.urgent]
        for item in line.items.items if line.items else ():
            lines += _every_line(item.timeline)
    return lines


def _in_order(values: dict[str, Any], written: Any) -> dict[str, Any]:
    """Values in the order in which the definition names them; others behind."""
    names = [name for name in written or () if name in values]
    return {name: values[name] for name in dict.fromkeys([*names, *values])}


def json_excerpt(value: Any, most: int = MOST_JSON) -> tuple[str, bool]:
    """Write a value as JSON, at most so many characters of it, and say whether it was cut."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return (text[:most].rsplit("\n", 1)[0], True) if len(text) > most else (text, False)


def _progress(counts: Counter[str]) -> str:
    return f"{counts['completed'] + counts['skipped']} of {counts.total()}"


def _state(line: Line) -> NodeState:
    row = line.row
    assert row is not None
    detail = ""
    if line.step.kind == "loop" and row.item_count is not None:
        detail = f"{row.items_done} of {row.item_count}"
    elif line.needs_attention:
        detail = "needs you"
    elif line.is_to_be_approved:
        detail = "waits for you"
    elif line.step.kind == "approval" and row.decision:
        detail = row.decision
    elif line.step.kind == "condition" and row.branch:
        detail = row.branch
    elif row.execution_time is not None and row.status == Status.COMPLETED:
        detail = duration_words(row.execution_time)
    total = row.item_count if line.step.kind == "loop" else None
    until = line.until if line.step.kind == "wait" else None
    return NodeState(row.status, detail, row.items_done, total, until, line.anchor)
