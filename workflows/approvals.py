"""Decisions of people that executions wait for. Pages and API call these; a link alone never decides.

`Approval.objects.visible_to(user).open()` are the questions that wait for a student; `.with_context()` loads what
lists show. Both kinds are answered by `decide_approval`; `resolve_attention` finds the question by its step.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from coreengine.accounts.models import User
from workflows.engine.outcome import NotStorable, clean_text, storable
from workflows.engine.pauses import NotAsked
from workflows.errors import AlreadyDecided
from workflows.models import Approval, Execution
from workflows.running import runner

MAX_COMMENT = 2_000


@transaction.atomic
def decide_approval(approval: Approval, decision: str, *, by: User, comment: str = "", result: Any = None) -> Approval:
    """Answer a question, once: the first answer counts, and the execution goes on with it.

    An approval is `approved` or `rejected`. Where nobody knows what became of an attempt, it is `retry` (try it
    again), `done` (it happened; `result` becomes the step's) or `fail`.

    Raises:
        ValidationError: the decision is not one of those, the comment is too long, the result cannot be kept.
        AlreadyDecided: someone was quicker, its time has run out, or the execution has ended.
    """
    approval = _still_open(approval)
    errors = {}
    if decision not in approval.possible_decisions:
        errors["decision"] = f"This is one of {', '.join(approval.possible_decisions)}."
    if len(comment) > MAX_COMMENT:
        errors["comment"] = f"A comment has at most {MAX_COMMENT:,} characters."
    if result is not None and decision != Approval.Decision.DONE:
        errors["result"] = "Only what was done has a result."
    try:
        storable(result)
    except NotStorable as error:
        errors["result"] = str(error)
    if errors:
        raise ValidationError(errors)
    said = {"by": by.pk, "comment": clean_text(comment.strip())}
    try:
        if approval.kind == Approval.Kind.APPROVAL:
            runner().decide(approval.execution_id, approval.path, decision, **said)
        else:
            runner().resolve(approval.execution_id, approval.path, decision, result=result, **said)
    except NotAsked:
        raise _decided(approval) from None
    approval.refresh_from_db()
    return approval


def resolve_attention(
    execution: Execution, path: str, decision: str, *, by: User, comment: str = "", result: Any = None
) -> Approval:
    """Say what became of the attempt of a step: `retry`, `done` with a result, or `fail`.

    Raises:
        ValidationError, AlreadyDecided: as `decide_approval`; also when the step asks for nothing.
    """
    kind = Approval.Kind.NEEDS_ATTENTION
    approval = Approval.objects.open().filter(execution=execution, path=path, kind=kind).first()
    if approval is None:
        raise AlreadyDecided(f"The step “{path}” does not wait for anyone to say what became of it.")
    return decide_approval(approval, decision, by=by, comment=comment, result=result)


def _still_open(approval: Approval) -> Approval:
    """The question as it stands under the lock of its execution, which every answer takes."""
    Execution.objects.select_for_update().filter(pk=approval.execution_id).first()
    approval = Approval.objects.get(pk=approval.pk)
    if not approval.is_open:
        raise _decided(approval)
    return approval


def _decided(approval: Approval) -> AlreadyDecided:
    approval.refresh_from_db()
    words = approval.get_decision_display() if approval.decision else "not needed any more"
    return AlreadyDecided(f"This was answered before: {words}. The first answer counts.")
