"""Error workflows: when an execution fails, the workflow that its definition names in `error_workflow` is started.

Once for each failed execution, and never in a circle: the failure of an execution that was itself started by a failure
starts nothing further.
"""

from __future__ import annotations

from typing import Any

from coreengine.kernel.events import subscriber
from coreengine.kernel.models import Event
from workflows.models import Execution, StepExecution, Workflow
from workflows.services import record_failed_start, start_execution
from workflows.triggers.firing import EXPECTED, words_of


@subscriber("error workflows", types=["workflow.execution.failed"])
def start_error_workflow(event: Event) -> None:
    """Start what the definition of a failed execution names for this case."""
    failed = (
        Execution.objects.select_related("workflow__owner", "version")
        .filter(pk=int(event.subject_id), status="failed")
        .first()
    )
    if failed is None or failed.trigger.get("type") == "error":
        return
    name = failed.version.definition.get("error_workflow")
    if not name:
        return
    facts = facts_of(failed)
    target = error_workflow_named(failed.workflow, name)
    if target is None:
        words = f"The error workflow “{name}” could not be started: you have no active workflow of this name."
        record_failed_start(failed.workflow, words, trigger=facts, depth=failed.depth + 1)
        return
    try:
        start_execution(
            target,
            by=target.owner,
            trigger=facts,
            idempotency_key=f"error:{failed.pk}",
            depth=failed.depth + 1,
        )
    except EXPECTED as error:
        words = f"It could not be started for the failure of “{failed.workflow.name}”. {words_of(error)}"
        record_failed_start(target, words, trigger=facts, depth=failed.depth + 1)


def error_workflow_named(workflow: Workflow, name: str) -> Workflow | None:
    """The workflow of the same student that a failure of this one starts; the oldest, should two share the name."""
    mine = Workflow.objects.filter(owner_id=workflow.owner_id, name=name).active().select_related("owner")
    return mine.exclude(version=None).order_by("pk").first()


def facts_of(failed: Execution) -> dict[str, Any]:
    """What the error workflow sees as `trigger`."""
    step = (
        StepExecution.objects.filter(execution=failed, status="failed").order_by("scope", "finished_at", "id").first()
    )
    return {
        "type": "error",
        "execution": failed.pk,
        "workflow": failed.workflow.name,
        "error": failed.error_message,
        "step": step.path if step else None,
    }
