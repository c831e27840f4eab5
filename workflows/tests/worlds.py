"""The engine with doubles at its edges, over either store: what the contract tests drive."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection

from coreengine.kernel.models import Event
from workflows.engine.definition import parse_definition
from workflows.engine.memory import MemoryStore
from workflows.engine.outcome import Effect, Outcome, StepCall
from workflows.engine.replay import differences, replay
from workflows.engine.runner import Runner
from workflows.models import Execution, StepExecution, Workflow, WorkflowVersion
from workflows.rebuild import compare
from workflows.store import DjangoStore


class Killed(BaseException):
    """The worker is gone, in the middle of whatever it did."""


class QueuedHints:
    """Hints in a queue that tests empty, double or throw away."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, str]] = deque()

    def advance(self, execution_id: int, *, delay_s: float = 0.0, behind: bool = False) -> None:
        if not delay_s:
            self.queue.append((execution_id, ""))

    def run_step(self, execution_id: int, path: str, kind: str, *, delay_s: float = 0.0) -> None:
        if not delay_s:
            self.queue.append((execution_id, path))


class ScriptedExecutor:
    """Does what the test says for an action; without a script it gives its parameters back."""

    def __init__(self) -> None:
        self.scripts: dict[str, Callable[[StepCall], Outcome]] = {}
        self.calls: list[StepCall] = []
        self.unkeyed: set[str] = set()
        """Actions that would happen twice if tried again."""
        self.lengthy: set[str] = set()
        """Actions that commit by themselves; the others may share a transaction where they are in line."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        return Effect.UNKEYED if config.get("action") in self.unkeyed else Effect.KEYED

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        return config.get("action") not in self.lengthy

    def run(self, call: StepCall) -> Outcome:
        self.calls.append(call)
        script = self.scripts.get(call.config.get("action", ""))
        return script(call) if script else Outcome.done(call.config.get("params"))

    def paths(self) -> list[str]:
        return [call.path for call in self.calls]


made: list[World] = []
"""The worlds of the test under way: `conftest` compares their rows with their log when the test is over."""


class World:
    """A store, a runner and doubles."""

    person = 7
    """The id of someone who decides."""

    def __init__(self, store: Any) -> None:
        made.append(self)
        self.store = store
        self.hints = QueuedHints()
        self.executor = ScriptedExecutor()
        kinds = ("system_action", "plugin_action", "ai_agent")
        self.runner = Runner(store, dict.fromkeys(kinds, self.executor), self.hints)

    def script(self, action: str, run: Callable[[StepCall], Outcome]) -> None:
        """Say what an action does."""
        self.executor.scripts[action] = run

    def begin(self, steps: list[dict[str, Any]], **fields: Any) -> int:
        """Start a workflow of these steps and hint at it once."""
        start = {name: fields.pop(name) for name in ("given_inputs", "trigger") if name in fields}
        number = self.add({"name": "Test", "steps": steps, **fields}, **start)
        self.hints.advance(number)
        return number

    def drain(self, *, limit: int = 100_000) -> None:
        """Follow every hint until none is left."""
        for _ in range(limit):
            if not self.hints.queue:
                return
            self.follow(*self.hints.queue.popleft())
        raise AssertionError("the hints never end")

    def follow(self, number: int, path: str) -> None:
        """Do what one hint asks for."""
        if path:
            self.runner.run_step(number, path)
        else:
            self.runner.advance(number)

    def run(self, steps: list[dict[str, Any]], **fields: Any) -> int:
        """Start a workflow and follow every hint."""
        number = self.begin(steps, **fields)
        self.drain()
        return number

    def sweep_until_over(self, number: int, *, rounds: int = 60, step_s: float = 30) -> None:
        """Let time pass and the sweep work, until the execution is over."""
        for _ in range(rounds):
            self.drain()
            if self.status(number) not in ("pending", "running"):
                return
            self.later(step_s)
            self.runner.sweep()
        raise AssertionError(f"execution {number} is {self.status(number)} for ever: {self.statuses(number)}")

    def repeat(self, number: int, chosen: str = "", *, definition: dict[str, Any] | None = None) -> int:
        """Repeat an execution from a step, or (none chosen) from what had not finished, and follow every hint."""
        again = self.add_rerun(number, chosen, definition)
        self.hints.advance(again)
        self.drain()
        return again

    def add_rerun(self, number: int, chosen: str, definition: dict[str, Any] | None) -> int:
        raise NotImplementedError

    def status(self, number: int) -> str:
        return self.execution(number).status

    def statuses(self, number: int) -> dict[str, str]:
        return {path: step.status for path, step in self.steps(number).items()}

    def event_types(self, number: int) -> list[str]:
        return [type for type, _data in self.events(number)]

    def results(self, number: int) -> dict[str, Any]:
        return {path: step.result for path, step in self.steps(number).items() if step.status == "completed"}

    def check_log(self) -> None:
        """Fail where the log does not tell what the rows say."""
        raise NotImplementedError

    def add(self, definition: dict[str, Any], **fields: Any) -> int:
        raise NotImplementedError

    def execution(self, number: int) -> Any:
        raise NotImplementedError

    def steps(self, number: int) -> dict[str, Any]:
        raise NotImplementedError

    def events(self, number: int) -> list[tuple[str, dict[str, Any]]]:
        raise NotImplementedError

    def later(self, seconds: float) -> None:
        raise NotImplementedError


class MemoryWorld(World):
    """The in-memory store."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())

    def add(self, definition: dict[str, Any], **fields: Any) -> int:
        return self.store.add(
            parse_definition(definition), inputs=fields.get("given_inputs", {}), trigger=fields.get("trigger", {})
        )

    def add_rerun(self, number: int, chosen: str, definition: dict[str, Any] | None) -> int:
        earlier = self.store.execution(number)
        newer = parse_definition(definition) if definition else self.store.definition(earlier.version_id)
        return self.store.add(
            newer, inputs=earlier.inputs, trigger=earlier.trigger, rerun_of_id=number, rerun_from=chosen
        )

    def execution(self, number: int) -> Any:
        return self.store.execution(number)

    def steps(self, number: int) -> dict[str, Any]:
        return dict(self.store.steps(number))

    def events(self, number: int) -> list[tuple[str, dict[str, Any]]]:
        return [(event.type, event.data) for event in self.store.events(number)]

    def check_log(self) -> None:
        for number in self.store.executions():
            execution = self.store.execution(number)
            fold = replay(self.store.events(number), self.store.definition(execution.version_id))
            found = differences(fold, execution, self.steps(number).values(), self.store.items(number).items())
            assert list(found) == []

    def later(self, seconds: float) -> None:
        self.store.later += timedelta(seconds=seconds)


