"""What happens next: every change of an execution and its steps, as functions on a ledger.

The life of a step: it waits until the steps it depends on are over (`_release`), its condition decides whether
it is wanted at all (`_become_ready`), a worker claims it (`claim`), and it ends well (`complete`), is tried
again (`fail`, `expire`) or ends badly. When the last step of a scope is over, so is the scope: a loop goes on
to its next item, the execution ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from coreengine.kernel.expressions import ExpressionError, condition
from workflows.engine.definition import CONTINUE, LOOP, Step
from workflows.engine.digest import MAX_IN_EVENT, canonical
from workflows.engine.ledger import Ledger
from workflows.engine.outcome import MAX_ERROR_LENGTH, Outcome, clean_text
from workflows.engine.records import StepRecord, parent_of, path_in, scope_of
from workflows.engine.scope import names_for
from workflows.engine.states import CANCELLED, COMPLETED, FAILED, RUNNING, SKIPPED, WAITING

CONDITION_NOT_MET = "condition_not_met"


class Stale(Exception):
    """A worker reports on an attempt that is no longer its own; its outcome is refused."""


# --- the execution -----------------------------------------------------------------------------------------


def begin(ledger: Ledger) -> None:
    """Start an execution: its steps are laid out, and those that wait for nothing become ready."""
    execution = ledger.execution
    ledger.move_execution(RUNNING)
    execution.started_at = ledger.now
    execution.deadline_at = ledger.now + timedelta(seconds=ledger.definition.timeout_s)
    ledger.note("execution.started", version=execution.version_id)
    _open_scope(ledger, "", ledger.definition.steps)


def cancel(ledger: Ledger, *, by: int | None, reason: str = "cancelled") -> bool:
    """End an execution at someone's wish. False when it is over already."""
    if not ledger.execution.is_open:
        return False
    _close_steps(ledger, ledger.open_steps(), "execution_cancelled")
    ledger.move_execution(CANCELLED)
    ledger.execution.completed_at = ledger.now
    ledger.execution.error_message = "" if reason == "cancelled" else reason
    ledger.note("execution.cancelled", by=by)
    return True


def fail_execution(ledger: Ledger, message: str) -> None:
    """End an execution because something went wrong; what is still open is cancelled."""
    _close_steps(ledger, ledger.open_steps(), "execution_failed")
    ledger.move_execution(FAILED)
    ledger.execution.completed_at = ledger.now
    ledger.execution.error_message = clean_text(message)[:MAX_ERROR_LENGTH]
    ledger.note("execution.failed", error=ledger.execution.error_message)


def check_deadline(ledger: Ledger) -> None:
    """End an execution whose time is up."""
    deadline = ledger.execution.deadline_at
    if ledger.execution.is_open and deadline is not None and deadline <= ledger.now:
        fail_execution(ledger, f"It took longer than its timeout of {ledger.definition.timeout_s} s.")


# --- one step ----------------------------------------------------------------------------------------------


def claim(ledger: Ledger, step: StepRecord) -> None:
    """Give a step to the calling worker, for as long as it renews the lease."""
    ledger.move(step, RUNNING)
    step.attempt += 1
    step.token += 1
    step.started_at = step.started_at or ledger.now
    step.next_attempt_at = None
    step.error = ""
    definition = ledger.definition.step(step.name)
    step.lease_until = ledger.now + timedelta(seconds=ledger.patience.lease_s)
    if definition.timeout_s is not None:
        step.deadline_at = ledger.now + timedelta(seconds=definition.timeout_s)
    ledger.note("step.started", path=step.path, attempt=step.attempt)


def is_claimable(ledger: Ledger, step: StepRecord) -> bool:
    """Say whether a worker may begin this step now."""
    if step.status == WAITING:
        # A hint may arrive a little early by the store's clock.
        return step.next_attempt_at is None or step.next_attempt_at <= ledger.now + timedelta(milliseconds=250)
    return step.is_ready


def check_token(step: StepRecord, token: int) -> None:
    """Refuse a report on an attempt that another worker has taken over, or that was cancelled.

    Raises:
        Stale: it is no longer the caller's.
    """
    if step.status != RUNNING or step.token != token:
        raise Stale(f"step {step.path} is {step.status} in attempt {step.token}, not running in {token}")


