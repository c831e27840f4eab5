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
from workflows.errors import NotPublished
from workflows.forms import InputsForm
from workflows.models import Execution, Workflow
from workflows.rules import DefinitionFaulty, check_definition
from workflows.versions import draft_of

EARLIER_SHOWN = 10
NONE = "none"


@require_POST
def try_out(request: Request, pk: int) -> HttpResponse:
    """Run a workflow, or its draft, without any effect and show what would happen."""
    workflow = get_object_or_404(Workflow.objects.editable_by(request.user).select_related("version"), pk=pk)
    of_draft = request.POST.get("draft") == "true"
    try:
        form = _form(request, workflow, of_draft)
    except DefinitionFaulty:
        messages.error(request, "The draft has faults. Mend them first, then try it.")
        return redirect("workflows:edit", workflow.pk)
    earlier = list(workflow.executions.exclude(started_at=None).newest_first()[:EARLIER_SHOWN])
    execution = _chosen(request, workflow, earlier)
    context: dict[str, Any] = {
        "workflow": workflow,
        "of_draft": of_draft,
        "earlier": earlier,
        "execution": execution,
        "decision": REJECTED if request.POST.get("approvals") == REJECTED else APPROVED,
        "start_form": form,
    }
    if not form.is_valid():
        return render_page(request, "workflows/dry_run.html", context, status=422)
    context["found"] = dry_run(
        workflow,
        by=request.user,
        inputs=form.inputs(),
        stand_ins=StandIns.of(execution=execution),
        decision=context["decision"],
        of_draft=of_draft,
    )
    return render_page(request, "workflows/dry_run.html", context)


def _form(request: Request, workflow: Workflow, of_draft: bool) -> InputsForm:
    """The inputs of what is tried. From the editor they do not come along: then its defaults are taken."""
    if not of_draft:
        if workflow.version is None:
            raise NotPublished(f"“{workflow.name}” is only a draft. Try the draft, or publish it.")
        return InputsForm.of(workflow, request.POST)
    draft = draft_of(workflow)
    if draft is None:
        raise NotPublished(f"“{workflow.name}” has no draft.")
    definition = check_definition(source=draft.source).definition
    form = InputsForm(dict(definition.inputs), request.POST, definition=definition)
    if "approvals" not in request.POST:
        form.data = {name: field.initial for name, field in form.fields.items() if field.initial is not None}
    return form


def _chosen(request: Request, workflow: Workflow, earlier: list[Execution]) -> Execution | None:
    """The execution whose answers stand in: the chosen one, else the newest that there is."""
    wanted = request.POST.get("execution", "")
    if wanted == NONE:
        return None
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19:
        return get_object_or_404(workflow.executions, pk=int(wanted))
    return earlier[0] if earlier else None
