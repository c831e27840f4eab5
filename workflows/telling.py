"""What students are told about their executions."""

from __future__ import annotations

from coreengine.accounts.models import User
from coreengine.kernel.notifications import notify
from workflows.engine.records import ExecutionRecord
from workflows.models import Workflow


def tell_of_failure(execution: ExecutionRecord) -> None:
    """Put a failed execution into the bell, in the transaction that failed it."""
    name = Workflow.objects.values_list("name", flat=True).get(pk=execution.workflow_id)
    notify(
        User.objects.get(pk=execution.owner_id),
        title=f"“{name[:150]}” did not finish",
        content=execution.error_message[:2_000],
        priority="high",
        url=f"/executions/{execution.id}/",
        kind="workflow",
    )
