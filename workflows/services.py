"""Changes of workflows and executions. Every door calls these."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from workflows.engine.definition import Definition
from workflows.engine.states import OPEN
from workflows.errors import ExecutionFinished, KeyReused, NotPublished, StartContested, WorkflowRemoved
from workflows.fairness import queue_rank
from workflows.models import Execution, Workflow
from workflows.rules import check_inputs
from workflows.running import begin_in_turn, runner
from workflows.store import definition_of
from workflows.telling import tell_of_failure
from workflows.triggers.rows import pause_schedules
from workflows.versions import locked_workflow

START_TRIES = 5

# --- workflows ---------------------------------------------------------------------------------------------


@transaction.atomic
def set_active(workflow: Workflow, is_active: bool, *, by: User | None) -> Workflow:
    """Let a workflow's triggers fire, or not. It can be started by hand either way."""
    workflow = locked_workflow(workflow)
    if workflow.is_active != is_active:
        workflow.is_active = is_active
        workflow.save(update_fields=["is_active", "updated_at"])
        pause_schedules(workflow, not is_active)
        record("workflow.activated" if is_active else "workflow.paused", actor=by, subject=workflow)
    return workflow


@transaction.atomic
def delete_workflow(workflow: Workflow, *, by: User | None) -> Workflow:
    """Remove a workflow from sight and stop its triggers; `restore_workflow` brings it back.

    Executions under way go on to their end. Removing twice is harmless.
    """
    workflow = Workflow.objects.select_for_update().get(pk=workflow.pk)
    if workflow.removed_at is None:
        workflow.removed_at = timezone.now()
        workflow.save(update_fields=["removed_at", "updated_at"])
        pause_schedules(workflow, True)
        record("workflow.removed", actor=by, subject=workflow)
    return workflow


@transaction.atomic
def restore_workflow(workflow: Workflow, *, by: User | None) -> Workflow:
    """Bring a removed workflow back as it was."""
    workflow = Workflow.objects.select_for_update().get(pk=workflow.pk)
    if workflow.removed_at is not None:
        workflow.removed_at = None
        workflow.save(update_fields=["removed_at", "updated_at"])
        pause_schedules(workflow, not workflow.is_active)
        record("workflow.restored", actor=by, subject=workflow)
    return workflow


# --- executions --------------------------------------------------------------------------------------------


@transaction.atomic
def start_execution(
    workflow: Workflow,
    *,
    by: User | None,
    inputs: Mapping[str, Any] | None = None,
    trigger: Mapping[str, Any] | None = None,
    idempotency_key: str = "",
    depth: int = 0,
) -> Execution:
    """Start a workflow in its current version; workers do the rest.

    A shipped workflow runs once at a time for its connection: when it is under way, that execution is returned,
    with `is_reused` set. So it is when the same `idempotency_key` comes again. What an event or a webhook starts is
    the exception: each has something else to tell. `depth` counts the executions that led to this one.

    Raises:
        ValidationError: the inputs do not fit; by path, such as `inputs.course`.
        WorkflowRemoved: it was removed.
        NotPublished: there is only a draft of it.
        KeyReused: the key came with other inputs before.
    """
    if workflow.removed_at is not None:
        raise WorkflowRemoved(f"“{workflow.name}” was removed. Bring it back first.")
    if workflow.version_id is None:
        raise NotPublished(f"“{workflow.name}” is only a draft. Publish it, then start it.")
    definition = definition_of(workflow.version_id)
    given = check_inputs(definition, usual_inputs(workflow, definition, inputs))
    if idempotency_key and (known := _known(workflow, idempotency_key, given)):
        return known
    started_by = trigger_of(workflow, trigger)
    execution = other = None
    for _ in range(START_TRIES):
        try:
            with transaction.atomic():
                execution = Execution.objects.create(
                    owner_id=workflow.owner_id,
                    workflow=workflow,
                    version_id=workflow.version_id,
                    actor=by,
                    trigger=started_by,
                    priority=definition.priority,
                    queue_rank=queue_rank(definition.priority, started_by),
                    admitted_at=None,
                    inputs=given,
                    variables=copy.deepcopy(dict(definition.variables)),
                    connection_id=workflow.connection_id,
                    idempotency_key=idempotency_key[:200],
                    depth=depth,
                    exclusive_key=_exclusive_key(workflow, started_by),
                )
            break
        except IntegrityError:
            other = _known(workflow, idempotency_key, given) if idempotency_key else None
            if other := other or _under_way(workflow):
                return other
            # The other one ended between our insert and our look: the place is free again.
    if execution is None:
        raise StartContested(f"“{workflow.name}” was being started and ended by others just now. Try again.")
    record(
        "workflow.execution.requested",
        actor=by,
        subject=execution,
        data={"workflow": workflow.pk, "version": workflow.version_id, "inputs": given, "trigger": execution.trigger},
    )
    begin_in_turn(workflow.owner_id)
    return execution


