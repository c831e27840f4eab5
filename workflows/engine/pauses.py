"""Steps that wait for a time or a person. No worker is held meanwhile, and the execution's clock stands still.

A pausing step is `waiting` with its reason, and `next_attempt_at` says when the waiting ends by itself. The sweep
finds it then as it finds a retry that is due. A person may be quicker: `decide` on an approval, `resolve` when
somebody must say what became of an attempt whose outcome is unknown.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from coreengine.kernel.expressions import ExpressionError, evaluate, render
from workflows.engine import transitions
from workflows.engine.definition import APPROVE, DEFAULT_DECISION_S, FAIL, REJECT, WAIT
from workflows.engine.digest import MAX_IN_EVENT
from workflows.engine.ledger import Ledger
from workflows.engine.moments import LONGEST_WAIT_S, as_text, read_duration, read_time
from workflows.engine.outcome import MAX_ERROR_LENGTH, clean_text
from workflows.engine.records import Answer, Question, StepRecord
from workflows.engine.scope import names_for
from workflows.engine.states import APPROVAL, NEEDS_ATTENTION, PAUSE, PAUSES, PENDING, WAITING

APPROVED, REJECTED = "approved", "rejected"
RETRIED, DONE, FAILED = "retry", "done", "fail"
EXPIRED, WITHDRAWN = "expired", "cancelled"
DECISIONS = (APPROVED, REJECTED)
RESOLUTIONS = (RETRIED, DONE, FAILED)


class NotAsked(Exception):
    """The step does not wait for this decision (any more)."""


def start(ledger: Ledger, step: StepRecord) -> None:
    """Begin to wait; or, when the waiting is over because its time has come, go on."""
    if step.status == WAITING:
        time_is_up(ledger, step)
    elif step.kind == WAIT:
        _start_wait(ledger, step)
    else:
        _start_approval(ledger, step)


def time_is_up(ledger: Ledger, step: StepRecord) -> None:
    """A wait is over; nobody decided in time."""
    if step.reason == PAUSE:
        assert step.next_attempt_at is not None
        transitions.complete(ledger, step, {"until": as_text(step.next_attempt_at)})
    elif step.reason == NEEDS_ATTENTION:
        _answer(ledger, step, EXPIRED)
        transitions.fail_for_good(ledger, step, f"{step.error} Nobody said in time what had become of it.")
    else:
        action = ledger.definition.step(step.name).config.get("timeout_action", REJECT)
        _answer(ledger, step, EXPIRED)
        if action == FAIL:
            transitions.fail_for_good(ledger, step, "Nobody decided in time.")
        else:
            decision = APPROVED if action == APPROVE else REJECTED
            transitions.complete(ledger, step, {"decision": decision, "comment": "", "by": None})


def decide(ledger: Ledger, step: StepRecord, decision: str, *, by: int | None, comment: str = "") -> None:
    """A person approves or rejects. The step completes either way; conditions behind it decide what follows.

    Raises:
        NotAsked: it does not wait for a decision; it may have been taken already.
    """
    _check_asked(step, APPROVAL, decision, DECISIONS)
    _answer(ledger, step, decision, by, comment)
    transitions.complete(ledger, step, {"decision": decision, "comment": comment, "by": by})


def resolve(
    ledger: Ledger, step: StepRecord, decision: str, *, by: int | None, result: Any = None, comment: str = ""
) -> None:
    """A person says what became of an attempt: try it again, it was done (with this result), or it failed.

    Raises:
        NotAsked: nobody needs to know.
    """
    _check_asked(step, NEEDS_ATTENTION, decision, RESOLUTIONS)
    _answer(ledger, step, decision, by, comment)
    if decision == DONE:
        transitions.complete(ledger, step, result)
    elif decision == FAILED:
        transitions.fail_for_good(ledger, step, f"{step.error} {comment}".strip()[:MAX_ERROR_LENGTH])
    else:
        leave(ledger, step)
        step.next_attempt_at = ledger.now
        ledger.touch(step)
        ledger.hints.append((step, 0.0))


def ask_what_happened(ledger: Ledger, step: StepRecord, error: str) -> None:
    """Nobody knows whether an effect happened that must not happen twice: a person must say."""
    step.error = error
    until = ledger.now + timedelta(seconds=DEFAULT_DECISION_S)
    _pause(ledger, step, NEEDS_ATTENTION, until, error=error)
    ledger.questions.append(Question(step.path, NEEDS_ATTENTION, error, until))


def leave(ledger: Ledger, step: StepRecord) -> None:
    """A step waits no longer, whatever the cause; a question that nobody answered is withdrawn."""
    if step.status != WAITING or step.reason not in PAUSES:
        return
    if step.reason != PAUSE and not any(answer.path == step.path for answer in ledger.answers):
        ledger.answers.append(Answer(step.path, WITHDRAWN))
    step.reason = ""
    ledger.touch(step)
    execution = ledger.execution
    execution.pauses -= 1
    if not execution.pauses:
        execution.deadline_at = ledger.now + timedelta(seconds=execution.time_left_s or 0)
        execution.time_left_s = None
    ledger.execution_changed = True


def _start_wait(ledger: Ledger, step: StepRecord) -> None:
    try:
        until = _end_of_wait(ledger, step)
    except ExpressionError as error:
        transitions.fail_unready(ledger, step, f"The wait cannot be worked out. {error}")
    except ValueError as error:
        transitions.fail_unready(ledger, step, str(error))
    else:
        if until <= ledger.now:
            transitions.enter(ledger, step)
            transitions.complete(ledger, step, {"until": as_text(until)})
        else:
            _pause(ledger, step, PAUSE, until)


def _end_of_wait(ledger: Ledger, step: StepRecord) -> datetime:
    definition = ledger.definition.step(step.name)
    config, names = definition.config, names_for(ledger, definition, step, definition.config_chains)
    if "duration" in config:
        value = render(config["duration"], names)
        seconds = read_duration(value)
        if seconds is None:
            raise ValueError(f"“{value}” is no duration of at most 366 days, such as 90, “90s” or “2h30m”.")
        return ledger.now + timedelta(seconds=seconds)
    expression = definition.until_expression
    value = evaluate(expression, names) if expression else render(config["until"], names)
    until = read_time(value)
    if until is None:
        raise ValueError(f"“{value}” is not a time with its zone, such as “2026-01-31T08:00:00+01:00”.")
    if until > ledger.now + timedelta(seconds=LONGEST_WAIT_S):
        raise ValueError(f"“{value}” is more than 366 days away.")
    return until


def _start_approval(ledger: Ledger, step: StepRecord) -> None:
    definition = ledger.definition.step(step.name)
    try:
        message = render(definition.config["message"], names_for(ledger, definition, step, definition.config_chains))
    except ExpressionError as error:
        transitions.fail_unready(ledger, step, f"The message cannot be worked out. {error}")
        return
    until = ledger.now + timedelta(seconds=definition.timeout_s or DEFAULT_DECISION_S)
    text = clean_text(message if isinstance(message, str) else str(message))
    _pause(ledger, step, APPROVAL, until, message=text[:MAX_IN_EVENT])
    action = definition.config.get("timeout_action", REJECT)
    ledger.questions.append(Question(step.path, APPROVAL, text, until, action))


def _pause(ledger: Ledger, step: StepRecord, reason: str, until: datetime, **told: Any) -> None:
    if step.status == PENDING:
        step.attempt += 1
        step.token += 1
        step.started_at = ledger.now
    ledger.move(step, WAITING)
    step.reason = reason
    step.next_attempt_at = until
    step.lease_until = step.deadline_at = None
    execution = ledger.execution
    if not execution.pauses and execution.deadline_at is not None:
        execution.time_left_s = (execution.deadline_at - ledger.now).total_seconds()
        execution.deadline_at = None
    execution.pauses += 1
    ledger.execution_changed = True
    ledger.note("step.waiting", path=step.path, attempt=step.attempt, reason=reason, until=as_text(until), **told)
    ledger.hints.append((step, (until - ledger.now).total_seconds()))


def _check_asked(step: StepRecord, reason: str, decision: str, known: tuple[str, ...]) -> None:
    if step.status != WAITING or step.reason != reason:
        raise NotAsked(f"step {step.path} is {step.status} and does not wait for this")
    if decision not in known:
        raise ValueError(f"the decision is one of {', '.join(known)}, not {decision!r}")


def _answer(ledger: Ledger, step: StepRecord, decision: str, by: int | None = None, comment: str = "") -> None:
    ledger.answers.append(Answer(step.path, decision, by, comment))
    ledger.note("step.decided", path=step.path, decision=decision, by=by, comment=comment)