class DatabaseWorld(World):
    """PostgreSQL. Time passes by moving every stored moment into the past: the database's clock decides."""

    def __init__(self, owner: Any) -> None:
        super().__init__(DjangoStore())
        self.owner = owner
        self.person = owner.pk
        self._numbers = itertools.count(1)

    def add(self, definition: dict[str, Any], **fields: Any) -> int:
        parse_definition(definition)
        workflow = Workflow.objects.create(owner=self.owner, name=f"Test {next(self._numbers)}")
        version = WorkflowVersion.objects.create(workflow=workflow, number=1, source="", definition=definition)
        execution = Execution.objects.create(
            owner=self.owner,
            workflow=workflow,
            version=version,
            actor=self.owner,
            variables=definition.get("variables", {}),
            inputs=fields.get("given_inputs", {}),
            trigger=fields.get("trigger", {}),
        )
        return execution.pk

    def add_rerun(self, number: int, chosen: str, definition: dict[str, Any] | None) -> int:
        earlier = Execution.objects.select_related("version").get(pk=number)
        version = earlier.version
        if definition:
            parse_definition(definition)
            count = earlier.workflow.versions.count()
            version = earlier.workflow.versions.create(number=count + 1, source="", definition=definition)
        execution = Execution.objects.create(
            owner=self.owner,
            workflow=earlier.workflow,
            version=version,
            actor=self.owner,
            variables=version.definition.get("variables", {}),
            inputs=earlier.inputs,
            trigger=earlier.trigger,
            rerun_of=earlier,
            rerun_from=chosen,
        )
        return execution.pk

    def execution(self, number: int) -> Any:
        return Execution.objects.get(pk=number)

    def steps(self, number: int) -> dict[str, Any]:
        return {step.path: step for step in StepExecution.objects.filter(execution_id=number)}

    def events(self, number: int) -> list[tuple[str, dict[str, Any]]]:
        stream = Event.objects.filter(subject_type="workflows.execution", subject_id=str(number))
        return list(stream.order_by("sequence").values_list("type", "data"))

    def check_log(self) -> None:
        assert dict(compare(Execution.objects.all())) == {}

    def later(self, seconds: float) -> None:
        ago = f"interval '{seconds} s'"
        with connection.cursor() as cursor:
            for table, columns in (
                ("workflows_execution", ("deadline_at", "hinted_at")),
                ("workflows_stepexecution", ("lease_until", "deadline_at", "next_attempt_at", "ready_at", "hinted_at")),
            ):
                changes = ", ".join(f"{column} = {column} - {ago}" for column in columns)
                cursor.execute(f"UPDATE {table} SET {changes} WHERE status IN ('pending', 'running', 'waiting')")

    @contextmanager
    def killed_at(self, commit: int, *, before: bool) -> Iterator[None]:
        """Kill the worker at its n-th transaction: before it commits, or right after."""
        real_open = self.store.open
        count = itertools.count(1)

        @contextmanager
        def open_until_killed(execution_id: int, **options: Any) -> Iterator[Any]:
            number = next(count)
            with real_open(execution_id, **options) as ledger:
                yield ledger
                if number == commit and before:
                    raise Killed
            if number == commit:
                raise Killed

        self.store.open = open_until_killed
        try:
            yield
        finally:
            del self.store.open


