"""Pages' doors to repeating executions."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from coreengine.kernel.typing import Request
from workflows.models import Execution
from workflows.reruns import rerun_execution, retry_execution


def _mine(request: Request, pk: int) -> Execution:
    return get_object_or_404(Execution.objects.editable_by(request.user).select_related("workflow"), pk=pk)


@require_POST
def retry(request: Request, pk: int) -> HttpResponse:
    """Repeat what failed or never finished, and go where one can watch it."""
    again = retry_execution(_mine(request, pk), by=request.user, in_current_version=_is_current(request))
    messages.success(request, f"Execution {again.pk} repeats what had not finished.")
    return redirect(again)


@require_POST
def rerun(request: Request, pk: int) -> HttpResponse:
    """Repeat an execution from one of its steps, and go where one can watch it."""
    chosen = request.POST.get("from", "")
    again = rerun_execution(_mine(request, pk), chosen=chosen, by=request.user, in_current_version=_is_current(request))
    messages.success(request, f"Execution {again.pk} runs again from {chosen}.")
    return redirect(again)


def _is_current(request: Request) -> bool:
    return request.POST.get("version") == "current"
