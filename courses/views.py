"""Pages of courses and what is in them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from coreengine.database.kept_queries import KeptQuery
from coreengine.kernel.pages import render_page
from coreengine.kernel.typing import Request
from courses import marks, services
from courses.assignment_lists import all_of, in_rows, listed
from courses.calendar.screens import with_calendars
from courses.changes import WINDOW, changes_of, read_recent
from courses.filters import AnnouncementFilter, AssignmentFilter, CourseFilter
from courses.form_answers import back, form_page, number, saved_by
from courses.forms import (
    AssignmentForm,
    CourseForm,
    OwnAssignmentForm,
    OwnCourseForm,
    TaskForm,
    assignment_initial,
    course_initial,
    tomorrow_night,
)
from courses.models import Announcement, Assignment, Course, SubmissionComment
from courses.module_pages import mark_note
from courses.pages import (
    assignment_facts,
    clock_of,
    course_sections,
    news_line,
    show_tabs,
    submission_facts,
)
from courses.repository_marks import read_repositories
from courses.repository_pages import assignment_code
from courses.rows import row_of
from courses.screens import answer_agenda
from courses.texts import shown_html
from resources.models import Resource

ROWS = 50
COURSES = 200


@require_safe
def course_list(request: Request) -> HttpResponse:
    """List the courses by term; the concluded and the hidden ones are a tab away."""
    clock = clock_of(request.user)
    own = Course.objects.visible_to(request.user).shown_once()
    found = CourseFilter({"show": "active", **request.GET.dict()}, queryset=own, request=request)
    show = found.data["show"]
    courses = list(found.qs.for_list().by_newest_term()[:COURSES])
    context = {
        "sections": course_sections(request.user, courses, clock),
        "show": show,
        "tabs": show_tabs(request.user, clock.now),
        "order_before": request.session.pop("course_order", None),
        "can_order": show == "active" and not request.GET.get("q"),
        "query": request.GET.get("q", ""),
        "has_any": bool(courses) or own.exists(),
        "deleted": _deleted(request, Course.objects.restorable_by(request.user)),
    }
    return render_page(request, "courses/list.html", context, parts={"course-list": "list"})


@require_http_methods(["GET", "HEAD", "POST"])
def course_create(request: Request) -> HttpResponse:
    """Make a course by hand."""
    form = CourseForm(request.POST or None, owner=request.user)
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in form.fields}
        course = saved_by(form, lambda: services.create_course(request.user, by=request.user, **values))
        if course is not None:
            messages.success(request, f"{course.title} is ready. Add what is due in it.")
            return redirect(course)
    return form_page(request, "courses/course_form.html", form, {"course": None})


@require_http_methods(["GET", "HEAD", "POST"])
def course_edit(request: Request, pk: int) -> HttpResponse:
    """Change a course: all of one made by hand, else what is the student's own."""
    course = get_object_or_404(Course.objects.editable_by(request.user).select_related("term"), pk=pk)
    initial = course_initial(course)
    if course.is_by_hand:
        form: OwnCourseForm = CourseForm(request.POST or None, initial=initial, owner=request.user)
    else:
        form = OwnCourseForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        changes = form.changes()
        changed = saved_by(form, lambda: services.update_course(course, by=request.user, changes=changes))
        if changed is not None:
            messages.success(request, "Saved.")
            return redirect(changed)
    return form_page(request, "courses/course_form.html", form, {"course": course})


@require_POST
def course_delete(request: Request, pk: int) -> HttpResponse:
    """Delete a course made by hand, and offer it back."""
    course = get_object_or_404(Course.objects.editable_by(request.user), pk=pk)
    services.delete_course(course, by=request.user)
    return redirect(f"{reverse('courses:list')}?deleted={course.pk}")


@require_POST
def course_restore(request: Request, pk: int) -> HttpResponse:
    """Take back a deletion."""
    course = get_object_or_404(Course.objects.restorable_by(request.user), pk=pk)
    course = services.restore_course(course, by=request.user)
    messages.success(request, f"{course.title} is back.")
    return redirect(course)


@require_POST
def course_hide(request: Request, pk: int) -> HttpResponse:
    """Hide a course, or show it again (`hidden=0`)."""
    course = get_object_or_404(Course.objects.editable_by(request.user), pk=pk)
    hidden = request.POST.get("hidden") != "0"
    course = services.update_course(course, by=request.user, changes={"is_hidden": hidden})
    messages.success(request, f"{course.title} is {'hidden' if hidden else 'shown again'}.")
    return redirect(course)


