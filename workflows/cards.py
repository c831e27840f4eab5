"""What workflows add to the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest

from coreengine.kernel.statuses import FINISHED
from workflows.models import Approval, Execution, StepExecution

MOST_SHOWN = 5
LOOKED_AT = 20
COUNTED = "_approvals_waiting"


def workflows_card(request: HttpRequest) -> dict[str, Any] | None:
    """What needs the student, what runs and how far it is, and what ended last; no card while there is nothing."""
    waiting = Approval.objects.visible_to(request.user).open().with_context().order_by("deadline_at")[:MOST_SHOWN]
    found = list(waiting)
    asked = {approval.execution_id for approval in found}
    newest = (
        Execution.objects.visible_to(request.user)
        .newest_first()
        .select_related("workflow")
        .only("id", "status", "created_at", "started_at", "completed_at", "workflow__name")[:LOOKED_AT]
    )
    rows = sorted((row for row in newest if row.pk not in asked), key=lambda row: not row.is_open)[:MOST_SHOWN]
    if not rows and not found:
        return None
    lines = [ExecutionLine(row, words) for row, words in zip(rows, _progress(rows), strict=True)]
    return {"waiting": found, "executions": lines}


@dataclass(frozen=True)
class ExecutionLine:
    """One execution of the card; `progress` is "3 of 5" while it goes on."""

    execution: Execution
    progress: str


def _progress(rows: list[Execution]) -> list[str]:
    """Say how many steps of those that go on are behind them; no query where nothing goes on."""
    active = [row.pk for row in rows if row.is_open]
    if not active:
        return ["" for _ in rows]
    steps = StepExecution.objects.filter(execution__in=active).order_by().values("execution_id")
    counts = steps.annotate(total=Count("pk"), done=Count("pk", filter=Q(status__in=FINISHED)))
    known = {count["execution_id"]: f"{count['done']} of {count['total']}" for count in counts}
    return [known.get(row.pk, "") for row in rows]


def approvals_waiting(request: HttpRequest) -> int:
    """How many answers are waited for; counted once for a page, which asks for its menu and for the card."""
    if not hasattr(request, COUNTED):
        setattr(request, COUNTED, Approval.objects.visible_to(request.user).open().count())
    waiting: int = getattr(request, COUNTED)
    return waiting
