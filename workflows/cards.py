"""What workflows add to the dashboard."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from workflows.models import Approval, Execution

MOST_SHOWN = 5
COUNTED = "_approvals_waiting"


def recent_executions(request: HttpRequest) -> dict[str, Any] | None:
    """The newest executions of the student; no card while there are none."""
    newest = list(
        Execution.objects.visible_to(request.user)
        .newest_first()
        .select_related("workflow")
        .only("id", "status", "created_at", "started_at", "completed_at", "workflow__name")[:MOST_SHOWN]
    )
    return {"executions": newest} if newest else None


def waiting_approvals(request: HttpRequest) -> dict[str, Any] | None:
    """What waits for the student's answer; no card while nothing does."""
    if not approvals_waiting(request):
        return None
    waiting = list(Approval.objects.visible_to(request.user).open().with_context().order_by("deadline_at")[:MOST_SHOWN])
    return {"waiting": waiting}


def approvals_waiting(request: HttpRequest) -> int:
    """How many answers are waited for; counted once for a page, which asks for its menu and for the card."""
    if not hasattr(request, COUNTED):
        setattr(request, COUNTED, Approval.objects.visible_to(request.user).open().count())
    waiting: int = getattr(request, COUNTED)
    return waiting
