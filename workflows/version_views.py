"""Pages on which workflows are written: the editor with its draft, versions, and what differs between them."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from workflows.comparisons import DRAFT, Comparison, Side, compare, readable
from workflows.engine.definition import Fault
from workflows.errors import DraftContested
from workflows.graph import Picture
from workflows.models import Workflow, WorkflowVersion
from workflows.pages import STARTER, EditorPage
from workflows.rules import DefinitionFaulty, faults_of_source
from workflows.services import delete_workflow
from workflows.versions import (
    create_draft_workflow,
    create_workflow,
    discard_draft,
    draft_of,
    publish_draft,
    restore_version,
    save_draft,
)

VERSIONS_SHOWN = 100


def _mine(request: Request, pk: int) -> Workflow:
    return get_object_or_404(Workflow.objects.editable_by(request.user).select_related("version"), pk=pk)


def _revision(request: Request) -> int | None:
    text = request.POST.get("revision", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


# --- the editor --------------------------------------------------------------------------------------------


def new(request: Request) -> HttpResponse:
    """Write a new workflow: save a draft of it, or publish it at once."""
    if request.method != "POST":
        return _editor(request, None, STARTER)
    source = request.POST.get("source", "")
    if request.POST.get("action") == "draft":
        try:
            workflow = create_draft_workflow(request.user, source=source, by=request.user)
        except ValidationError as error:
            return _editor(request, None, source, refused=_as_faults(error))
        messages.success(request, "The draft is saved. It does nothing until you publish it.")
        return redirect("workflows:edit", workflow.pk)
    try:
        workflow = create_workflow(request.user, source=source, by=request.user, message=_message(request))
    except DefinitionFaulty as error:
        return _editor(request, None, source, refused=error.faults)
    messages.success(request, f"“{workflow.name}” is published.")
    return redirect(workflow)


def edit(request: Request, pk: int) -> HttpResponse:
    """Write the next version of a workflow: save its draft, or publish it."""
    workflow = _mine(request, pk)
    draft = draft_of(workflow)
    if request.method != "POST":
        return _editor(
            request, workflow, draft.source if draft else workflow.version.source if workflow.version else ""
        )
    source = request.POST.get("source", "")
    # A form without its revision is a program of long ago: it counts as read just now.
    revision = _revision(request)
    try:
        save_draft(
            workflow, source=source, by=request.user, revision=workflow.revision if revision is None else revision
        )
    except DraftContested:
        return _editor(request, workflow, source, is_contested=True)
    except ValidationError as error:
        return _editor(request, workflow, source, refused=_as_faults(error))
    if request.POST.get("action") == "draft":
        messages.success(request, "The draft is saved.")
        return redirect("workflows:edit", workflow.pk)
    try:
        version = publish_draft(workflow, by=request.user, message=_message(request))
    except DefinitionFaulty as error:
        return _editor(request, workflow, source, refused=error.faults)
    is_new = version.pk != workflow.version_id
    messages.success(request, f"Version {version.number} is published{'.' if is_new else ' already: nothing differs.'}")
    return redirect(workflow)


def _editor(
    request: Request,
    workflow: Workflow | None,
    source: str,
    *,
    refused: list[Fault] | None = None,
    is_contested: bool = False,
) -> HttpResponse:
    """Show the editor: `refused` lists why the text was not saved, `is_contested` that others were faster."""
    found = faults_of_source(source) if refused is None else refused
    draft = None
    theirs = None
    if workflow is not None:
        workflow = Workflow.objects.select_related("version").get(pk=workflow.pk)
        draft = draft_of(workflow)
        if is_contested:
            saved = _saved_text(workflow)
            theirs = Comparison(
                Side(DRAFT, "what is saved", saved, readable(saved)), Side("", "your text", source, readable(source))
            )
    context = {
        "workflow": workflow,
        "draft": draft,
        "revision": workflow.revision if workflow else 0,
        "next_number": workflow.version.number + 1 if workflow and workflow.version else 1,
        "is_outdated": bool(draft and workflow and workflow.version and draft.base != workflow.version.number),
        "theirs": theirs,
        "message": request.POST.get("message", ""),
        "editor": EditorPage.of(source, faults=found),
    }
    return render_page(request, "workflows/edit.html", context, status=409 if theirs else 422 if refused else 200)


@require_POST
def preview(request: Request) -> HttpResponse:
    """Check and draw a definition while it is written."""
    source = request.POST.get("source", "")
    editor = EditorPage.of(source, faults=faults_of_source(source))
    return render_page(request, "workflows/edit.html", {"editor": editor}, parts={"preview": "preview"})


@require_POST
def discard(request: Request, pk: int) -> HttpResponse:
    """Throw the draft away; a workflow that is nothing but a draft goes out of sight with it."""
    workflow = _mine(request, pk)
    if workflow.version is None:
        delete_workflow(workflow, by=request.user)
        messages.success(request, f"“{workflow.name}” is deleted. You can bring it back below the list.")
        return redirect("workflows:list")
    discard_draft(workflow, by=request.user, revision=_revision(request))
    messages.success(request, "The draft is discarded.")
    return redirect(workflow)


def _saved_text(workflow: Workflow) -> str:
    draft = draft_of(workflow)
    return draft.source if draft else workflow.version.source if workflow.version else ""


def _message(request: Request) -> str:
    return request.POST.get("message", "")


def _as_faults(error: ValidationError) -> list[Fault]:
    return [Fault("", message) for message in error.messages]


# --- versions ----------------------------------------------------------------------------------------------


def versions(request: Request, pk: int) -> HttpResponse:
    """List the versions of a workflow: who published each, when and why, and how often it ran."""
    workflow = _mine(request, pk)
    found = workflow.versions.without_text().select_related("created_by").with_execution_count()
    context = {"workflow": workflow, "draft": draft_of(workflow), "versions": found[:VERSIONS_SHOWN]}
    return render_page(request, "workflows/versions.html", context)


def version(request: Request, pk: int, number: int) -> HttpResponse:
    """Show one version as it was published."""
    workflow = _mine(request, pk)
    found = get_object_or_404(workflow.versions.select_related("created_by").with_execution_count(), number=number)
    context = {
        "workflow": workflow,
        "version": found,
        "draft": draft_of(workflow),
        "picture": Picture(found.definition["steps"]),
        "is_published": workflow.version_id == found.pk,
        "has_earlier": workflow.versions.filter(number__lt=number).exists(),
    }
    return render_page(request, "workflows/version.html", context)


@require_POST
def restore(request: Request, pk: int, number: int) -> HttpResponse:
    """Make an old version the draft, and go where it can be looked at and published."""
    workflow = _mine(request, pk)
    try:
        restore_version(workflow, number, by=request.user, revision=_revision(request))
    except WorkflowVersion.DoesNotExist:
        raise Http404 from None
    messages.success(request, f"The text of version {number} is the draft now. Publish it to make it run.")
    return redirect("workflows:edit", workflow.pk)


def diff(request: Request, pk: int) -> HttpResponse:
    """Show what differs between two versions, or between the draft and what is published."""
    workflow = _mine(request, pk)
    try:
        found = compare(workflow, request.GET.get("from", ""), request.GET.get("to", ""))
    except WorkflowVersion.DoesNotExist:
        raise Http404 from None
    numbers = list(workflow.versions.values_list("number", flat=True)[:VERSIONS_SHOWN])
    context = {"workflow": workflow, "comparison": found, "numbers": numbers, "draft": draft_of(workflow)}
    return render_page(request, "workflows/diff.html", context)
