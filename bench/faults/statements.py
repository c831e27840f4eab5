"""R34: every statement of the engine fails, before and after it was executed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import DeadlockDetected, SerializationFailure

from bench.faults.definitions import Definition, agent, inline, keyed, pauses, rounds, workflow
from bench.faults.local import QueuedHints, alone, let_time_pass, local_runner
from bench.faults.trial import Trial, fault

Site = tuple[str, int]
"""A place in the source: file and line."""
OURS = ("/workflows/", "/coreengine/kernel/")
ROUNDS = 40


def _errors() -> list[tuple[str, Callable[[], Exception]]]:
    def wrapped(cause: type[Exception]) -> Callable[[], Exception]:
        def make() -> Exception:
            error = OperationalError(cause.__name__)
            error.__cause__ = cause()
            return error

        return make

    return [
        ("OperationalError", lambda: OperationalError("the connection was lost")),
        ("SerializationFailure", wrapped(SerializationFailure)),
        ("Deadlock", wrapped(DeadlockDetected)),
    ]


class Injector:
    """Counts statements by the place that sends them, and makes one of them fail once."""

    def __init__(self) -> None:
        self.seen: dict[Site, int] = {}
        self.target: Site | None = None
        self.before = True
        self.error: Callable[[], Exception] = Exception
        self.is_spent = False

    def aim(self, site: Site, error: Callable[[], Exception], *, before: bool) -> None:
        """Fail at the next statement of this place."""
        self.target, self.error, self.before, self.is_spent = site, error, before, False

    def _here(self) -> Site:
        frame: Any = sys._getframe(2)
        while frame is not None:
            name = frame.f_code.co_filename
            if any(part in name for part in OURS) and "/bench/" not in name:
                return name.rpartition("/workflows/" if "/workflows/" in name else "/coreengine/")[2], frame.f_lineno
            frame = frame.f_back
        return "", 0

    def around(self, site: Site, run: Callable[[], Any]) -> Any:
        """Execute a statement, or fail on one side of it."""
        self.seen[site] = self.seen.get(site, 0) + 1
        hit = site == self.target and not self.is_spent
        if hit and self.before:
            self.is_spent = True
            raise self.error()
        answer = run()
        if hit:
            self.is_spent = True
            raise self.error()
        return answer

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return self.around(self._here(), lambda: execute(sql, params, many, context))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Stand between the engine and its database: every statement, and every commit."""
        real = BaseDatabaseWrapper._commit

        def commit(wrapper: Any) -> None:
            file, line = self._here()
            self.around((f"commit of {file}", line), lambda: real(wrapper))

        BaseDatabaseWrapper._commit = commit  # type: ignore[method-assign]
        try:
            with connection.execute_wrapper(self):
                yield
        finally:
            BaseDatabaseWrapper._commit = real  # type: ignore[method-assign]


def scenario() -> list[Definition]:
    """Between them they come to every statement of the store."""
    retry = keyed("again", "begin", params={"refuse_first": 1})
    skipped = inline("skipped", "begin", condition="1 == 2")
    broken = inline("broken", "begin", params={"do": "memory"}, max_retries=0)
    return [
        workflow("Statements", inline("begin"), retry, agent("ask", "again"), skipped, inline("end", "ask")),
        workflow("Statements of loops", *rounds(2)["steps"]),
        pauses(),
        workflow("Statements of failures", inline("begin"), broken, keyed("never", "broken")),
    ]


@fault("R34")
def statements_fail(trial: Trial) -> None:
    """Every statement and commit of the engine fails once, before and after it is executed, with three errors.

    Pass: every place of the source is tried; each execution still ends as it should, with every effect once.
    """
    alone(trial)
    injector = Injector()
    for definition in scenario():
        _drive(trial, injector, definition)
    sites = sorted(injector.seen)
    errors = _errors() if trial.size.is_full or trial.size.scale >= 1 else _errors()[:1]
    done, missed = 0, []
    for site in sites:
        for name, error in errors:
            for before in (True, False):
                injector.aim(site, error, before=before)
                for definition in scenario():
                    if not injector.is_spent:
                        _drive(trial, injector, definition)
                done += injector.is_spent
                if not injector.is_spent:
                    missed.append((site, name))
    injector.target = None
    trial.result.kills = done
    trial.note(places=len(sites), failures=done)
    trial.expect(not missed, f"places that were not come to again: {missed[:5]}")
    trial.check(wanted="")
    wrong = {n: s for n, s in trial.statuses().items() if s != trial_wants.get(n, "completed")}
    if wrong:
        trial.expect(False, f"ended otherwise than they should: {wrong} {trial.describe(next(iter(wrong)))}")


trial_wants: dict[int, str] = {}


def _drive(trial: Trial, injector: Injector, definition: Definition) -> None:
    """One execution to its end; a failing statement costs the task that met it, as in a worker."""
    number = trial.begin(definition)[0]
    if definition["name"].endswith("failures"):
        trial_wants[number] = "failed"
    hints = QueuedHints()
    runner = local_runner(hints)
    hints.advance(number)
    with injector.watching():
        for _ in range(ROUNDS):
            while hints.queue:
                execution, path = hints.queue.popleft()
                _try(lambda e=execution, p=path: runner.run_step(e, p) if p else runner.advance(e))
            if not _in_peace(injector, lambda: trial.open([number])):
                return
            _in_peace(injector, lambda: let_time_pass([number]))
            _try(runner.sweep)


def _try(task: Callable[[], Any]) -> None:
    try:
        task()
    except OperationalError:
        if not connection.in_atomic_block:
            connection.close()


def _in_peace(injector: Injector, look: Callable[[], Any]) -> Any:
    """Look without counting or failing."""
    seen, target = dict(injector.seen), injector.target
    injector.target = None
    try:
        return look()
    finally:
        injector.seen, injector.target = seen, target
