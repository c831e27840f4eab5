"""Pages about the rules of grades: scales, credits and goal, groups and scores of own courses."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.grading import services
from courses.grading.courses import scale_without_own
from courses.grading.forms import GradingForm, GroupsForm, OwnGradeForm, ScaleForm
from courses.grading.pages import weight_note
from courses.grading.scales import COMMON
from courses.grading.views import grades_in
from courses.models import Assignment, CourseGrading

FORM_METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(FORM_METHODS)
def own_scale(request: Request) -> HttpResponse:
    """The scale that stands in for every course without one of its own."""
    row = CourseGrading.objects.visible_to(request.user).filter(course=None).first()
    stored = row.own_scale if row else None
    form = ScaleForm(request.POST or None, stored=stored or COMMON)
    if request.method == "POST" and "fill" not in request.POST and form.is_valid():
        rows = None if "forget" in request.POST else form.scale_rows()
        try:
            services.update_own_scale(request.user, rows, by=request.user)
        except ValidationError as error:
            form.take_errors(error)
        else:
            messages.success(request, "Your scale is kept." if rows else "Courses have their source's scale again.")
            return redirect("courses:all-grades")
    context = {"form": form, "has_own": stored is not None}
    return render_page(request, "courses/grading_scale.html", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def grading_rules(request: Request, pk: int) -> HttpResponse:
    """The student's own scale, credits, goal and late policy of a course."""
    grades = grades_in(request, pk)
    form = GradingForm(request.POST or None, grades=grades, without=scale_without_own(grades.course))
    if request.method == "POST" and "fill" not in request.POST and form.is_valid():
        try:
            services.update_grading(grades.course, by=request.user, changes=form.changes())
        except ValidationError as error:
            form.take_errors(error)
        else:
            messages.success(request, "Saved.")
            return redirect("courses:grades", pk)
    context = {"course": grades.course, "form": form, "is_filled": bool(form.preset)}
    return render_page(request, "courses/grading_form.html", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def groups(request: Request, pk: int) -> HttpResponse:
    """The groups of a course made by hand, with weights and drop rules."""
    grades = grades_in(request, pk)
    form = GroupsForm(request.POST or None, groups=grades.groups, works=grades.works)
    if request.method == "POST" and "more" not in request.POST and form.is_valid():
        try:
            services.update_groups(grades.course, form.group_rows(), by=request.user)
        except ValidationError as error:
            form.take_errors(error)
        else:
            note = weight_note(grades_in(request, pk))
            messages.success(request, f"The groups are kept. {note}".strip())
            return redirect("courses:grades", pk)
    context = {"course": grades.course, "form": form, "works": [w for w in grades.works if not w.not_counted]}
    return render_page(request, "courses/grading_groups.html", context, status=422 if form.errors else 200)


@require_http_methods(FORM_METHODS)
def own_grade(request: Request, pk: int, work_pk: int) -> HttpResponse:
    """What a piece of work of an own course gave."""
    grades = grades_in(request, pk)
    works = Assignment.objects.visible_to(request.user).filter(course=pk, source="")
    assignment = get_object_or_404(works.select_related("submission"), pk=work_pk)
    form = OwnGradeForm(request.POST or None, assignment=assignment, groups=grades.groups)
    if request.method == "POST" and form.is_valid():
        try:
            services.grade_by_hand(assignment, by=request.user, changes=form.changes())
        except ValidationError as error:
            form.take_errors(error)
        else:
            messages.success(request, f"The grade of “{assignment.name}” is kept.")
            return redirect("courses:grades", pk)
    context = {"course": grades.course, "assignment": assignment, "form": form}
    return render_page(request, "courses/own_grade.html", context, status=422 if form.errors else 200)
