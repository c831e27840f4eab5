"""The pages' doors to what is the same from several sources, and to what vanished."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from coreengine.kernel.typing import Request
from courses.form_answers import back, number
from courses.models import Assignment, Course
from courses.sameness import services, vanished


@require_POST
def join_work(request: Request, pk: int) -> HttpResponse:
    """Take an assignment and another (`other`) for one."""
    return _join(request, Assignment, pk)


@require_POST
def part_work(request: Request, pk: int, other: int) -> HttpResponse:
    """Take an assignment and another for two."""
    return _part(request, Assignment, pk, other)


@require_POST
def join_courses(request: Request, pk: int) -> HttpResponse:
    """Take a course and another (`other`) for one."""
    return _join(request, Course, pk)


@require_POST
def part_courses(request: Request, pk: int, other: int) -> HttpResponse:
    """Take a course and another for two."""
    return _part(request, Course, pk, other)


@require_POST
def keep(request: Request, pk: int) -> HttpResponse:
    """Make work that vanished at its source the student's own."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
    own = vanished.keep_as_own(assignment, by=request.user)
    messages.success(request, f"“{own.name}” is your own task now.")
    return back(request, own)


@require_POST
def put_away(request: Request, pk: int) -> HttpResponse:
    """Take work that vanished at its source out of the lists; its page offers it back."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
    vanished.put_away(assignment, by=request.user)
    return redirect(assignment)


@require_POST
def take_back(request: Request, pk: int) -> HttpResponse:
    """Show work again that was put away."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
    vanished.take_back(assignment, by=request.user)
    messages.success(request, f"“{assignment.name}” is in your lists again.")
    return redirect(assignment)


def _join(request: Request, model: type[Any], pk: int) -> HttpResponse:
    thing = get_object_or_404(model.objects.editable_by(request.user), pk=pk)
    other = get_object_or_404(model.objects.editable_by(request.user), pk=number(request, "other"))
    shown = services.join(thing, other, by=request.user)
    gone = other if shown.pk != other.pk else thing
    return redirect(f"{shown.get_absolute_url()}?joined={gone.pk}")


def _part(request: Request, model: type[Any], pk: int, other_pk: int) -> HttpResponse:
    thing = get_object_or_404(model.objects.editable_by(request.user), pk=pk)
    other = get_object_or_404(model.objects.editable_by(request.user), pk=other_pk)
    services.part(thing, other, by=request.user)
    return redirect(f"{thing.get_absolute_url()}?parted={other.pk}")
