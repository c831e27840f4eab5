"""What workflows add to the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.statuses import FINISHED
from workflows.models import Approval, Execution, StepExecution

MOST_SHOWN = 5
LOOKED_AT = 20
COUNTED = "_approvals_waiting"


def workflows_card(request: HttpRequest) -> dict[str, Any] | None:
    """What needs the student, what runs and how far it is, and what ended last; no card while there is nothing."""
    found = _ASKING.objects(owner=request.user.pk)
    asked = {approval.execution_id for approval in found}
    newest = _NEWEST.objects(owner=request.user.pk)
    rows = sorted((row for row in newest if row.pk not in asked), key=lambda row: not row.is_open)[:MOST_SHOWN]
    if not rows and not found:
        return None
    lines = [ExecutionLine(row, words) for row, words in zip(rows, _progress(rows), strict=True)]
    return {"waiting": found, "executions": lines}


def _asking(owner: int) -> QuerySet[Approval]:
    own = Approval.objects.visible_to(owner_with(owner)).open().with_context()
    return own.order_by("deadline_at")[:MOST_SHOWN]


def _newest(owner: int) -> QuerySet[Execution]:
    own = Execution.objects.visible_to(owner_with(owner)).newest_first().select_related("workflow")
    return own.only("id", "status", "created_at", "started_at", "completed_at", "workflow__name")[:LOOKED_AT]


_ASKING, _NEWEST = KeptQuery(_asking, owner=int), KeptQuery(_newest, owner=int)


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
        setattr(request, COUNTED, _WAITING.total(owner=request.user.pk))
    waiting: int = getattr(request, COUNTED)
    return waiting


def _waiting(owner: int) -> QuerySet[Any]:
    return Approval.objects.visible_to(owner_with(owner)).open().as_count()


_WAITING = KeptQuery(_waiting, owner=int)