def cancel_execution(execution: Execution, *, by: User | None) -> Execution:
    """Cancel an execution: no further step begins, and what outside steps still answer is refused.

    Cancelling twice is harmless.

    Raises:
        ExecutionFinished: it had ended by itself.
    """
    was_cancelled = runner().cancel(execution.pk, by=by.pk if by else None)
    execution.refresh_from_db()
    if not was_cancelled and execution.status != "cancelled":
        raise ExecutionFinished(f"Execution {execution.pk} is {execution.status} already.")
    return execution


@transaction.atomic
def record_failed_start(workflow: Workflow, message: str, *, trigger: Mapping[str, Any], depth: int = 0) -> Execution:
    """Keep a start that a trigger tried in vain as a failed execution, so that it is seen."""
    assert workflow.version_id is not None
    execution = Execution.objects.create(
        owner_id=workflow.owner_id,
        workflow=workflow,
        version_id=workflow.version_id,
        trigger=trigger_of(workflow, trigger),
        status="failed",
        error_message=message,
        variables=copy.deepcopy(dict(definition_of(workflow.version_id).variables)),
        depth=depth,
        connection_id=workflow.connection_id,
        completed_at=timezone.now(),
    )
    record("workflow.execution.failed", actor=None, subject=execution, data={"error": message})
    tell_of_failure(execution)
    return execution


def usual_inputs(workflow: Workflow, definition: Definition, inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The inputs that were given, and the connection that a shipped workflow is made for."""
    given = dict(inputs or {})
    if workflow.connection_id is not None and "connection" in (definition.inputs.get("properties") or {}):
        given.setdefault("connection", workflow.connection_id)
    return given


def trigger_of(workflow: Workflow, trigger: Mapping[str, Any] | None) -> dict[str, Any]:
    """What expressions see of the start of an execution."""
    return {"type": "manual", "at": timezone.now().isoformat(), **dict(trigger or {}), **made_for(workflow)}


def made_for(workflow: Workflow) -> dict[str, Any]:
    """What expressions see, in `trigger`, of the connection that a shipped workflow was made for."""
    number = workflow.connection_id
    return {} if number is None else {"connection_id": number, "connection": f"connection:{number}"}


def _exclusive_key(workflow: Workflow, trigger: Mapping[str, Any]) -> str:
    """What only one execution under way may hold, "" where several may go on at once."""
    if not workflow.is_shipped or trigger["type"] in ("event", "webhook"):
        return ""
    return f"{workflow.connection_id}:{workflow.shipped_key}"


def _known(workflow: Workflow, key: str, inputs: Mapping[str, Any]) -> Execution | None:
    known = Execution.objects.filter(workflow=workflow, idempotency_key=key[:200]).first()
    if known is None:
        return None
    if known.inputs != inputs:
        raise KeyReused(f"The key “{key}” started execution {known.pk} with other inputs. Use a new key.")
    known.is_reused = True
    return known


def _under_way(workflow: Workflow) -> Execution | None:
    if not workflow.is_shipped:
        return None
    other = Execution.objects.filter(workflow=workflow, status__in=OPEN).order_by("-pk").first()
    if other is not None:
        other.is_reused = True
    return other