@require_safe
def assignment_list(request: Request, course_pk: int | None = None) -> HttpResponse:
    """List assignments, of one course or of all that go on."""
    clock = clock_of(request.user)
    course = None
    if course_pk is not None:
        course = get_object_or_404(Course.objects.visible_to(request.user), pk=course_pk)
    is_filtered = any(request.GET.get(name) for name in AssignmentFilter.base_filters)
    rows: Any = all_of(request.user, clock.now, course_pk, ROWS)
    if is_filtered:
        own = listed(request.user, clock.now, course_pk)
        if course is None and request.GET.get("course"):  # of a course that is over too
            own = Assignment.objects.visible_to(request.user).in_sight()
        rows = in_rows(AssignmentFilter(request.GET, queryset=own, request=request).qs, clock.now)
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    read_repositories(page.object_list)
    context = {
        "course": course,
        "page": page,
        "rows": [row_of(assignment, clock) for assignment in page],
        "state": request.GET.get("state", ""),
        "tabs": [
            ("", "All"),
            ("outstanding", "To do"),
            ("overdue", "Overdue"),
            ("missing", "Missing"),
            ("waiting", "Waiting for a grade"),
            ("graded", "Graded"),
            ("gone", "Vanished"),
        ],
        "query": request.GET.get("q", ""),
        "is_filtered": is_filtered,
    }
    return render_page(request, "courses/assignments.html", context, parts={"assignment-list": "list"})


@require_safe
def assignment_detail(request: Request, pk: int) -> HttpResponse:
    """Show one assignment."""
    rows = Assignment.objects.visible_to(request.user).with_twins().with_modules()
    rows = with_calendars(rows.select_related("course", "group", "submission", "planner_item"), request.user)
    assignment = get_object_or_404(rows, pk=pk)
    context = _assignment_context(request, assignment)
    return render_page(request, "courses/assignment.html", context, parts={"assignment-code": "code"})


def _assignment_context(request: Request, assignment: Assignment) -> dict[str, Any]:
    clock = clock_of(request.user)
    submission = assignment.own_submission
    return {
        "assignment": assignment,
        "course": assignment.course,
        "row": row_of(assignment, clock),
        "facts": assignment_facts(assignment, clock),
        "submission_facts": submission_facts(assignment, clock),
        "description": shown_html(assignment.description_html, assignment.html_url),
        "mark": mark_note(assignment),
        "comments": _COMMENTS.objects(assignment=assignment.pk),
        "can_set_result": assignment.is_by_hand and assignment.course.is_by_hand,
        "source_url": (submission.html_url if submission else "") or assignment.html_url,
        "code": assignment_code(assignment, request.user, clock),
    }


_COMMENTS = KeptQuery(
    lambda assignment: SubmissionComment.objects.filter(assignment=assignment).in_order(), assignment=int
)


@require_http_methods(["GET", "HEAD", "POST"])
def assignment_create(request: Request, course_pk: int) -> HttpResponse:
    """Add the student's own assignment to a course."""
    course = get_object_or_404(Course.objects.editable_by(request.user), pk=course_pk)
    form = AssignmentForm(request.POST or None, initial={"due_at": tomorrow_night()}, course=course)
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in form.fields}
        assignment = saved_by(form, lambda: services.create_assignment(course, by=request.user, **values))
        if assignment is not None:
            messages.success(request, f"“{assignment.name}” is on your agenda.")
            return redirect(course)
    return form_page(request, "courses/assignment_form.html", form, {"course": course, "assignment": None})


@require_http_methods(["GET", "HEAD", "POST"])
def task_create(request: Request) -> HttpResponse:
    """Add the student's own assignment from anywhere; the form asks for the course."""
    form = TaskForm(request.POST or None, initial={"due_at": tomorrow_night()}, owner=request.user)
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in form.fields if name != "course"}
        course = form.cleaned_data["course"]
        assignment = saved_by(form, lambda: services.create_assignment(course, by=request.user, **values))
        if assignment is not None:
            messages.success(request, f"“{assignment.name}” is on your agenda.")
            return redirect("kernel:dashboard")
    has_courses = form.fields["course"].queryset.exists()  # type: ignore[attr-defined]
    context = {"course": None, "assignment": None, "needs_course": not has_courses}
    return form_page(request, "courses/assignment_form.html", form, context)


