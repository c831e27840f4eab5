"""Linking repositories to assignments, from either's page."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses import services
from courses.form_answers import back, number
from courses.models import Assignment
from courses.pages import clock_of
from courses.repository_pages import assignment_code
from resources.models import Repository


@require_POST
def link(request: Request) -> HttpResponse:
    """Link a repository (`repository`) to an assignment (`assignment`); htmx gets the assignment's card."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=number(request, "assignment"))
    repository = get_object_or_404(Repository.objects.editable_by(request.user), pk=number(request, "repository"))
    try:
        services.link_repository(assignment, repository, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"{repository.full_name} is linked to “{assignment.name}”.")
    return _answer(request, assignment)


@require_POST
def unlink(request: Request, pk: int, repository_pk: int) -> HttpResponse:
    """Take a repository off an assignment; htmx gets the assignment's card."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
    repository = get_object_or_404(Repository.objects.editable_by(request.user), pk=repository_pk)
    services.unlink_repository(assignment, repository, by=request.user)
    messages.success(request, f"{repository.full_name} is off “{assignment.name}”. Nothing in it was touched.")
    return _answer(request, assignment)


def _answer(request: Request, assignment: Assignment) -> HttpResponse:
    if request.htmx and request.htmx.target == "assignment-code":
        code = assignment_code(assignment, request.user, clock_of(request.user))
        return render_page(request, "courses/_assignment_code.html", {"code": code})
    return back(request, assignment)
