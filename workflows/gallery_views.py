"""Pages of the gallery: ready-made workflows that a student can take over."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from workflows.models import Workflow
from workflows.ready_made import ReadyMade, ready_made, use_ready_made


def gallery(request: Request) -> HttpResponse:
    """Show what there is."""
    taken = set(Workflow.objects.visible_to(request.user).values_list("name", flat=True))
    chosen = [(item, item.name in taken) for item in ready_made().values()]
    return render_page(request, "workflows/gallery.html", {"chosen": chosen})


def item(request: Request, key: str) -> HttpResponse:
    """Show one of them: its steps, what it uses, and its text."""
    found = _found(key)
    context = {"item": found, "needs": found.needs(request.user), "picture": found.picture}
    return render_page(request, "workflows/gallery_item.html", context)


@require_POST
def use(request: Request, key: str) -> HttpResponse:
    """Copy one into the student's own workflows."""
    found = _found(key)
    as_draft = request.POST.get("action") == "draft"
    workflow = use_ready_made(found, owner=request.user, as_draft=as_draft, by=request.user)
    if as_draft:
        messages.success(request, "It is yours now, as a draft. It does nothing until you publish it.")
        return redirect("workflows:edit", workflow.pk)
    messages.success(request, f"“{workflow.name}” is yours now.")
    return redirect(workflow)


def _found(key: str) -> ReadyMade:
    found = ready_made().get(key)
    if found is None:
        raise Http404(f"There is no ready-made workflow “{key}”.")
    return found