def finish(ledger: Ledger, step: StepRecord, outcome: Outcome) -> None:
    """Record what came of an attempt."""
    if outcome.ok:
        complete(ledger, step, outcome.result)
    else:
        fail(ledger, step, outcome)


def complete(ledger: Ledger, step: StepRecord, result: Any) -> None:
    """Record that a step worked, and let those go on that waited for it."""
    ledger.move(step, COMPLETED)
    if step.kind != LOOP:
        ledger.set_result(step, result)
    _stamp(ledger, step)
    ledger.remember(step)
    ledger.note("step.completed", path=step.path, attempt=step.attempt, **_result_in_log(step, result))
    _release(ledger, step)


def fail(ledger: Ledger, step: StepRecord, outcome: Outcome) -> None:
    """Record that an attempt failed: it is tried again later, or the step has failed for good."""
    definition = ledger.definition.step(step.name)
    error = clean_text(outcome.error)[:MAX_ERROR_LENGTH]
    delay = None
    if outcome.retryable:
        delay = definition.retry.next_delay(step.attempt, retry_after_s=outcome.retry_after_s)
    if delay is None:
        _fail_for_good(ledger, step, error)
        return
    ledger.move(step, WAITING)
    step.error = error
    step.lease_until = step.deadline_at = None
    step.next_attempt_at = ledger.now + timedelta(seconds=delay)
    ledger.note("step.retrying", path=step.path, attempt=step.attempt, error=error, delay_s=round(delay, 3))
    ledger.hints.append((step, delay))


def expire(ledger: Ledger, step: StepRecord) -> None:
    """Take a step from a worker that was lost, or that let its time run out. Harmless when neither is so."""
    if step.status != RUNNING:
        return
    if step.deadline_at is not None and step.deadline_at <= ledger.now:
        timeout_s = ledger.definition.step(step.name).timeout_s
        error = f"It took longer than its timeout of {timeout_s} s."
        if step.lease_until is None:  # a loop under way is not begun again
            _fail_for_good(ledger, step, error)
        else:
            fail(ledger, step, Outcome.failed(error, retryable=True))
    elif step.lease_until is not None and step.lease_until <= ledger.now:
        fail(ledger, step, Outcome.failed("The worker that did this step was lost.", retryable=True))


def start_loop(ledger: Ledger, step: StepRecord, items: Any) -> None:
    """Begin a loop with the items it was given, or fail it when they cannot be looped over."""
    loop = ledger.definition.step(step.name).loop
    assert loop is not None
    if not isinstance(items, list):
        _fail_for_good(ledger, step, f"A loop needs a list of items; this is {_kind(items)}.")
    elif len(items) > loop.max_iterations:
        _fail_for_good(ledger, step, f"There are {len(items):,} items; max_iterations is {loop.max_iterations:,}.")
    elif not items:
        step.item_count = 0
        complete(ledger, step, [])
    else:
        step.item_count = len(items)
        step.lease_until = None  # nobody holds it: its own steps are held
        ledger.insert_items(step.path, items)
        ledger.note("loop.started", path=step.path, items=len(items))
        _next_items(ledger, step)


def fail_unready(ledger: Ledger, step: StepRecord, message: str) -> None:
    """Record that a step cannot even be tried: its condition or its values cannot be worked out."""
    _fail_for_good(ledger, step, clean_text(message)[:MAX_ERROR_LENGTH])


# --- from one to the next ----------------------------------------------------------------------------------


def _open_scope(ledger: Ledger, scope: str, steps: Iterable[Step]) -> None:
    """Lay out the steps of a scope, then let those begin that wait for nothing."""
    key = parent_of(scope)[1] if scope else None
    records = [
        StepRecord(
            path=path_in(scope, step.name),
            name=step.name,
            kind=step.type,
            scope=scope,
            position=step.position,
            index=key if isinstance(key, int) else None,
            waiting_for=len(step.depends_on),
        )
        for step in steps
    ]
    for record in records:
        ledger.insert(record)
    for record in records:
        # Skipping one step can make its neighbour ready, or end the execution, while this loop goes on.
        if record.is_ready and record.ready_at is None:
            _become_ready(ledger, record)


