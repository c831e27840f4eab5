"""Pages of workflows and executions."""

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.statuses import Status
from coreengine.kernel.typing import Request
from plugins.models import Connection
from workflows.archive import archived_count, find_or_tell
from workflows.execution_page import MOST_JSON, ExecutionPage, Unfolding, json_excerpt, step_rows
from workflows.filters import WorkflowFilter
from workflows.forms import InputsForm
from workflows.graph import Picture
from workflows.log_page import LogPage
from workflows.models import Execution, StepExecution, Workflow
from workflows.ready_made import ready_made
from workflows.services import (
    cancel_execution,
    delete_workflow,
    restore_workflow,
    set_active,
    start_execution,
)
from workflows.triggers.pages import triggers_section
from workflows.versions import draft_of

PAGE = 30


def workflow_list(request: Request) -> HttpResponse:
    """List the student's workflows with how each went last."""
    mine = Workflow.objects.visible_to(request.user)
    found = WorkflowFilter(request.GET, mine.with_last_execution().with_draft_mark(), request=request)
    removed = Workflow.objects.filter(owner=request.user).removed().order_by("-removed_at")[:5]
    context = {
        "workflows": found.qs.prefetch_related("triggers"),
        "removed": removed,
        "q": request.GET.get("q", ""),
        "state": request.GET.get("state", ""),
        "states": WorkflowFilter.STATES,
        "has_any": mine.exists(),
        "suggested": [] if mine.filter(shipped_key="").exists() else list(ready_made().values())[:3],
    }
    return render_page(request, "workflows/list.html", context, parts={"workflows": "results"})


def detail(request: Request, pk: int) -> HttpResponse:
    """Show one workflow: its steps, when it starts, how it went."""
    workflow = get_object_or_404(Workflow.objects.visible_to(request.user).select_related("version"), pk=pk)
    if workflow.version is None:  # nothing but a draft: the editor is its page
        return redirect("workflows:edit", workflow.pk)
    return _workflow_page(request, workflow, InputsForm.of(workflow))


def _workflow_page(request: Request, workflow: Workflow, start_form: InputsForm) -> HttpResponse:
    context = {
        "workflow": workflow,
        "version": workflow.version,
        "draft": draft_of(workflow),
        "picture": Picture(workflow.version.definition["steps"]),
        "executions": workflow.executions.select_related("workflow").newest_first()[:8],
        "versions": workflow.versions.without_text()[:5],
        "triggers": triggers_section(workflow, request=request),
        "start_form": start_form,
    }
    return render_page(request, "workflows/detail.html", context, status=422 if start_form.errors else 200)


@require_POST
def start(request: Request, pk: int) -> HttpResponse:
    """Start a workflow and go where one can watch it."""
    workflow = get_object_or_404(Workflow.objects.editable_by(request.user).select_related("version"), pk=pk)
    if workflow.version is None:
        return redirect("workflows:edit", workflow.pk)
    form = InputsForm.of(workflow, request.POST)
    if not form.is_valid():
        return _workflow_page(request, workflow, form)
    return _watch(request, start_execution(workflow, by=request.user, inputs=form.inputs()))


@require_POST
def restart(request: Request, pk: int) -> HttpResponse:
    """Start the same workflow with the same inputs once more."""
    execution = get_object_or_404(Execution.objects.visible_to(request.user).select_related("workflow"), pk=pk)
    workflow = get_object_or_404(Workflow.objects.editable_by(request.user), pk=execution.workflow_id)
    return _watch(request, start_execution(workflow, by=request.user, inputs=execution.inputs))


def _watch(request: Request, execution: Execution) -> HttpResponse:
    if execution.is_reused:
        messages.info(request, "This was under way already; here it is.")
    return redirect(execution)


@require_POST
def set_workflow_active(request: Request, pk: int) -> HttpResponse:
    """Let a workflow start by itself, or stop it from doing so."""
    workflow = get_object_or_404(Workflow.objects.editable_by(request.user), pk=pk)
    workflow = set_active(workflow, request.POST.get("is_active") == "true", by=request.user)
    messages.success(request, f"“{workflow.name}” is switched {'on' if workflow.is_active else 'off'}.")
    return redirect("workflows:list") if request.POST.get("next") == "list" else redirect(workflow)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    """Put a workflow out of sight."""
    workflow = get_object_or_404(Workflow.objects.editable_by(request.user), pk=pk)
    delete_workflow(workflow, by=request.user)
    messages.success(request, f"“{workflow.name}” is deleted. You can bring it back below the list.")
    return redirect("workflows:list")


