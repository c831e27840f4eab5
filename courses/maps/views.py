"""Pages of the maps: one course's modules, and what comes before what across courses."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.course_page.tabs import tab_links
from courses.form_answers import number
from courses.maps import services
from courses.maps.across import course_map
from courses.maps.modules import SHOWS, module_map
from courses.models import Course, CoursePrerequisite
from courses.pages import clock_of


@require_safe
def modules(request: Request, pk: int) -> HttpResponse:
    """The modules of one course: as a picture, and as a list."""
    course = get_object_or_404(Course.objects.visible_to(request.user).for_list(), pk=pk)
    found = module_map(course, clock_of(request.user), request.GET.get("show", "all"))
    context = {"course": course, "map": found, "tabs": SHOWS.items(), "course_tabs": tab_links(course, "map")}
    return render_page(request, "courses/maps/modules.html", context, parts={"module-map": "map"})


@require_safe
def across(request: Request) -> HttpResponse:
    """What comes before what across courses, and the longest way to a goal."""
    goal = request.GET.get("goal", "")
    return _map(request, goal=int(goal) if goal.isdecimal() and len(goal) < 19 else None)


@require_POST
def connect(request: Request) -> HttpResponse:
    """Say that a course needs another."""
    own = Course.objects.editable_by(request.user)
    course = get_object_or_404(own, pk=number(request, "course"))
    required = get_object_or_404(own, pk=number(request, "required"))
    try:
        services.add_prerequisite(course, required, by=request.user)
    except ValidationError as error:
        fault = {"words": " ".join(error.messages), "course": course.pk, "required": required.pk}
        return _map(request, fault=fault, status=422)
    messages.success(request, f"{course.title} needs {required.title}.")
    return redirect("courses:map")


@require_POST
def disconnect(request: Request, pk: int) -> HttpResponse:
    """Take an arrow off the map, and offer it back."""
    links = CoursePrerequisite.objects.editable_by(request.user).select_related("course", "required", "owner")
    link = get_object_or_404(links, pk=pk)
    services.remove_prerequisite(link, by=request.user)
    return redirect(f"{reverse('courses:map')}?removed={link.course_id}-{link.required_id}")


def _map(
    request: Request, *, goal: int | None = None, fault: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    found = course_map(request.user, clock_of(request.user), goal)
    context = {"map": found, "fault": fault, "removed": _removed(request, found.courses)}
    return render_page(request, "courses/maps/across.html", context, status=status)


def _removed(request: Request, courses: list[Course]) -> tuple[Course, Course] | None:
    """The two courses of an arrow that was just removed."""
    course, _, required = request.GET.get("removed", "").partition("-")
    known = {str(each.pk): each for each in courses}
    return (known[course], known[required]) if course in known and required in known else None
