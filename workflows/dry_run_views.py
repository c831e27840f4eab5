"""The page on which one sees what a workflow would do."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from workflows.dry_run import APPROVED, REJECTED, StandIns, dry_run
from workflows.forms import InputsForm
from workflows.models import Execution, Workflow
from workflows.rules import DefinitionFaulty

EARLIER_SHOWN = 10
NONE = "none"


@require_POST
def try_out(request: Request, pk: int) -> HttpResponse:
    """Run a workflow, or its draft, without any effect and show what would happen."""
    workflow = get_object_or_404(Workflow.objects.editable_by(request.user).select_related("version"), pk=pk)
    of_draft = request.POST.get("draft") == "true"
    earlier = list(workflow.executions.exclude(started_at=None).newest_first()[:EARLIER_SHOWN])
    execution = _chosen(request, workflow, earlier)
    decision = REJECTED if request.POST.get("approvals") == REJECTED else APPROVED
    form = InputsForm.of(workflow, request.POST)
    context: dict[str, Any] = {
        "workflow": workflow,
        "of_draft": of_draft,
        "earlier": earlier,
        "execution": execution,
        "decision": decision,
        "start_form": form,
    }
    if not of_draft and not form.is_valid():
        return render_page(request, "workflows/dry_run.html", context, status=422)
    try:
        context["found"] = dry_run(
            workflow,
            by=request.user,
            inputs={} if of_draft else form.inputs(),
            stand_ins=StandIns.of(execution=execution),
            decision=decision,
            of_draft=of_draft,
        )
    except DefinitionFaulty:
        messages.error(request, "The draft has faults. Mend them first, then try it.")
        return redirect("workflows:edit", workflow.pk)
    return render_page(request, "workflows/dry_run.html", context)


def _chosen(request: Request, workflow: Workflow, earlier: list[Execution]) -> Execution | None:
    """The execution whose answers stand in: the chosen one, else the newest that there is."""
    wanted = request.POST.get("execution", "")
    if wanted == NONE:
        return None
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19:
        return get_object_or_404(workflow.executions, pk=int(wanted))
    return earlier[0] if earlier else None
