"""What happens next: every change of an execution and its steps, as functions on a ledger.

The life of a step: it waits until the steps it depends on are over (`_release`), its condition decides whether
it is wanted at all (`_become_ready`), a worker claims it (`claim`), and it ends well (`complete`), is tried
again (`fail`, `expire`) or ends badly (`fail_for_good`). When the last step of a scope is over, so is the scope:
what that means for a condition, a loop or a parallel stands in `containers`; at the top, the execution is over.
Steps that wait for a time or a person are in `pauses`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from coreengine.kernel.expressions import ExpressionError, condition
from workflows.engine import containers, pauses, rerun
from workflows.engine.definition import CONTAINER_TYPES, CONTINUE, RETRY, Step
from workflows.engine.digest import MAX_IN_EVENT, canonical
from workflows.engine.ledger import Ledger
from workflows.engine.outcome import MAX_ERROR_LENGTH, Effect, Outcome, clean_text
from workflows.engine.records import StepRecord, parent_of, path_in
from workflows.engine.retry import LOST, TIMEOUT
from workflows.engine.scope import names_for
from workflows.engine.states import (
    CANCELLED,
    COMPLETED,
    CONDITION_NOT_MET,
    EXECUTION_CANCELLED,
    EXECUTION_FAILED,
    FAILED,
    NEEDS_ATTENTION,
    RUNNING,
    SKIPPED,
    WAITING,
)


class Stale(Exception):
    """A worker reports on an attempt that is no longer its own; its outcome is refused."""


# --- the execution -----------------------------------------------------------------------------------------


def begin(ledger: Ledger) -> None:
    """Start an execution: its steps are laid out, and those that wait for nothing become ready.

    One that repeats a part of another takes over results first, see `rerun`.
    """
    execution = ledger.execution
    plan = None
    if execution.rerun_of_id is not None:
        try:
            plan = rerun.plan_for(ledger)
        except rerun.CannotRepeat as error:
            fail_execution(ledger, str(error))
            return
    ledger.move_execution(RUNNING)
    execution.started_at = ledger.now
    execution.deadline_at = ledger.now + timedelta(seconds=ledger.definition.timeout_s)
    ledger.note("execution.started", version=execution.version_id)
    if plan is None:
        open_scope(ledger, "", ledger.definition.steps)
    else:
        rerun.lay_out(ledger, plan)


def cancel(ledger: Ledger, *, by: int | None) -> bool:
    """End an execution at someone's wish. False when it is over already."""
    if not ledger.execution.is_open:
        return False
    close_steps(ledger, ledger.open_steps(), EXECUTION_CANCELLED)
    ledger.move_execution(CANCELLED)
    ledger.execution.completed_at = ledger.now
    ledger.note("execution.cancelled", by=by)
    return True


def fail_execution(ledger: Ledger, message: str) -> None:
    """End an execution because something went wrong; what is still open is cancelled."""
    close_steps(ledger, ledger.open_steps(), EXECUTION_FAILED)
    ledger.move_execution(FAILED)
    ledger.execution.completed_at = ledger.now
    ledger.execution.error_message = clean_text(message)[:MAX_ERROR_LENGTH]
    ledger.note("execution.failed", error=ledger.execution.error_message)


def check_deadline(ledger: Ledger) -> None:
    """End an execution whose time is up. While it waits for a time or a person, its clock stands still."""
    deadline = ledger.execution.deadline_at
    if ledger.execution.is_open and deadline is not None and deadline <= ledger.now:
        fail_execution(ledger, f"It took longer than its timeout of {ledger.definition.timeout_s} s.")


# --- one step ----------------------------------------------------------------------------------------------


def claim(ledger: Ledger, step: StepRecord) -> None:
    """Give a step to the calling worker, for as long as it renews the lease."""
    _enter(ledger, step)
    step.lease_until = ledger.now + timedelta(seconds=ledger.patience.lease_s)
    ledger.note("step.started", path=step.path, attempt=step.attempt)


def enter(ledger: Ledger, step: StepRecord) -> None:
    """Begin a step that the engine does by itself: no worker holds it, so there is no lease to lose."""
    _enter(ledger, step)
    ledger.note("step.started", path=step.path, attempt=step.attempt)


def _enter(ledger: Ledger, step: StepRecord) -> None:
    ledger.move(step, RUNNING)
    step.attempt += 1
    step.token += 1
    step.started_at = step.started_at or ledger.now
    step.next_attempt_at = None
    step.error = ""
    timeout_s = ledger.definition.step(step.name).timeout_s
    step.deadline_at = None if timeout_s is None else ledger.now + timedelta(seconds=timeout_s)


