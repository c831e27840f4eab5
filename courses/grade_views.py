"""Pages of grades: all courses with their average, one course with its what-if."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses.grading import services
from courses.grading.courses import Changes, CourseGrades, average, grades_of, history_of, needed_on
from courses.grading.forms import GradingForm
from courses.grading.pages import (
    chart_of,
    group_lines,
    needed_words,
    percent_text,
    term_lines,
    weight_note,
)
from courses.models import Course, GradeScenario

MOST_COURSES = 200


@require_safe
def overview(request: Request) -> HttpResponse:
    """Every course's grade, by term, and the averages."""
    courses = Course.objects.visible_to(request.user).filter(is_hidden=False).shown_once().for_list().by_newest_term()
    grades = grades_of(list(courses[:MOST_COURSES]))
    points, credits = average(grades)
    context = {"terms": term_lines(grades), "average": points, "credits": credits, "has_any": bool(grades)}
    return render_page(request, "courses/grades.html", context)


@require_safe
def course_grades(request: Request, pk: int) -> HttpResponse:
    """One course's grades, as they are or (`scenario`) as they might be, and what a piece of work must give."""
    grades = _grades(request, pk)
    scenario = None
    if number := request.GET.get("scenario", ""):
        scenario = get_object_or_404(_scenarios(request, grades), pk=number) if number.isdecimal() else None
    changes = services.changes_in(scenario) if scenario else {}
    return _page(request, grades, changes, scenario=scenario)


@require_POST
def what_if(request: Request, pk: int) -> HttpResponse:
    """Work out the grade with other scores; nothing is kept unless a name is given and "save" pressed."""
    grades = _grades(request, pk)
    given, typed = _given(grades, request.POST)
    try:
        changes = services.checked_changes(grades, given)
    except ValidationError as error:
        errors = {
            int(key.removeprefix("changes.")): " ".join(words)
            for key, words in error.message_dict.items()
            if key.removeprefix("changes.").isdecimal()
        }
        good = {number: change for number, change in given.items() if number not in errors}
        changes = services.checked_changes(grades, good)
        return _page(request, grades, changes, typed=typed, errors=errors, status=422)
    if "save" in request.POST:
        try:
            scenario = services.save_scenario(grades, request.POST.get("name", ""), given, by=request.user)
        except ValidationError as error:
            words = " ".join(error.message_dict.get("name", error.messages))
            return _page(request, grades, changes, typed=typed, name_error=words, status=422)
        messages.success(request, f"The scenario “{scenario.name}” is kept.")
        return redirect(f"{reverse('courses:grades', args=[pk])}?scenario={scenario.pk}")
    return _page(request, grades, changes, typed=typed)


@require_POST
def scenario_delete(request: Request, pk: int, scenario_pk: int) -> HttpResponse:
    """Remove a scenario."""
    grades = _grades(request, pk)
    scenario = get_object_or_404(_scenarios(request, grades), pk=scenario_pk)
    services.delete_scenario(scenario, by=request.user)
    messages.success(request, f"The scenario “{scenario.name}” is gone.")
    return redirect("courses:grades", pk)


@require_http_methods(["GET", "HEAD", "POST"])
def grading_rules(request: Request, pk: int) -> HttpResponse:
    """The student's own scale, credits and goal of a course."""
    grades = _grades(request, pk)
    form = GradingForm(request.POST or None, grades=grades)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_grading(grades.course, by=request.user, changes=form.changes())
        except ValidationError as error:
            form.take_errors(error)
        else:
            messages.success(request, "Saved.")
            return redirect("courses:grades", pk)
    context = {"course": grades.course, "form": form, "has_own_scale": grades.has_own_scale}
    return render_page(request, "courses/grading_form.html", context, status=422 if form.errors else 200)


def _grades(request: Request, pk: int) -> CourseGrades:
    course = get_object_or_404(Course.objects.visible_to(request.user).for_list(), pk=pk)
    return grades_of([course])[0]


def _scenarios(request: Request, grades: CourseGrades) -> Any:
    return GradeScenario.objects.visible_to(request.user).filter(course=grades.course)


def _given(grades: CourseGrades, sent: QueryDict) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """What the table's fields say, and what was typed."""
    given: dict[int, dict[str, Any]] = {}
    typed: dict[int, str] = {}
    for work in grades.works:
        text = sent.get(f"score-{work.id}", "").strip()
        if sent.get(f"out-{work.id}"):
            given[work.id] = {"left_out": True}
        elif text:
            given[work.id] = {"score": text}
        if text:
            typed[work.id] = text
    return given, typed


def _page(
    request: Request,
    grades: CourseGrades,
    changes: Changes,
    *,
    scenario: GradeScenario | None = None,
    typed: dict[int, str] | None = None,
    errors: dict[int, str] | None = None,
    name_error: str = "",
    status: int = 200,
) -> HttpResponse:
    changed = grades.with_changes(changes)
    sent = request.POST if request.method == "POST" else request.GET
    asked, goal = sent.get("work", ""), sent.get("goal", "")
    context = {
        "course": grades.course,
        "grades": grades,
        "changed": changed,
        "has_changes": bool(changes),
        "current": percent_text(grades.current.percent),
        "final": percent_text(grades.final.percent),
        "changed_current": percent_text(changed.current.percent),
        "changed_final": percent_text(changed.final.percent),
        "moved": _moved(grades, changed) if changes else None,
        "groups": group_lines(changed, changes, typed=typed, errors=errors),
        "weight_note": weight_note(grades),
        "chart": chart_of(history_of(grades)),
        "scenario": scenario,
        "scenarios": list(_scenarios(request, grades)),
        "name": sent.get("name", scenario.name if scenario else ""),
        "name_error": name_error,
        "faults": list((errors or {}).values()),
        "steps": [step for step in grades.scale if step.least > 0],
        "asked": int(asked) if asked.isdecimal() else None,
        "goal": goal,
        "answer": _answer(changed, asked, goal),
        "open_works": [work for work in grades.works if not work.not_counted and work.points],
    }
    parts = {"grade-standing": "standing"}
    return render_page(request, "courses/course_grades.html", context, parts=parts, status=status)


def _moved(before: CourseGrades, after: CourseGrades) -> float | None:
    if before.percent is None or after.percent is None:
        return None
    return round(after.percent - before.percent, 2)


def _answer(grades: CourseGrades, asked: str, goal: str) -> str:
    """What a piece of work must give for a letter of the scale; empty while nothing is asked."""
    step = next((step for step in grades.scale if step.name == goal), None)
    work = grades.work(int(asked)) if asked.isdecimal() else None
    if step is None or work is None:
        return ""
    return needed_words(needed_on(grades, work.id, step.least), work, f"{step.name} ({step.least:g} %)")
