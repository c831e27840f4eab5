"""Pages about kept scenarios: side by side, renamed, copied, deleted and had back."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.grading import services
from courses.grading.comparing import compared
from courses.grading.views import grades_in, scenarios_in
from courses.models import GradeScenario


@require_safe
def compare(request: Request, pk: int) -> HttpResponse:
    """All scenarios of a course beside the grade as it is."""
    grades = grades_in(request, pk)
    table = compared(grades, list(scenarios_in(request, grades)))
    return render_page(request, "courses/grade_scenarios.html", {"course": grades.course, "table": table})


@require_POST
def rename(request: Request, pk: int, scenario_pk: int) -> HttpResponse:
    """Give a scenario another name."""
    grades = grades_in(request, pk)
    scenario = get_object_or_404(scenarios_in(request, grades), pk=scenario_pk)
    name = request.POST.get("name", "")
    try:
        services.update_scenario(scenario, grades, name=name, by=request.user)
    except ValidationError as error:
        words = " ".join(error.message_dict.get("name", error.messages))
        table = compared(grades, list(scenarios_in(request, grades)), wrong={scenario_pk: (name, words)})
        context = {"course": grades.course, "table": table}
        return render_page(request, "courses/grade_scenarios.html", context, status=422)
    return redirect("courses:compare-scenarios", pk)


@require_POST
def copy(request: Request, pk: int, scenario_pk: int) -> HttpResponse:
    """Make another scenario with the same changes, and open it."""
    grades = grades_in(request, pk)
    scenario = get_object_or_404(scenarios_in(request, grades), pk=scenario_pk)
    try:
        made = services.copy_scenario(scenario, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("courses:compare-scenarios", pk)
    messages.success(request, f"“{made.name}” is a copy to change.")
    return redirect(f"{reverse('courses:grades', args=[pk])}?scenario={made.pk}")


@require_POST
def delete(request: Request, pk: int, scenario_pk: int) -> HttpResponse:
    """Remove a scenario, and offer it back."""
    grades = grades_in(request, pk)
    scenario = get_object_or_404(scenarios_in(request, grades), pk=scenario_pk)
    services.delete_scenario(scenario, by=request.user)
    return redirect(f"{reverse('courses:grades', args=[pk])}?deleted={scenario.pk}")


@require_POST
def restore(request: Request, pk: int, scenario_pk: int) -> HttpResponse:
    """Take back a deletion."""
    rows = GradeScenario.objects.restorable_by(request.user).filter(course=pk)
    scenario = get_object_or_404(rows, pk=scenario_pk)
    try:
        scenario = services.restore_scenario(scenario, by=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("courses:grades", pk)
    messages.success(request, f"The scenario “{scenario.name}” is back.")
    return redirect(f"{reverse('courses:grades', args=[pk])}?scenario={scenario.pk}")