def is_claimable(ledger: Ledger, step: StepRecord) -> bool:
    """Say whether this step may begin now; a step that waits for a time or a person: whether its time is up."""
    if step.status == WAITING:
        # A hint may arrive a little early by the store's clock.
        return step.next_attempt_at is None or step.next_attempt_at <= ledger.now + timedelta(milliseconds=250)
    return step.is_ready


def check_token(step: StepRecord, token: int) -> None:
    """Refuse a report on an attempt that another worker has taken over, or that was cancelled.

    A worker that was thought lost may still say what became of its attempt as long as a person is being asked.

    Raises:
        Stale: it is no longer the caller's.
    """
    is_awaited = step.status == RUNNING or (step.status == WAITING and step.reason == NEEDS_ATTENTION)
    if not is_awaited or step.token != token:
        raise Stale(f"step {step.path} is {step.status} in attempt {step.token}, not running in {token}")


def finish(ledger: Ledger, step: StepRecord, outcome: Outcome, effect: Effect = Effect.KEYED) -> None:
    """Record what came of an attempt."""
    if outcome.ok:
        complete(ledger, step, outcome.result)
    else:
        fail(ledger, step, outcome, effect)


def complete(ledger: Ledger, step: StepRecord, result: Any, *, reason: str = "") -> None:
    """Record that a step worked, and let those go on that waited for it."""
    _end(ledger, step, COMPLETED, reason)
    if step.kind not in CONTAINER_TYPES:
        ledger.set_result(step, result)
    ledger.remember(step)
    told = {"reason": reason} if reason else {}
    ledger.note("step.completed", path=step.path, attempt=step.attempt, **told, **_result_in_log(step, result))
    _release(ledger, step)


def fail(ledger: Ledger, step: StepRecord, outcome: Outcome, effect: Effect = Effect.KEYED) -> None:
    """Record that an attempt failed: it is tried again later, a person must decide, or the step has failed.

    A person must decide when nobody knows whether an effect happened that would happen twice if tried again.
    """
    definition = ledger.definition.step(step.name)
    error = clean_text(outcome.error)[:MAX_ERROR_LENGTH]
    if effect is Effect.UNKEYED and outcome.is_unknown and definition.on_unknown != RETRY:
        if step.status == RUNNING:
            pauses.ask_what_happened(ledger, step, error)
        return
    pauses.leave(ledger, step)  # a late answer: no person needs to say any more
    delay = None
    if outcome.kind in definition.retry.retry_on:
        delay = definition.retry.next_delay(step.attempt, retry_after_s=outcome.retry_after_s)
    if delay is None:
        fail_for_good(ledger, step, error)
        return
    if step.status != WAITING:
        ledger.move(step, WAITING)
    step.error = error
    step.lease_until = step.deadline_at = None
    step.next_attempt_at = ledger.now + timedelta(seconds=delay)
    ledger.note(
        "step.retrying", path=step.path, attempt=step.attempt, error=error, kind=outcome.kind, delay_s=round(delay, 3)
    )
    ledger.hints.append((step, delay))


def expire(ledger: Ledger, step: StepRecord, effect: Effect = Effect.KEYED) -> None:
    """Take a step from a worker that was lost, or that let its time run out. Harmless when neither is so."""
    if step.status != RUNNING:
        return
    if step.deadline_at is not None and step.deadline_at <= ledger.now:
        timeout_s = ledger.definition.step(step.name).timeout_s
        error = f"It took longer than its timeout of {timeout_s} s."
        if step.kind in CONTAINER_TYPES:  # what is inside has its own attempts
            fail_for_good(ledger, step, error)
        else:
            fail(ledger, step, Outcome.failed(error, kind=TIMEOUT), effect)
    elif step.lease_until is not None and step.lease_until <= ledger.now:
        fail(ledger, step, Outcome.failed("The worker that did this step was lost.", kind=LOST), effect)


def fail_unready(ledger: Ledger, step: StepRecord, message: str) -> None:
    """Record that a step cannot even be tried: its condition or its values cannot be worked out."""
    fail_for_good(ledger, step, clean_text(message)[:MAX_ERROR_LENGTH])


def fail_for_good(ledger: Ledger, step: StepRecord, error: str) -> None:
    """A step has failed; `on_error` says whether what is around it fails too."""
    definition = ledger.definition.step(step.name)
    if step.kind in CONTAINER_TYPES:
        close_steps(ledger, ledger.open_steps(f"{step.path}["), f"{step.kind}_failed")
    is_fatal = definition.on_error != CONTINUE
    reason = containers.reason_of_failure(ledger, step) if is_fatal and step.scope else ""
    _end(ledger, step, FAILED, reason)
    step.error = error
    ledger.set_result(step, None)
    ledger.remember(step)
    told = {"reason": reason} if reason else {}
    ledger.note("step.failed", path=step.path, attempt=step.attempt, error=error, **told)
    if not is_fatal:
        _release(ledger, step)
    elif step.scope:
        containers.scope_failed(ledger, step, error)
    else:
        fail_execution(ledger, f"Step “{step.name}” failed. {error}")


