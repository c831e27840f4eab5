"""Starting an execution for a trigger. Whatever stands in the way is seen: as a failed execution, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from coreengine.kernel.errors import DomainError
from coreengine.kernel.expressions import ExpressionError, render
from workflows.models import Execution, WorkflowTrigger
from workflows.services import record_failed_start, start_execution

EXPECTED = (ValidationError, DomainError, ExpressionError)


def start_for(trigger: WorkflowTrigger, facts: Mapping[str, Any], *, key: str, depth: int = 0) -> Execution:
    """Start the workflow of a trigger once for this key, with the inputs that the trigger fills in from its facts.

    The caller holds a transaction. When it cannot start, the answer is a failed execution that says why.
    """
    workflow = trigger.workflow
    known = {"type": trigger.kind, "id": trigger.pk, "at": timezone.now().isoformat(), **facts}
    try:
        inputs = render(trigger.config.get("inputs") or {}, {"trigger": known})
        execution = start_execution(
            workflow, by=workflow.owner, inputs=inputs, trigger=known, idempotency_key=key, depth=depth
        )
    except EXPECTED as error:
        return fail_for(trigger, f"The {trigger.kind} could not start it. {words_of(error)}", facts, depth=depth)
    trigger.last_fired_at = timezone.now()
    trigger.last_problem, trigger.last_problem_at = "", None
    trigger.save(update_fields=["last_fired_at", "last_problem", "last_problem_at"])
    return execution


def fail_for(trigger: WorkflowTrigger, message: str, facts: Mapping[str, Any], *, depth: int = 0) -> Execution:
    """Leave a failed execution for a trigger that could not start one, and note why on the trigger."""
    note_problem(trigger, message)
    known = {"type": trigger.kind, "id": trigger.pk, **facts}
    return record_failed_start(trigger.workflow, message, trigger=known, depth=depth)


def note_problem(trigger: WorkflowTrigger, message: str) -> None:
    """Keep what went wrong with a trigger last, for its page."""
    trigger.last_problem, trigger.last_problem_at = message[:2_000], timezone.now()
    trigger.save(update_fields=["last_problem", "last_problem_at"])


def words_of(error: Exception) -> str:
    """What an expected error says, with the place of each fault of the inputs."""
    if not isinstance(error, ValidationError):
        return str(error)
    if hasattr(error, "error_dict"):
        return " ".join(f"{place}: {' '.join(words)}" for place, words in error.message_dict.items())
    return " ".join(error.messages)
