"""The dashboard's own doors: noting that it was seen."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from coreengine.kernel.typing import Request
from courses.visits import note_visit


@require_POST
def seen(request: Request) -> HttpResponse:
    """Note a visit, told by the page once it is shown; with `all` everything counts as seen."""
    note_visit(request.user, now=timezone.now(), is_all_seen=request.POST.get("all") == "1")
    return HttpResponse(status=204) if request.htmx else redirect("kernel:dashboard")
