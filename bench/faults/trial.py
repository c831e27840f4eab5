"""One fault's course: the executions it starts, what it kills, and what came of all that."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from bench.faults import checks
from bench.faults.definitions import Definition
from bench.faults.points import CHILD, GROUP, Reached
from bench.faults.world import World


@dataclass(frozen=True)
class Size:
    """How much is done: as in the list of faults, or less."""

    is_full: bool = False
    scale: float = 1.0
    seed: int = 0
    """Of everything random."""

    @property
    def is_small(self) -> bool:
        """Say whether no more than a glance is wanted."""
        return not self.is_full and self.scale < 0.5

    def of(self, small: int, full: int) -> int:
        """A count."""
        return full if self.is_full else max(1, min(full, round(small * self.scale)))

    def seconds(self, small: float, full: float) -> float:
        """A duration; scaled by being short, not by the number of trials."""
        return full if self.is_full else small


@dataclass
class Result:
    """The line of one fault."""

    name: str
    title: str
    executions: int = 0
    kills: int = 0
    lost: int = 0
    duplicated: int = 0
    slowest_s: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Say whether every figure is met."""
        return not (self.lost or self.duplicated or self.problems)


class Trial:
    """Starts executions, waits for them, and checks them."""

    def __init__(self, world: World, size: Size, result: Result) -> None:
        self.world = world
        self.size = size
        self.result = result
        self.executions: list[int] = []
        self._workflows: dict[str, Any] = {}
        self._seen = len(world.points.reached())
        self.may_repeat: set[str] = set()

    def expect(self, holds: bool, words: str) -> None:
        """Note a pass figure that is missed."""
        if not holds:
            self.result.problems.append(words)

    def note(self, **figures: Any) -> None:
        """Add figures to the line."""
        self.result.notes |= {name: round(v, 2) if isinstance(v, float) else v for name, v in figures.items()}

    # --- executions -------------------------------------------------------------------------------------

    def workflow(self, definition: Definition) -> Any:
        """The saved workflow of a definition."""
        from workflows.versions import create_workflow

        name = definition["name"]
        if name not in self._workflows:
            owner = self.world.student
            assert owner is not None
            self._workflows[name] = create_workflow(owner, by=owner, definition=definition)
        return self._workflows[name]

    def begin(self, definition: Definition, count: int = 1, **fields: Any) -> list[int]:
        """Start executions from this process, as a web server does."""
        from workflows.services import start_execution

        workflow = self.workflow(definition)
        workflow.refresh_from_db()  # it may have a new version
        made = [start_execution(workflow, by=self.world.student, **fields).pk for _ in range(count)]
        self.executions += made
        return made

    def statuses(self, executions: Iterable[int] | None = None) -> dict[int, str]:
        """Execution → status."""
        from workflows.models import Execution

        ids = list(self.executions if executions is None else executions)
        return dict(Execution.objects.filter(pk__in=ids).values_list("pk", "status"))

    def open(self, executions: Iterable[int] | None = None) -> list[int]:
        """Those that are not over."""
        return [number for number, status in self.statuses(executions).items() if status not in checks.OVER]

    def finish(self, limit_s: float, *, among: Iterable[int] | None = None) -> bool:
        """Wait until all are over, answering what a person is asked meanwhile."""
        ids = list(self.executions if among is None else among)

        def over() -> bool:
            left = self.open(ids)
            self.answer(left)
            return not left

        return self.world.until(over, limit_s=limit_s, every_s=0.1) is not None

    def answer(self, executions: list[int]) -> None:
        """Be the person who knows what became of unkeyed effects: done, when the sink was asked; else try again."""
        from workflows.engine.pauses import DONE, RETRIED, NotAsked
        from workflows.models import StepExecution
        from workflows.running import runner

        found = StepExecution.objects.filter(execution_id__in=executions, status="waiting", reason="needs_attention")
        for number, path in found.values_list("execution_id", "path"):
            was_done = (number, path) in self.world.sink.of({number})
            with contextlib.suppress(NotAsked):  # cancelled in between
                runner().resolve(number, path, DONE if was_done else RETRIED, by=None, result={"effect": 0})
            self.result.notes["answered"] = self.result.notes.get("answered", 0) + 1

    # --- kills ------------------------------------------------------------------------------------------

    def reached(self) -> list[Reached]:
        """The orders obeyed in this trial."""
        return self.world.points.reached(since=self._seen)

    def note_recoveries(self, moments: Iterable[tuple[int, float]]) -> None:
        """For (execution, moment of its loss): how long until something happened to it again."""
        for number, at in moments:
            with connection.cursor() as cursor:
                cursor.execute(
                    """SELECT extract(epoch FROM min(time)) FROM kernel_event
                       WHERE subject_type = 'workflows.execution' AND subject_id = %s AND time > to_timestamp(%s)""",
                    [str(number), at],
                )
                (after,) = cursor.fetchone()
            if after is not None:
                self.result.slowest_s = max(self.result.slowest_s, float(after) - at)

    def note_kills(self) -> None:
        """Count the processes that killed themselves, and how long their executions lay still."""
        kills = [one for one in self.reached() if one.kind in (GROUP, CHILD)]
        self.result.kills += len(kills)
        self.note_recoveries((one.execution, one.at) for one in kills if one.execution)

    # --- the end ----------------------------------------------------------------------------------------

    def check(self, *, wanted: str = "completed", has_effects: bool = True) -> None:
        """Count what is lost and doubled, and look at every invariant. Open executions count as lost."""
        states = self.statuses()
        result = self.result
        result.executions += len(self.executions)
        left = [number for number, status in states.items() if status not in checks.OVER]
        result.lost += len(left)
        if left:
            result.problems.append(f"not over: {left[:5]} {self.describe(left[0])}")
        other = {n: s for n, s in states.items() if s in checks.OVER and wanted and s != wanted}
        if other:
            number = next(iter(other))
            result.problems.append(f"{len(other)} ended otherwise than {wanted}: {number} {self.describe(number)}")
        if has_effects:
            doubled, words = checks.effects(self.executions, self.world.sink, may_repeat=self.may_repeat)
            result.duplicated += doubled
            result.problems += words
        result.problems += checks.broken_invariants(self.executions)

    def describe(self, number: int) -> str:
        """The state of one execution, for whoever looks for the cause."""
        from workflows.models import Execution

        execution = Execution.objects.get(pk=number)
        steps = execution.steps.exclude(status="completed").values_list("path", "status", "attempt", "error")
        return f"{execution.status} {execution.error_message!r} {list(steps)[:6]}"


Fault = Callable[[Trial], None]
FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    """Register the function of a fault of the list."""

    def register(run: Fault) -> Fault:
        FAULTS[name] = run
        return run

    return register


def run_fault(name: str, world: World, size: Size) -> Result:
    """Run one fault in a world that is put in order before and after."""
    run = FAULTS[name]
    result = Result(name, (run.__doc__ or "").strip().splitlines()[0].rstrip("."))
    world.sink.forget()
    world.points.cancel_orders()
    began = time.monotonic()
    try:
        run(Trial(world, size, result))
    except Exception as error:
        import traceback

        result.problems.append(f"the fault's own course broke: {traceback.format_exc(limit=-4)}{error}")
    finally:
        result.seconds = time.monotonic() - began
        world.points.cancel_orders()
    return result
