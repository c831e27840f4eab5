"""Pages of grades: all courses with their averages, one course with its what-if."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from coreengine.database.kept_queries import KeptQuery, owner_with
from coreengine.kernel.pages import render_page
from coreengine.kernel.sources import source_names
from coreengine.kernel.typing import Request
from courses.course_page.tabs import tab_links
from courses.grading import services
from courses.grading.averages import mixes_scales, term_averages
from courses.grading.charts import average_charts, grade_charts, history_rows
from courses.grading.courses import SCALES, CourseGrades, grades_of
from courses.grading.differences import comparison_of
from courses.grading.history import history_of
from courses.grading.needed import left_over
from courses.grading.pages import average_words, group_lines, percent_text, signed, term_lines, weight_note
from courses.grading.questions import Question, question_of
from courses.grading.scenarios import COUNTS
from courses.grading.summaries import summaries_of, twins_of
from courses.grading.what_if import WhatIf, read_what_if, what_if_of
from courses.models import Course, GradeScenario
from courses.pages import clock_of
from courses.sameness.pages import source_words

MOST_COURSES = 200


@require_safe
def overview(request: Request) -> HttpResponse:
    """Every course's grade, by term, and the averages."""
    now = timezone.now()
    courses: list[Course] = _GRADED.objects(owner=request.user.pk)
    summaries = summaries_of(courses, now)
    going_on = {course.pk for course in courses if not course.is_concluded(now)}
    averages = term_averages(summaries, going_on)
    rows = [(each.name, each.cumulative) for each in reversed(averages) if each.cumulative is not None]
    words, credits = average_words(summaries)
    context = {
        "terms": term_lines(summaries, averages, going_on),
        "average": words,
        "credits": credits,
        "averages": averages,
        "charts": average_charts(rows),
        "is_going_on": any(each.is_going_on for each in averages),
        "mixes_scales": mixes_scales(summaries),
    }
    return render_page(request, "courses/grades.html", context)


@require_safe
def course_grades(request: Request, pk: int) -> HttpResponse:
    """One course's grades, as they are or (`scenario`) as they might be, and what a piece of work must give."""
    grades = grades_in(request, pk)
    scenario = None
    number = request.GET.get("scenario", "")
    if number.isdecimal() and len(number) < 19:
        scenario = get_object_or_404(scenarios_in(request, grades), pk=number)
    return page(request, grades, what_if_of(scenario) if scenario else WhatIf(), scenario=scenario)


@require_POST
def what_if(request: Request, pk: int) -> HttpResponse:
    """Work out the grade with other scores; nothing is kept unless a name is given and "save" pressed."""
    grades = grades_in(request, pk)
    asked = read_what_if(grades, request.POST)
    if asked.faults:
        return page(request, grades, asked, status=422)
    if "save" in request.POST:
        try:
            scenario = services.save_scenario(
                grades, request.POST.get("name", ""), asked.given, asked.extra_rows, by=request.user
            )
        except ValidationError as error:
            words = " ".join(error.message_dict.get("name", error.messages))
            return page(request, grades, asked, name_error=words, status=422)
        messages.success(request, f"The scenario “{scenario.name}” is kept.")
        return redirect(f"{reverse('courses:grades', args=[pk])}?scenario={scenario.pk}")
    return page(request, grades, asked)


def graded_courses(user: Any) -> Any:
    """The courses whose grades the student looks at, those of the newest term first."""
    return Course.objects.visible_to(user).filter(is_hidden=False).shown_once().for_list().by_newest_term()


_GRADED = KeptQuery(lambda owner: graded_courses(owner_with(owner))[:MOST_COURSES], owner=int)


def grades_in(request: Request, pk: int) -> CourseGrades:
    """The grades of one of the student's courses."""
    course = get_object_or_404(Course.objects.visible_to(request.user).with_twins().for_list(), pk=pk)
    return grades_of([course])[0]


def scenarios_in(request: Request, grades: CourseGrades) -> Any:
    """The scenarios of a course."""
    return GradeScenario.objects.visible_to(request.user).filter(course=grades.course)


def page(
    request: Request,
    grades: CourseGrades,
    asked: WhatIf,
    *,
    scenario: GradeScenario | None = None,
    name_error: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page of a course's grades, or the pieces that what is typed changes."""
    changed = grades.with_changes(asked.changes, asked.extra)
    sent = request.POST if request.method == "POST" else request.GET
    question = question_of(changed, sent)
    is_whole = not (request.htmx and request.htmx.target == "grade-standing")
    context = {
        "course": grades.course,
        "grades": grades,
        "asked": asked,
        "changed": changed,
        "standing": _standing(grades, changed, asked),
        "groups": group_lines(changed, asked.changes, typed=asked.typed, errors=asked.errors),
        "weight_note": weight_note(grades),
        "question": question,
        "scenario": scenario,
        "twins": _twins(request, grades.course),
        "is_update": not is_whole,
    }
    if is_whole:
        context["course_tabs"] = tab_links(grades.course, "grades")
        context |= _rest(request, grades, changed, question)
        context |= {"name": sent.get("name", scenario.name if scenario else ""), "name_error": name_error}
    return render_page(
        request, "courses/course_grades.html", context, parts={"grade-standing": "update"}, status=status
    )


def _standing(grades: CourseGrades, changed: CourseGrades, asked: WhatIf) -> dict[str, Any]:
    """The numbers of the card that says where the grade stands."""
    moved = None
    if asked.has_changes and grades.percent is not None and changed.percent is not None:
        moved = round(changed.percent - grades.percent, 2)
    return {
        "now": percent_text(grades.current.percent),
        "percent": percent_text(changed.current.percent),
        "final": percent_text(changed.final.percent),
        "letter": changed.letter.name if changed.letter else "",
        "moved": "" if moved is None else signed(moved),
    }


def _twins(request: Request, course: Any) -> list[tuple[str, str, str]]:
    """What other sources say of the same course: (source, grade, address). No query where there are none."""
    if course.same_as_id is None and not course.has_twins:
        return []
    found = twins_of(course)
    names = source_names(request.user, {each.course.source for each in found})
    return [
        (
            source_words(each.course, names),
            " ".join(filter(None, [percent_text(each.percent), each.letter.name if each.letter else ""])),
            reverse("courses:grades", args=[each.course.pk]),
        )
        for each in found
    ]


def _rest(request: Request, grades: CourseGrades, changed: CourseGrades, question: Question) -> dict[str, Any]:
    """What the page shows beside the pieces that change while one types."""
    clock = clock_of(request.user)
    history = history_of(grades)
    deleted = request.GET.get("deleted", "")
    restorable = GradeScenario.objects.restorable_by(request.user).filter(course=grades.course)
    is_number = deleted.isdecimal() and len(deleted) < 19
    scenarios = list(scenarios_in(request, grades))
    return {
        "comparison": comparison_of(grades),
        "charts": grade_charts(history, clock, grades.goal),
        "history": history_rows(history),
        "scenarios": scenarios,
        "deleted": restorable.filter(pk=deleted).first() if is_number else None,
        "scale_words": SCALES[grades.scale_from],
        "steps": [step for step in grades.scale if step.least > 0],
        "open_works": [work for work in changed.works if not work.not_counted and work.points],
        "left_count": len(left_over(changed)),
        "counts": [(key, words) for key, words in COUNTS.items()],
    }
