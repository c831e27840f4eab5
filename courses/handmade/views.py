"""Pages for what is kept by hand: groups of work, results, the order of courses, a course for a new term."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from coreengine.kernel.typing import Request
from courses.course_page.activity import undoable
from courses.course_page.views import part_url
from courses.form_answers import back, form_page, number, saved_by
from courses.handmade import services
from courses.handmade.forms import DuplicateForm, GroupForm, ResultForm
from courses.handmade.rules import RESULT_FIELDS
from courses.models import Assignment, AssignmentGroup, Course

METHODS = ["GET", "HEAD", "POST"]
MOST_ORDERED = 500


@require_http_methods(METHODS)
def group_create(request: Request, course_pk: int) -> HttpResponse:
    """Add a group of work to a course made by hand."""
    course = get_object_or_404(Course.objects.editable_by(request.user), pk=course_pk)
    form = GroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        group = saved_by(form, lambda: services.create_group(course, by=request.user, **form.cleaned_data))
        if group:
            messages.success(request, f"The group “{group.name}” is ready.")
            return redirect(part_url(course, "assignments"))
    return form_page(request, "courses/group_form.html", form, {"course": course, "group": None})


@require_http_methods(METHODS)
def group_edit(request: Request, pk: int) -> HttpResponse:
    """Change a group of work."""
    group = get_object_or_404(AssignmentGroup.objects.visible_to(request.user).select_related("course"), pk=pk)
    form = GroupForm(request.POST or None, initial={name: getattr(group, name) for name in GroupForm.base_fields})
    if request.method == "POST" and form.is_valid():
        changed = saved_by(form, lambda: services.update_group(group, by=request.user, changes=form.cleaned_data))
        if changed is not None:
            messages.success(request, "Saved.")
            return redirect(part_url(group.course, "assignments"))
    return form_page(request, "courses/group_form.html", form, {"course": group.course, "group": group})


@require_POST
def group_delete(request: Request, pk: int) -> HttpResponse:
    """Take a group away, and offer it back."""
    group = get_object_or_404(AssignmentGroup.objects.visible_to(request.user).select_related("course"), pk=pk)
    event = services.delete_group(group, by=request.user)
    return redirect(f"{part_url(group.course, 'assignments')}&undo={event.pk}")


@require_POST
def group_restore(request: Request, pk: int) -> HttpResponse:
    """Bring back a group that was deleted (`undo`: the id of what happened)."""
    course = get_object_or_404(Course.objects.editable_by(request.user), pk=pk)
    event = get_object_or_404(undoable(request.user, course, "course.group_deleted"), pk=number(request, "undo"))
    try:
        group = services.restore_group(course, event, by=request.user)
        messages.success(request, f"The group “{group.name}” is back.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(part_url(course, "assignments"))


@require_http_methods(METHODS)
def result(request: Request, pk: int) -> HttpResponse:
    """Note how a piece of work went."""
    own = Assignment.objects.editable_by(request.user).select_related("course", "submission")
    assignment = get_object_or_404(own, pk=pk)
    submission = assignment.own_submission
    initial = {name: getattr(submission, name, None) for name in RESULT_FIELDS} if submission else {}
    form = ResultForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        noted = saved_by(form, lambda: services.set_result(assignment, by=request.user, changes=form.changes()))
        if noted is not None:
            messages.success(request, "The result is noted.")
            return redirect(assignment)
    context = {"assignment": assignment, "course": assignment.course}
    return form_page(request, "courses/result_form.html", form, context)


@require_http_methods(METHODS)
def duplicate(request: Request, pk: int) -> HttpResponse:
    """Make a course by hand after this one, for another term."""
    course = get_object_or_404(Course.objects.visible_to(request.user).select_related("term"), pk=pk)
    initial = {"name": course.title, "first_day": services.proposed_first_day(course)}
    form = DuplicateForm(request.POST or None, owner=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        made = saved_by(form, lambda: services.duplicate_course(course, by=request.user, **form.cleaned_data))
        if made:
            messages.success(request, f"{made.title} is ready. It is a copy by hand: change what differs this time.")
            return redirect(made)
    return form_page(request, "courses/duplicate_form.html", form, {"course": course})


@require_POST
def order(request: Request) -> HttpResponse:
    """Put the courses in an order: all of them (`course`, several times), or one a place `up` or `down`."""
    if request.POST.get("move") in ("up", "down"):
        course = get_object_or_404(Course.objects.editable_by(request.user), pk=number(request, "course"))
        before = services.move_course(course, up=request.POST["move"] == "up", by=request.user)
    else:
        ids = [int(pk) for pk in request.POST.getlist("course")[:MOST_ORDERED] if pk.isdecimal() and len(pk) < 19]
        before = services.order_courses(request.user, ids, by=request.user)
    if request.POST.get("undo") != "1":
        request.session["course_order"] = before[:MOST_ORDERED]
    return back(request, "courses:list")
