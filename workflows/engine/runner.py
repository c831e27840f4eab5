"""Who does the work, and when. Everything here may be stopped at any point and started again.

A hint says "look at this execution" or "do this step". It may be lost (the sweep finds the work) or come twice
(the second finds nothing to do). In-line steps run one after the other in the transaction that records them:
the effect and the completion of one step and the claim of the next are one commit. Brief ones share it: a worker
that holds a step does those behind it in the same transaction, for a moment, since all of it happens or none.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from coreengine.kernel.expressions import ExpressionError, render
from workflows.engine import containers, pauses, transitions
from workflows.engine.definition import CONTAINER_TYPES, DEFAULT_STEP_TIMEOUT_S, ENGINE_TYPES, INLINE_TYPES
from workflows.engine.lease import LeaseKeeper
from workflows.engine.ledger import Ledger
from workflows.engine.outcome import Effect, Executor, NotStorable, Outcome, StepCall, storable, storable_variables
from workflows.engine.pauses import NotAsked
from workflows.engine.records import StepRecord, path_in
from workflows.engine.retry import UNEXPECTED
from workflows.engine.scope import names_for
from workflows.engine.states import PENDING
from workflows.engine.store import Due, EffectBroken, Lease, Moved, Store
from workflows.engine.transitions import Stale

logger = logging.getLogger(__name__)

MAX_INLINE_STEPS = 50
MAX_INLINE_S = 0.2
MAX_BEGUN_AT_ONCE = 50
"""Containers and waits that begin in one transaction."""
MAX_SHARED_STEPS = 20
MAX_SHARED_S = 0.02
"""For so long brief steps go on being done in one transaction: what they lock waits for its end."""


@dataclass(frozen=True)
class Held:
    """A step that this worker claimed, and every record that finishing it will need."""

    path: str
    token: int
    paths: tuple[str, ...]


Task = tuple[StepCall, Held]
"""An outside step to do, and the hold on it."""


class Hints(Protocol):
    """Tells workers where to look. Losing a hint is harmless."""

    def advance(self, execution_id: int, *, delay_s: float = 0.0, behind: bool = False) -> None:
        """Someone should go on with the in-line steps of an execution; `behind` what others need."""

    def run_step(self, execution_id: int, path: str, kind: str, *, delay_s: float = 0.0) -> None:
        """Someone should do an outside step."""


class Runner:
    """Advances executions of one store with the given executors."""

    def __init__(
        self, store: Store, executors: Mapping[str, Executor], hints: Hints, *, leases: LeaseKeeper | None = None
    ) -> None:
        self.store = store
        self.executors = executors
        self.hints = hints
        self.leases = leases or LeaseKeeper(store)

    def advance(self, execution_id: int) -> None:
        """Begin an execution, or go on with its in-line steps; when it ends soon, begin the student's next.

        Safe to call twice, at any time.
        """
        began = time.monotonic()
        number: int | None = execution_id
        while number is not None:
            ledger, _task = self._go_on(number, None)
            is_over = ledger is not None and not ledger.execution.is_open
            has_time = time.monotonic() - began < MAX_INLINE_S  # other hints lie behind this one
            number = self.store.take_queued(ledger.execution.owner_id) if ledger and is_over and has_time else None

    def run_step(self, execution_id: int, path: str) -> None:
        """Do one outside step, record its outcome, and go on with the in-line steps behind it, or with another
        outside step of the same execution and type that is still in the queue.

        Safe to call twice: the second call finds nothing to claim.
        """
        began = time.monotonic()
        task = self._claim_outside(execution_id, path)
        while task is not None:
            call, held = task
            with self.leases.holding(Lease(execution_id, held.path, held.token), at_most_s=call.timeout_s):
                outcome = self._attempt(call)
            # After a while the next one goes by its hint: others get their turn.
            kind = call.kind if time.monotonic() - began < MAX_INLINE_S else ""
            _ledger, task = self._go_on(execution_id, held, outcome, take=kind)

    def cancel(self, execution_id: int, *, by: int | None) -> bool:
        """Cancel an execution. False when it was over already."""
        with self.store.open(execution_id) as ledger:
            was_cancelled = ledger is not None and transitions.cancel(ledger, by=by)
        if ledger is not None:
            self._send(execution_id, ledger)
        return was_cancelled

    def decide(self, execution_id: int, path: str, decision: str, *, by: int | None, comment: str = "") -> None:
        """Record what a person decided about an approval, and let the execution go on.

        Raises:
            NotAsked: the step does not wait for it (any more).
        """
        with self._asked(execution_id, path) as (ledger, step):
            pauses.decide(ledger, step, decision, by=by, comment=comment)

    def resolve(
        self, execution_id: int, path: str, decision: str, *, by: int | None, result: Any = None, comment: str = ""
    ) -> None:
        """Record what a person says became of an attempt, and let the execution go on.

        Raises:
            NotAsked: the step does not wait for it (any more).
            NotStorable: the result cannot be kept.
        """
        kept = storable(result)
        with self._asked(execution_id, path) as (ledger, step):
            pauses.resolve(ledger, step, decision, by=by, result=kept, comment=comment)

    @contextmanager
    def _asked(self, execution_id: int, path: str) -> Iterator[tuple[Ledger, StepRecord]]:
        with self.store.open(execution_id, paths=[path]) as ledger:
            if ledger is None or not ledger.has(path):
                raise NotAsked(f"execution {execution_id} has no step {path}")
            transitions.check_deadline(ledger)
            yield ledger, ledger.step(path)
        self._send(execution_id, ledger, wake=True)

    def sweep(self) -> int:
        """Find work that nobody is doing and hint at it; take steps from lost workers. Returns how much."""
        found = self.store.due()
        for due in found:
            try:
                self._heal(due)
            except Exception:
                # One execution that cannot be healed must not keep the sweep from the others.
                logger.exception("the sweep failed at execution %s, step %r", due.execution_id, due.path)
        return len(found)

    def _heal(self, due: Due) -> None:
        if due.is_expired:
            # A locked execution is being worked on at this very moment: it needs no healing.
            with self.store.open(due.execution_id, paths=[due.path] if due.path else (), wait=False) as ledger:
                if ledger is None:
                    return
                transitions.check_deadline(ledger)
                if due.path and ledger.execution.is_open:
                    step = ledger.step(due.path)
                    transitions.expire(ledger, step, self._effect(ledger, step))
            self._send(due.execution_id, ledger, wake=True)
        else:
            self._hint(due)

    # --- in line ----------------------------------------------------------------------------------------

    def _go_on(
        self, execution_id: int, held: Held | None, outcome: Outcome | None = None, *, take: str = ""
    ) -> tuple[Ledger | None, Task | None]:
        """Finish the held step (doing it first unless its outcome is given), claim the next, and so on.

        The first transaction locks the execution and reads it; those after it go on from what this worker knows.
        Returns what it knows at last, and an outside step of the type `take`, when the first transaction left
        nothing to do in line and took one from the queue.
        """
        began, steps = time.monotonic(), 0
        known: Ledger | None = None
        while True:
            room = MAX_INLINE_STEPS - steps if time.monotonic() - began < MAX_INLINE_S else 0
            try:
                ledger, held, task = self._turn(execution_id, held, known, outcome, room=room, take=take)
            except Moved:
                if known is None:
                    raise  # an effect that changes its own execution: a fault of ours
                known = None  # someone else was here: look again
                continue
            if ledger is None:
                return None, None
            known = ledger
            self._send(execution_id, ledger)
            if task is not None:
                return ledger, task
            if held is None:
                more = ledger.execution.is_open and self._has_ready(ledger)
                if more and room <= 0:
                    self.hints.advance(execution_id)  # others get their turn
                if not more or room <= 0:
                    return ledger, None
            outcome, take = None, ""
            steps += 1 + ledger.shared

    def _turn(
        self,
        execution_id: int,
        held: Held | None,
        known: Ledger | None,
        outcome: Outcome | None,
        *,
        room: int,
        take: str,
    ) -> tuple[Ledger | None, Held | None, Task | None]:
        """One transaction: finish one step and claim the next; of `room` steps, as many as are brief in between."""
        with self.store.open(execution_id, paths=held.paths if held else (), after=known) as ledger:
            if ledger is None:
                return None, None, None
            if ledger.execution.status == PENDING:
                transitions.begin(ledger)
                ledger.has_looked = True
            transitions.check_deadline(ledger)
            if held is not None and not self._finish_held(ledger, held, outcome):
                return ledger, None, None
            if not ledger.execution.is_open:
                return ledger, None, None
            # Behind an outside step only what it made ready is ours: the rest has hints of its own.
            ledger.has_looked |= outcome is not None
            step = self._next_inline(ledger, look=outcome is None)
            if room > 0:
                # Only behind a claim that has committed, and not again after a loss: each step answers for itself.
                may_share = held is not None and outcome is None and ledger.step(held.path).attempt == 1
                step = self._do_brief(ledger, step, min(room - 1, MAX_SHARED_STEPS) if may_share else 0)
            if step is None and take:
                return ledger, None, self._take_queued(ledger, take) if ledger.execution.is_open else None
            if step is None or room <= 0 or step.kind in ENGINE_TYPES:
                return ledger, None, None
            transitions.claim(ledger, step)
            return ledger, self._held(ledger, step), None

    def _do_brief(self, ledger: Ledger, step: StepRecord | None, most: int) -> StepRecord | None:
        """Begin what needs no executor, and do up to `most` brief steps in this transaction.

        Returns the first step that is neither, or for which there is no room; None when no more is known.
        """
        started, begun = time.monotonic(), 0
        while step is not None:
            if step.kind in ENGINE_TYPES:
                if begun == MAX_BEGUN_AT_ONCE:
                    return step
                self._begin(ledger, step)
                begun += 1
            else:
                has_room = ledger.shared < most and time.monotonic() - started < MAX_SHARED_S
                if not (has_room and self._is_brief(ledger, step)):
                    return step
                ledger.now = self.store.time_of(ledger)
                transitions.claim(ledger, step)
                ledger.load(self._dependants(ledger, step))
                self._do_inline(ledger, step)
                ledger.shared += 1
            step = self._next_inline(ledger) if ledger.execution.is_open else None
        return None

    def _is_brief(self, ledger: Ledger, step: StepRecord) -> bool:
        """Say whether a step takes no time to speak of; one that was tried before does."""
        return step.attempt == 0 and self.executors[step.kind].is_brief(ledger.definition.step(step.name).config)

    def _finish_held(self, ledger: Ledger, held: Held, outcome: Outcome | None) -> bool:
        """Record the outcome of a held step; False when it is no longer this worker's."""
        step = ledger.step(held.path)
        try:
            transitions.check_token(step, held.token)
        except Stale as stale:
            logger.info("execution %s: %s; the outcome is refused", ledger.execution.id, stale)
            return False
        ledger.load(self._dependants(ledger, step))
        if outcome is not None:
            effect = Effect.KEYED if outcome.ok else self._effect(ledger, step)
            transitions.finish(ledger, step, outcome, effect)
        else:
            self._do_inline(ledger, step)
        return True

    @staticmethod
    def _begin(ledger: Ledger, step: StepRecord) -> None:
        """Begin what needs no executor, or go on with it when its time has come."""
        if step.kind in CONTAINER_TYPES:
            containers.start(ledger, step)
        else:
            pauses.start(ledger, step)

    def _effect(self, ledger: Ledger, step: StepRecord) -> Effect:
        if step.kind not in self.executors:
            return Effect.KEYED
        return self.executors[step.kind].effect(ledger.definition.step(step.name).config)

    @staticmethod
    def _has_ready(ledger: Ledger) -> bool:
        return any(transitions.is_claimable(ledger, ledger.step(path)) for path in ledger.ready_inline)

    @staticmethod
    def _dependants(ledger: Ledger, step: StepRecord) -> list[str]:
        return [path_in(step.scope, dependant.name) for dependant in ledger.definition.dependants(step.name)]

    def _next_inline(self, ledger: Ledger, *, look: bool = True) -> StepRecord | None:
        """The in-line step that has been ready for the longest time; whoever knows of none asks the store."""
        if look and not ledger.has_looked:
            self._look(ledger)
        while True:
            while ledger.ready_inline:
                step = ledger.step(ledger.ready_inline[0])
                if transitions.is_claimable(ledger, step):
                    return step
                ledger.ready_inline.popleft()
            if not look:
                return None
            self._look(ledger)
            look = False

    @staticmethod
    def _look(ledger: Ledger) -> None:
        """See which in-line steps the store shows as ready: they were so before those of this transaction.

        This transaction may have closed some of them.
        """
        found = [ledger.adopt(step).path for step in ledger.reader.ready_inline()]
        ledger.ready_inline = deque([*found, *(path for path in ledger.ready_inline if path not in found)])
        ledger.has_looked = True

    def _do_inline(self, ledger: Ledger, step: StepRecord) -> None:
        """Run an in-line step's effect inside this transaction, undoing the effect alone when it fails."""
        try:
            call = self._call(ledger, step)
        except ExpressionError as error:
            transitions.fail_unready(ledger, step, str(error))
            return
        before = dict(call.variables)
        try:
            with ledger.reader.savepoint():
                outcome = self._attempt(call)
                if not outcome.ok:
                    raise _Undo(outcome)
                changed = storable_variables(call.variables) if call.variables != before else None
        except _Undo as undo:
            outcome = undo.outcome
        except NotStorable as error:
            outcome = Outcome.failed(str(error))
        except EffectBroken as error:
            outcome = Outcome.failed(f"Something unexpected went wrong: {error}", kind=UNEXPECTED)
        else:
            if changed is not None:
                ledger.set_variables(changed)
        transitions.finish(ledger, step, outcome, Effect.SAME_TRANSACTION)

    # --- outside ----------------------------------------------------------------------------------------

    def _claim_outside(self, execution_id: int, path: str) -> Task | None:
        """Claim a step and fill in what it is given; None when it is not there to be claimed."""
        with self.store.open(execution_id, paths=[path]) as ledger:
            if ledger is None or not ledger.execution.is_open or not ledger.has(path):
                return None
            transitions.check_deadline(ledger)
            step = ledger.step(path)
            if not ledger.execution.is_open or not transitions.is_claimable(ledger, step):
                return None
            if step.reason:  # nobody said in time what had become of an attempt
                pauses.time_is_up(ledger, step)
                task = None
            else:
                task = self._claimed(ledger, step)
        if task is None:
            self._send(execution_id, ledger, wake=True)
        return task

    def _take_queued(self, ledger: Ledger, kind: str) -> Task | None:
        """Claim a step that no worker was told of yet: one broker message, and one transaction, less."""
        queued = ledger.reader.next_queued(kind)
        step = ledger.adopt(queued) if queued is not None else None
        if step is None or not transitions.is_claimable(ledger, step):
            return None
        ledger.taken.add(step.path)
        return self._claimed(ledger, step)

    def _claimed(self, ledger: Ledger, step: StepRecord) -> Task | None:
        transitions.claim(ledger, step)
        try:
            return self._call(ledger, step), self._held(ledger, step)
        except ExpressionError as error:
            transitions.fail_unready(ledger, step, str(error))
            ledger.taken.discard(step.path)
            return None

    def _held(self, ledger: Ledger, step: StepRecord) -> Held:
        return Held(step.path, step.token, (step.path, *self._dependants(ledger, step)))

    # --- one attempt ------------------------------------------------------------------------------------

    def _call(self, ledger: Ledger, step: StepRecord) -> StepCall:
        definition, execution = ledger.definition.step(step.name), ledger.execution
        names = names_for(ledger, definition, step, definition.config_chains)
        return StepCall(
            execution_id=execution.id,
            workflow_id=execution.workflow_id,
            path=step.path,
            name=step.name,
            kind=step.kind,
            config=render(definition.config, names),
            owner_id=execution.owner_id,
            actor_id=execution.actor_id,
            attempt=step.attempt,
            timeout_s=definition.timeout_s or DEFAULT_STEP_TIMEOUT_S,
            idempotency_key=idempotency_key(step.key_execution_id or execution.id, step.path),
            connection_id=execution.connection_id,
            variables=dict(execution.variables),
            is_owner_active=execution.is_owner_active,
            kept=ledger.kept,
        )

    def _attempt(self, call: StepCall) -> Outcome:
        """Let the executor do it. Whatever happens becomes an outcome that can be kept."""
        try:
            outcome = self.executors[call.kind].run(call)
            return Outcome.done(storable(outcome.result)) if outcome.ok else outcome
        except NotStorable as error:
            return Outcome.failed(str(error))
        except Exception as error:
            # A fault nobody foresaw: it is on record with the step, and may pass.
            logger.exception("execution %s, step %s, attempt %s", call.execution_id, call.path, call.attempt)
            return Outcome.failed(f"Something unexpected went wrong: {error}", kind=UNEXPECTED)

    def _send(self, execution_id: int, ledger: Ledger, *, wake: bool = False) -> None:
        """After the commit: tell workers about steps that became ready; `wake` when the caller goes no further."""
        if wake and ledger.execution.is_open and ledger.ready_inline:
            self.hints.advance(execution_id)
        for due in ledger.admitted:
            self._hint(due)
        for step, delay_s in ledger.hints:
            if not step.is_open:
                continue
            if step.kind in INLINE_TYPES:
                self.hints.advance(execution_id, delay_s=delay_s)
            else:
                self.hints.run_step(execution_id, step.path, step.kind, delay_s=delay_s)

    def _hint(self, due: Due) -> None:
        if due.path and due.kind not in INLINE_TYPES:
            self.hints.run_step(due.execution_id, due.path, due.kind)
        else:
            self.hints.advance(due.execution_id, behind=due.has_queued)


def idempotency_key(execution_id: int, path: str) -> str:
    """The key of a step, the same for every attempt; a very long path stands in it by its digest."""
    key = f"execution:{execution_id}:{path}"
    return key if len(key) <= 180 else f"execution:{execution_id}:{sha256(path.encode()).hexdigest()}"


class _Undo(Exception):
    """Carries a failed outcome out of a savepoint."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome
