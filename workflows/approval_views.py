"""Pages on which a student answers what executions ask. Looking never decides: a link in a mail may be followed by
a machine first."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from workflows.approvals import decide_approval
from workflows.decision_form import DecisionForm
from workflows.errors import AlreadyDecided
from workflows.execution_page import json_excerpt
from workflows.models import Approval

PAGE = 30


def approvals(request: Request) -> HttpResponse:
    """List what waits for the student, and what was answered, newest first."""
    mine = Approval.objects.visible_to(request.user).with_context()
    answered = mine.exclude(decision="").order_by("-decided_at", "-pk")
    if (before := request.GET.get("before", "")).isdecimal() and len(before) < 19:
        last = get_object_or_404(Approval.objects.visible_to(request.user).exclude(decision=""), pk=int(before))
        answered = answered.filter(decided_at__lte=last.decided_at).exclude(pk=last.pk, decided_at=last.decided_at)
        answered = answered.exclude(decided_at=last.decided_at, pk__gt=last.pk)
    shown = list(answered[: PAGE + 1])
    context = {
        "waiting": [] if before else list(mine.open().order_by("deadline_at", "pk")[:PAGE]),
        "answered": shown[:PAGE],
        "next_before": shown[PAGE - 1].pk if len(shown) > PAGE else None,
        "is_first": not before,
    }
    return render_page(request, "workflows/approvals.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def approval(request: Request, token: str) -> HttpResponse:
    """Show what is asked, by what, and take the answer."""
    found = get_object_or_404(Approval.objects.visible_to(request.user).with_context(), token=token)
    form = DecisionForm(request.POST if request.method == "POST" else None, approval=found)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                decide_approval(found, by=request.user, **form.cleaned_data)
            except AlreadyDecided as error:
                messages.warning(request, str(error))
                return redirect(found)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, "Thank you. The execution goes on.")
                return redirect(found.execution if request.POST.get("next") == "execution" else found)
        status = 422
    found.refresh_from_db()
    execution = found.execution
    inputs, _ = json_excerpt(execution.inputs, 2_000) if execution.inputs else ("", False)
    context = {"approval": found, "execution": execution, "form": form, "inputs": inputs}
    return render_page(request, "workflows/approval.html", context, status=status)
