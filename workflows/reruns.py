"""Retry an execution, or run it again from a chosen step: a new execution with the results of the rest.

What is taken over and what runs again is decided in `engine/rerun.py`; here stands who may ask for it, and when.
"""

from __future__ import annotations

import copy

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from coreengine.accounts.models import User
from coreengine.kernel.events import record
from workflows.archive import tell_if_archived
from workflows.engine.rerun import CannotRepeat, plan_of
from workflows.engine.states import OPEN
from workflows.errors import NotRepeatable, StillUnderWay, WorkflowRemoved
from workflows.fairness import queue_rank
from workflows.models import Execution, WorkflowVersion
from workflows.rules import check_inputs
from workflows.running import begin_in_turn
from workflows.store import definition_of, earlier_of


def retry_execution(execution: Execution, *, by: User | None, in_current_version: bool = False) -> Execution:
    """Repeat whatever of an execution failed or never finished; the rest is taken over.

    It runs in the version it ran with, or as an explicit choice in the one that is published now.

    Raises:
        StillUnderWay: it is not over, or it may run once at a time and another one is under way.
        NotRepeatable: everything finished, or the published version does not fit.
        WorkflowRemoved: its workflow was removed.
    """
    return _repeat(execution, "", by=by, in_current_version=in_current_version)


def rerun_execution(
    execution: Execution, *, chosen: str, by: User | None, in_current_version: bool = False
) -> Execution:
    """Repeat a step of an execution (`each[3].import`) and everything behind it; the rest is taken over.

    Raises:
        ValidationError: there is no such step.
        StillUnderWay, NotRepeatable, WorkflowRemoved: as `retry_execution`.
    """
    if not execution.steps.filter(path=chosen).exists():
        raise ValidationError({"from": f"Execution {execution.pk} has no step “{chosen[:200]}”."})
    return _repeat(execution, chosen, by=by, in_current_version=in_current_version)


@transaction.atomic
def _repeat(execution: Execution, chosen: str, *, by: User | None, in_current_version: bool) -> Execution:
    workflow = execution.workflow
    if execution.status in OPEN:
        raise StillUnderWay(f"Execution {execution.pk} is {execution.status}. Cancel it, or wait until it is over.")
    if workflow.removed_at is not None:
        raise WorkflowRemoved(f"“{workflow.name}” was removed. Bring it back first.")
    # While it is locked it cannot leave for the archive.
    if not Execution.objects.select_for_update(no_key=True, of=("self",)).filter(pk=execution.pk):
        tell_if_archived(execution.pk, owner=execution.owner)
    version_id = workflow.version_id if in_current_version and workflow.version_id else execution.version_id
    definition = definition_of(version_id)
    earlier = earlier_of(execution.pk)
    assert earlier is not None
    try:
        plan_of(earlier, definition, chosen)
    except CannotRepeat as error:
        raise NotRepeatable(str(error)) from error
    try:
        with transaction.atomic():
            again = Execution.objects.create(
                owner_id=execution.owner_id,
                workflow=workflow,
                version_id=version_id,
                actor=by,
                trigger=execution.trigger,
                inputs=check_inputs(definition, execution.inputs),
                variables=copy.deepcopy(dict(definition.variables)),
                connection_id=execution.connection_id,
                exclusive_key=execution.exclusive_key,
                depth=execution.depth,
                priority=definition.priority,
                queue_rank=queue_rank(definition.priority, {"type": "manual"}),
                admitted_at=None,
                rerun_of=execution,
                rerun_from=chosen,
            )
    except IntegrityError:
        other = Execution.objects.filter(exclusive_key=execution.exclusive_key, status__in=OPEN).first()
        if other is None:
            raise
        raise StillUnderWay(
            f"“{workflow.name}” runs once at a time, and execution {other.pk} is under way. Wait until it is over."
        ) from None
    data = {"workflow": workflow.pk, "version": version_id, "inputs": again.inputs, "trigger": again.trigger}
    record(
        "workflow.execution.requested",
        actor=by,
        subject=again,
        data=data | {"rerun_of": execution.pk, "rerun_from": chosen},
    )
    begin_in_turn(again.owner_id)
    return again


def newer_version_of(execution: Execution) -> WorkflowVersion | None:
    """The published version of its workflow, when it is not the one that the execution ran with."""
    workflow = execution.workflow
    if workflow.version_id is None or workflow.version_id == execution.version_id:
        return None
    return WorkflowVersion.objects.without_text().get(pk=workflow.version_id)