@require_http_methods(["GET", "HEAD", "POST"])
def assignment_edit(request: Request, pk: int) -> HttpResponse:
    """Change an assignment: all of one made by hand, else the student's notes."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user).select_related("course"), pk=pk)
    initial = assignment_initial(assignment)
    form: OwnAssignmentForm = OwnAssignmentForm(request.POST or None, initial=initial)
    if assignment.is_by_hand:
        form = AssignmentForm(request.POST or None, initial=initial, course=assignment.course)
    if request.method == "POST" and form.is_valid():
        changes = form.changes()
        changed = saved_by(form, lambda: services.update_assignment(assignment, by=request.user, changes=changes))
        if changed is not None:
            messages.success(request, "Saved.")
            return redirect(changed)
    context = {"course": assignment.course, "assignment": assignment}
    return form_page(request, "courses/assignment_form.html", form, context)


@require_POST
def assignment_done(request: Request, pk: int) -> HttpResponse:
    """Tick an assignment off, or take the tick back (`done=0`); htmx gets the agenda as it is then."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
    services.mark_done(assignment, done=request.POST.get("done") != "0", by=request.user)
    if request.htmx and request.htmx.target == "agenda":
        return answer_agenda(request)
    return back(request, assignment)


@require_POST
def assignment_mark(request: Request, pk: int) -> HttpResponse:
    """A mark that the source did not take: write it again, or keep it here only (`keep=1`)."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
    if request.POST.get("keep") == "1":
        marks.keep_mark_here(assignment, by=request.user)
        messages.success(request, "The mark stays here only.")
    else:
        marks.write_again(assignment, by=request.user)
        messages.success(request, "The source is being told again.")
    return redirect(assignment)


@require_POST
def assignment_delete(request: Request, pk: int) -> HttpResponse:
    """Delete an assignment made by hand, and offer it back."""
    assignment = get_object_or_404(Assignment.objects.editable_by(request.user), pk=pk)
    assignment = services.delete_assignment(assignment, by=request.user)
    return redirect(f"{assignment.course.get_absolute_url()}?deleted={assignment.pk}")


@require_POST
def assignment_restore(request: Request, pk: int) -> HttpResponse:
    """Take back a deletion."""
    assignment = get_object_or_404(Assignment.objects.restorable_by(request.user), pk=pk)
    assignment = services.restore_assignment(assignment, by=request.user)
    messages.success(request, f"“{assignment.name}” is back.")
    return redirect(assignment)


@require_POST
def resource_attach(request: Request) -> HttpResponse:
    """Attach a thing of the vault (`resource`) to a course (`course`)."""
    course = get_object_or_404(Course.objects.editable_by(request.user), pk=number(request, "course"))
    resource = get_object_or_404(Resource.objects.editable_by(request.user).kept(), pk=number(request, "resource"))
    services.attach_resource(course, resource, by=request.user)
    messages.success(request, f"“{resource.title}” is attached to {course.title}.")
    return back(request, resource)


@require_POST
def resource_detach(request: Request, pk: int, resource_pk: int) -> HttpResponse:
    """Take a thing off a course."""
    course = get_object_or_404(Course.objects.editable_by(request.user), pk=pk)
    resource = get_object_or_404(Resource.objects.editable_by(request.user), pk=resource_pk)
    services.detach_resource(course, resource, by=request.user)
    messages.success(request, f"“{resource.title}” is off {course.title}; it stays in your vault.")
    return back(request, resource)


@require_safe
def announcement_list(request: Request) -> HttpResponse:
    """List what teachers wrote, newest first."""
    clock = clock_of(request.user)
    own = Announcement.objects.visible_to(request.user).shown_once()
    found = AnnouncementFilter(request.GET, queryset=own, request=request)
    page = Paginator(found.qs.for_list().newest_first(), ROWS).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [news_line(announcement, clock) for announcement in page],
        "is_filtered": any(request.GET.get(name) for name in ("course", "q")),
    }
    return render_page(request, "courses/announcements.html", context)


@require_safe
def announcement_detail(request: Request, pk: int) -> HttpResponse:
    """Show one announcement."""
    own = Announcement.objects.visible_to(request.user).select_related("course")
    announcement = get_object_or_404(own, pk=pk)
    message = shown_html(announcement.message_html, announcement.html_url)
    return render_page(request, "courses/announcement.html", {"announcement": announcement, "message": message})


@require_safe
def change_list(request: Request) -> HttpResponse:
    """List what changed at the sources in the last week."""
    clock = clock_of(request.user)
    events = read_recent(request.user, clock.now - WINDOW, limit=ROWS * 4)
    return render_page(request, "courses/changes.html", {"changes": changes_of(events, clock)})


def _deleted(request: Request, restorable: QuerySet) -> Any:
    """Find what was just deleted (`?deleted=ID`), so that the page can offer it back."""
    pk = request.GET.get("deleted", "")
    return restorable.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None
