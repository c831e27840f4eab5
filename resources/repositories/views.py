"""The pages of repositories."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from resources.repositories.models import Repository
from resources.repositories.pages import repository_list, repository_page


@require_safe
def repositories(request: Request) -> HttpResponse:
    """List the repositories, what moved last first."""
    context = {"list": repository_list(request)}
    return render_page(request, "resources/repositories.html", context, parts={"repositories": "rows"})


@require_safe
def repository(request: Request, pk: int) -> HttpResponse:
    """Show one repository: commits, what is open, CI runs, and the work that it is for."""
    found = get_object_or_404(Repository.objects.visible_to(request.user).for_list(), pk=pk)
    context = {"page": repository_page(found), "repository": found}
    return render_page(request, "resources/repository.html", context, parts={"activity": "activity"})