@require_POST
def restore(request: Request, pk: int) -> HttpResponse:
    """Bring a deleted workflow back."""
    workflow = get_object_or_404(Workflow.objects.filter(owner=request.user).removed(), pk=pk)
    messages.success(request, f"“{workflow.name}” is back.")
    return redirect(restore_workflow(workflow, by=request.user))


def executions(request: Request) -> HttpResponse:
    """List executions, newest first, of all workflows or of one."""
    rows = Execution.objects.visible_to(request.user).select_related("workflow").newest_first()
    workflow = None
    if (wanted := request.GET.get("workflow", "")).isdecimal():
        workflow = get_object_or_404(Workflow.objects.visible_to(request.user), pk=int(wanted))
        rows = rows.filter(workflow=workflow)
    status = request.GET.get("status", "")
    if status in Status.values:
        rows = rows.filter(status=status)
    if (before := request.GET.get("before", "")).isdecimal():
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[: PAGE + 1])
    context = {
        "executions": shown[:PAGE],
        "next_before": shown[PAGE - 1].pk if len(shown) > PAGE else None,
        "archived": archived_count(request.user, workflow) if len(shown) <= PAGE and not status else 0,
        "workflow": workflow,
        "status": status,
        "statuses": [s for s in Status.values if s not in {Status.SKIPPED, Status.WAITING}],
    }
    return render_page(request, "workflows/executions.html", context)


def execution(request: Request, pk: int) -> HttpResponse:
    """Show an execution; while it goes on, the page asks for what is new."""
    mine = Execution.objects.visible_to(request.user).select_related("workflow", "version")
    found = find_or_tell(mine, pk, owner=request.user)
    unfolded = Unfolding.read(request.GET["open"]) if "open" in request.GET else None
    shown = ExecutionPage(found, unfolded=unfolded)
    if request.htmx and request.GET.get("seen") == shown.seen:
        return HttpResponse(status=204)
    context = {"execution": found, "shown": shown, "fix_url": _where_to_fix(found)}
    return render_page(request, "workflows/execution.html", context, parts={"live": "live"})


def items(request: Request, pk: int, step_pk: int) -> HttpResponse:
    """Show the items of one loop, page by page."""
    found = get_object_or_404(Execution.objects.visible_to(request.user).select_related("workflow", "version"), pk=pk)
    loop = get_object_or_404(found.steps.filter(kind="loop"), pk=step_pk)
    wanted = Unfolding.read(f"{step_pk}:{request.GET.get('page', '1')}:{request.GET.get('show', 'all')}")[0]
    loop_page = ExecutionPage(found).items_of(step_rows(found.steps.filter(pk=loop.pk))[0], wanted)
    context = {"execution": found, "loop": loop, "items": loop_page}
    if request.htmx:
        return render_page(request, "workflows/_items.html", context)
    return render_page(request, "workflows/items.html", context)


def log(request: Request, pk: int) -> HttpResponse:
    """Show what happened in an execution, entry by entry."""
    found = get_object_or_404(Execution.objects.visible_to(request.user).select_related("workflow", "version"), pk=pk)
    shown = LogPage(found, step=request.GET.get("step", ""), after=request.GET.get("after", ""))
    return render_page(request, "workflows/log.html", {"execution": found, "log": shown})


def _where_to_fix(execution: Execution) -> str:
    """Return the page of the connection if that is what failed the execution, else ""."""
    if execution.status != Status.FAILED or execution.connection_id is None:
        return ""
    unhealthy = Connection.objects.filter(owner_id=execution.owner_id, health=Connection.Health.UNHEALTHY)
    connection = unhealthy.filter(pk=execution.connection_id).first()
    return connection.get_absolute_url() if connection else ""


def step(request: Request, pk: int, step_pk: int) -> HttpResponse:
    """Show the result of one step: as much of it as one can read, or all of it as a file."""
    found = get_object_or_404(
        StepExecution.objects.visible_to(request.user).select_related("execution__workflow"),
        pk=step_pk,
        execution_id=pk,
    )
    if "download" in request.GET:
        text = json.dumps(found.result, indent=2, ensure_ascii=False)
        name = f"execution-{pk}-{found.name}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(text, content_type="application/json", headers=headers)
    text, is_cut = json_excerpt(found.result, MOST_JSON if request.htmx else MOST_JSON * 10)
    context = {"execution": found.execution, "step": found, "json": text, "is_cut": is_cut}
    if request.htmx:
        return render_page(request, "workflows/step.html#json", context)
    return render_page(request, "workflows/step.html", context)


@require_POST
def cancel(request: Request, pk: int) -> HttpResponse:
    """End an execution that is under way."""
    found = get_object_or_404(Execution.objects.editable_by(request.user), pk=pk)
    cancel_execution(found, by=request.user)
    return redirect(found)