# --- from one to the next ----------------------------------------------------------------------------------


def open_scope(ledger: Ledger, scope: str, steps: Iterable[Step]) -> None:
    """Lay out the steps of a scope, then let those begin that wait for nothing."""
    records = [laid_out(scope, step) for step in steps]
    for record in records:
        ledger.insert(record)
    for record in records:
        # Skipping one step can make its neighbour ready, or end the execution, while this loop goes on.
        if record.is_ready and record.ready_at is None:
            become_ready(ledger, record)


def laid_out(scope: str, step: Step) -> StepRecord:
    """A new record of a step in a scope."""
    key = parent_of(scope)[1] if scope else None
    return StepRecord(
        path=path_in(scope, step.name),
        name=step.name,
        kind=step.type,
        scope=scope,
        position=step.position,
        index=key if isinstance(key, int) else None,
        waiting_for=len(step.depends_on),
    )


def skip(ledger: Ledger, step: StepRecord, reason: str) -> None:
    """Record that a step is not wanted; nothing is released by it."""
    _end(ledger, step, SKIPPED, reason)
    ledger.note("step.skipped", path=step.path, reason=reason)


def close_steps(ledger: Ledger, steps: Iterable[StepRecord], reason: str) -> None:
    """Cancel steps; what a worker still answers about them is refused."""
    for step in steps:
        if step.is_open:
            _end(ledger, step, CANCELLED, reason)
            ledger.note("step.cancelled", path=step.path, reason=reason)


def become_ready(ledger: Ledger, step: StepRecord) -> None:
    """Nothing stands before this step any more: its condition decides."""
    definition = ledger.definition.step(step.name)
    step.ready_at = ledger.now
    ledger.touch(step)
    if definition.condition:
        try:
            wanted = condition(definition.condition, names_for(ledger, definition, step, definition.condition_chains))
        except ExpressionError as error:
            fail_unready(ledger, step, f"The condition cannot be worked out. {error}")
            return
        if not wanted:
            skip(ledger, step, CONDITION_NOT_MET)
            _release(ledger, step)
            return
    if definition.is_inline:
        ledger.ready_inline.append(step.path)
    else:
        ledger.hints.append((step, 0.0))


def _release(ledger: Ledger, step: StepRecord) -> None:
    """A step is over: count it off where it was waited for, and see whether its scope is over too."""
    dependants = ledger.definition.dependants(step.name)
    paths = [path_in(step.scope, dependant.name) for dependant in dependants]
    ledger.load(paths)
    for path in paths:
        waiting = ledger.step(path)
        if not waiting.is_open:
            continue
        waiting.waiting_for -= 1
        ledger.touch(waiting)
        if waiting.is_ready:
            become_ready(ledger, waiting)
            if not ledger.execution.is_open:
                return
    if not dependants:  # a step that others wait for is never the last of its scope
        _close_scope_if_over(ledger, step)


def _close_scope_if_over(ledger: Ledger, step: StepRecord) -> None:
    """A step that nothing waits for is over: when its scope has no other open one, so is the scope."""
    scope = step.scope
    if not ledger.execution.is_open or scope in ledger.closed_scopes:
        return
    if scope and not ledger.step(parent_of(scope)[0]).is_open:
        return
    if not ledger.definition.is_only_last(ledger.definition.step(step.name)) and not ledger.scope_is_over(scope):
        return
    ledger.closed_scopes.add(scope)
    if scope:
        containers.scope_over(ledger, scope)
    else:
        ledger.move_execution(COMPLETED)
        ledger.execution.completed_at = ledger.now
        ledger.note("execution.completed")


def _end(ledger: Ledger, step: StepRecord, status: str, reason: str) -> None:
    """Move a step to its end, and note when that was and how long it took from its first attempt."""
    pauses.leave(ledger, step)
    ledger.move(step, status)
    step.reason = reason
    step.finished_at = ledger.now
    step.lease_until = step.deadline_at = step.next_attempt_at = None
    if step.started_at is not None:
        step.execution_time = round((ledger.now - step.started_at).total_seconds(), 6)
    ledger.touch(step)


def _result_in_log(step: StepRecord, result: Any) -> dict[str, Any]:
    if step.kind in CONTAINER_TYPES:
        return {"items": step.item_count}
    return digest_or_result(result)


def digest_or_result(result: Any) -> dict[str, Any]:
    """A result as it stands in the log; a long one by its digest only."""
    text = canonical(result)
    if len(text) <= MAX_IN_EVENT:
        return {"result": result}
    return {"result_sha256": sha256(text.encode()).hexdigest(), "result_size": len(text)}
