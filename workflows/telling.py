"""What students are told about their executions."""

from __future__ import annotations

from typing import Protocol

from coreengine.accounts.models import User
from coreengine.kernel.notifications import notify
from workflows.models import Workflow


class FailedExecution(Protocol):
    """What there is to tell of an execution, as a record or as a row."""

    id: int
    owner_id: int
    workflow_id: int
    error_message: str


def tell_of_failure(execution: FailedExecution) -> None:
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