def _become_ready(ledger: Ledger, step: StepRecord) -> None:
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
            _skip(ledger, step, CONDITION_NOT_MET)
            return
    if definition.is_inline:
        ledger.ready_inline.append(step.path)
    else:
        ledger.hints.append((step, 0.0))


def _skip(ledger: Ledger, step: StepRecord, reason: str) -> None:
    ledger.move(step, SKIPPED)
    step.reason = reason
    _stamp(ledger, step)
    ledger.note("step.skipped", path=step.path, reason=reason)
    _release(ledger, step)


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
            _become_ready(ledger, waiting)
            if not ledger.execution.is_open:
                return
    _close_scope_if_over(ledger, step.scope)


def _close_scope_if_over(ledger: Ledger, scope: str) -> None:
    if not ledger.execution.is_open:
        return
    if scope:
        loop_path, _ = parent_of(scope)
        loop = ledger.step(loop_path)
        if not loop.is_open or scope in ledger.closed_scopes or not ledger.scope_is_over(scope):
            return
        ledger.closed_scopes.add(scope)
        ledger.count_items(loop, over=1)
        _next_items(ledger, loop)
    elif ledger.scope_is_over(""):
        ledger.move_execution(COMPLETED)
        ledger.execution.completed_at = ledger.now
        ledger.note("execution.completed")


def _next_items(ledger: Ledger, loop: StepRecord) -> None:
    """Begin as many items as may go on side by side; when none is left, the loop is over."""
    if loop.path in ledger.expanding:
        return  # an item whose steps were all skipped ended while it was begun: the loop below goes on
    definition = ledger.definition.step(loop.name)
    assert definition.loop is not None and loop.item_count is not None
    ledger.expanding.add(loop.path)
    while (
        loop.is_open
        and loop.items_started < loop.item_count
        and loop.items_started - loop.items_done < definition.loop.max_concurrency
    ):
        index = loop.items_started
        ledger.count_items(loop, begun=1)
        _open_scope(ledger, scope_of(loop.path, index), definition.body(index))
    ledger.expanding.discard(loop.path)
    if loop.is_open and loop.items_done == loop.item_count:
        complete(ledger, loop, None)


def _fail_for_good(ledger: Ledger, step: StepRecord, error: str) -> None:
    """A step has failed; `on_error` says whether what is around it fails too."""
    definition = ledger.definition.step(step.name)
    if step.kind == LOOP:
        _close_steps(ledger, ledger.open_steps(step.path), "loop_failed")
    ledger.move(step, FAILED)
    step.error = error
    ledger.set_result(step, None)
    _stamp(ledger, step)
    ledger.remember(step)
    ledger.note("step.failed", path=step.path, attempt=step.attempt, error=error)
    if definition.on_error == CONTINUE:
        _release(ledger, step)
    elif step.scope:
        loop_path, index = parent_of(step.scope)
        loop = ledger.step(loop_path)
        assert isinstance(index, int)
        if loop.is_open:
            _fail_for_good(ledger, loop, f"Item {index + 1}: step “{step.name}” failed. {error}")
    else:
        fail_execution(ledger, f"Step “{step.name}” failed. {error}")


def _close_steps(ledger: Ledger, steps: list[StepRecord], reason: str) -> None:
    for step in steps:
        if step.is_open:
            ledger.move(step, CANCELLED)
            step.reason = reason
            _stamp(ledger, step)
            ledger.note("step.cancelled", path=step.path, reason=reason)


def _stamp(ledger: Ledger, step: StepRecord) -> None:
    """Note when a step was over, and how long it took from its first attempt."""
    step.finished_at = ledger.now
    step.lease_until = step.deadline_at = step.next_attempt_at = None
    if step.started_at is not None:
        step.execution_time = round((ledger.now - step.started_at).total_seconds(), 6)
    ledger.touch(step)


def _result_in_log(step: StepRecord, result: Any) -> dict[str, Any]:
    if step.kind == LOOP:
        return {"items": step.item_count}
    text = canonical(result)
    if len(text) <= MAX_IN_EVENT:
        return {"result": result}
    return {"result_sha256": sha256(text.encode()).hexdigest(), "result_size": len(text)}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", int: "a number", float: "a number", str: "a text"}.get(type(value), "a map")