def action(name: str, does: str = "echo", *, after: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    """An in-line step."""
    return _step(name, "system_action", does, after, fields)


def outside(name: str, does: str = "echo", *, after: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    """A step for another worker."""
    return _step(name, "plugin_action", does, after, fields)


def loop(name: str, items: Any, steps: list[dict[str, Any]], *, after: list[str] | None = None, **fields: Any) -> Any:
    """A loop; `config` fields such as `max_concurrency` and `as_name` may be given directly."""
    config: dict[str, Any] = {"items": items, "steps": steps}
    for key in ("max_concurrency", "max_iterations", "until", "on_item_error"):
        if key in fields:
            config[key] = fields.pop(key)
    if "as_name" in fields:
        config["as"] = fields.pop("as_name")
    return {"name": name, "type": "loop", "depends_on": after or [], "config": config, **fields}


def either(
    name: str,
    expression: str,
    then: list[dict[str, Any]],
    otherwise: list[dict[str, Any]] | None = None,
    *,
    after: list[str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A condition."""
    config = {"expression": expression, "then": then} | ({} if otherwise is None else {"else": otherwise})
    return {"name": name, "type": "condition", "depends_on": after or [], "config": config, **fields}


def parallel(
    name: str, branches: dict[str, list[dict[str, Any]]], *, after: list[str] | None = None, **fields: Any
) -> dict[str, Any]:
    """Branches side by side; `wait_for` may be given directly."""
    config: dict[str, Any] = {"branches": branches}
    if "wait_for" in fields:
        config["wait_for"] = fields.pop("wait_for")
    return {"name": name, "type": "parallel", "depends_on": after or [], "config": config, **fields}


def wait(name: str, *, after: list[str] | None = None, **config: Any) -> dict[str, Any]:
    """A wait of a `duration` or `until` a time."""
    return {"name": name, "type": "wait", "depends_on": after or [], "config": config}


def approval(name: str, *, after: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    """A question to a person."""
    config = {"message": fields.pop("message", "May I?")}
    if "timeout_action" in fields:
        config["timeout_action"] = fields.pop("timeout_action")
    return {"name": name, "type": "approval", "depends_on": after or [], "config": config, **fields}


def _step(name: str, kind: str, does: str, after: list[str] | None, fields: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {"action": does, "params": fields.pop("params", {})}
    if kind == "plugin_action":
        config["plugin"] = "test"
    return {"name": name, "type": kind, "depends_on": after or [], "config": config, **fields}
