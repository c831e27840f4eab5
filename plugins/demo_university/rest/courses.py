"""Courses and what is in them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..semester import Assignment, Course, File
from ..semester.model import STUDENT, Module
from . import shapes, users
from .answers import Call, Listing, Refused, base_url, no_permission, not_found

ENROLLMENT_STATES = ("active", "invited_or_pending", "completed")
MAX_CONTEXT_CODES = 10


def _course(call: Call) -> Course:
    """The course of the path; one whose dates shut the student out is closed for everything but the list."""
    course = call.university.semester.course(call.path_id("course_id"))
    if course is None:
        raise not_found()
    if course.is_restricted:
        raise no_permission()
    return course


def courses(call: Call) -> Listing:
    state = call.query("enrollment_state")
    if state and state not in ENROLLMENT_STATES:
        raise Refused(400, f"enrollment_state must be one of {', '.join(ENROLLMENT_STATES)}")
    found = call.university.semester.courses
    if state == "active":
        found = [course for course in found if not course.is_concluded]
    elif state == "completed":
        found = [course for course in found if course.is_concluded]
    elif state:
        found = []
    return Listing([shapes.course(call.university, course, call.includes) for course in found])


def course(call: Call) -> dict[str, Any]:
    return shapes.course(call.university, _course(call), call.includes)


def course_enrollments(call: Call) -> Listing:
    if call.query("user_id") not in ("self", str(STUDENT["id"])):
        raise no_permission()
    return Listing([users.enrollment(call, _course(call))])


def people(call: Call) -> Listing:
    """The people of a course; fellow students stay among themselves here."""
    course = _course(call)
    wanted = call.query_list("enrollment_type") or ["teacher", "ta"]
    if call.university.faults.people_hidden or not set(wanted) <= {"teacher", "ta"}:
        raise no_permission()
    found = shapes.people(call.university, course, call.includes)
    kinds = {"teacher": "TeacherEnrollment", "ta": "TaEnrollment"}
    return Listing([shape for kind, shape in found if kind in {kinds[word] for word in wanted}])


def assignments(call: Call) -> Listing:
    course = _course(call)
    found = course.assignments
    if term := call.query("search_term").lower():
        found = [entry for entry in found if term in entry.name.lower()]
    if call.query("order_by") == "due_at":
        found = sorted(found, key=lambda entry: (entry.due_at is None, entry.due_at))
    shaped = [shapes.assignment(call.university, course, entry, call.includes) for entry in found]
    return Listing(shaped, knows_last=False)


def _assignment(call: Call) -> tuple[Course, Assignment]:
    course, number = _course(call), call.path_id("assignment_id")
    for found in course.assignments:
        if found.id == number:
            return course, found
    raise not_found()


def assignment(call: Call) -> dict[str, Any]:
    course, found = _assignment(call)
    return shapes.assignment(call.university, course, found, call.includes)


def own_submission(call: Call) -> dict[str, Any]:
    if call.request.path_params["user_id"] not in ("self", str(STUDENT["id"])):
        raise no_permission()
    return shapes.submission(call.university, *_assignment(call), call.includes)


def submissions(call: Call) -> Listing:
    """The student's own; without `student_ids` Canvas takes the caller."""
    course = _course(call)
    if any(number not in ("self", "all", str(STUDENT["id"])) for number in call.query_list("student_ids")):
        raise no_permission()
    long_ago = call.university.semester.starts_at - timedelta(days=3650)
    submitted_since = call.moment("submitted_since", long_ago)
    graded_since = call.moment("graded_since", long_ago)
    found = [
        entry
        for entry in course.assignments
        if (not call.query("submitted_since") or (entry.submission.submitted_at or long_ago) >= submitted_since)
        and (not call.query("graded_since") or (entry.submission.graded_at or long_ago) >= graded_since)
    ]
    shaped = [shapes.submission(call.university, course, entry, call.includes) for entry in found]
    return Listing(shaped, knows_last=False)


def assignment_groups(call: Call) -> Listing:
    course = _course(call)
    return Listing([shapes.group(call.university, course, found, call.includes) for found in course.groups])


def modules(call: Call) -> Listing:
    course = _course(call)
    return Listing([shapes.module(call.university, course, found, call.includes) for found in course.modules])


def _module(call: Call) -> tuple[Course, Module]:
    course, number = _course(call), call.path_id("module_id")
    for found in course.modules:
        if found.id == number:
            return course, found
    raise not_found()


def module(call: Call) -> dict[str, Any]:
    return shapes.module(call.university, *_module(call), call.includes)


def module_items(call: Call) -> Listing:
    course, found = _module(call)
    return Listing(
        [
            shapes.module_item(call.university, course, found, item, n, call.includes)
            for n, item in enumerate(found.items, start=1)
        ]
    )


def pages(call: Call) -> Listing:
    return Listing([_page(page, with_body=False) for page in _course(call).pages])


def page(call: Call) -> dict[str, Any]:
    for found in _course(call).pages:
        if call.request.path_params["url"] in (found.url, str(found.id)):
            return _page(found, with_body=True)
    raise not_found()


def _page(found: Any, *, with_body: bool) -> dict[str, Any]:
    shape = {
        "page_id": found.id,
        "url": found.url,
        "title": found.title,
        "published": True,
        "front_page": False,
    }
    return shape | {"body": found.body} if with_body else shape


def announcements(call: Call) -> Listing:
    """Of at most ten courses a call; from two weeks ago on unless told, newest first."""
    codes = call.query_list("context_codes")
    if not codes:
        raise Refused(400, "Missing context_codes")
    if len(codes) > MAX_CONTEXT_CODES:
        raise Refused(400, f"Only {MAX_CONTEXT_CODES} context codes may be given")
    now = call.university.now
    start = call.moment("start_date", now - timedelta(days=14))
    end = call.moment("end_date", now + timedelta(days=28))
    found = []
    for code in codes:
        kind, _, number = code.partition("_")
        course = call.university.semester.course(int(number)) if kind == "course" and number.isdecimal() else None
        if course is None or course.id in call.university.faults.drop_courses:
            raise not_found()
        if course.is_restricted:
            raise no_permission()
        for entry in course.announcements:
            if start <= entry.posted_at <= end:
                found.append((entry.posted_at, shapes.announcement(call.university, course, entry)))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return Listing([shape for _, shape in found], knows_last=False)


def files(call: Call) -> Listing:
    course = _course(call)
    if not course.files_tab:
        raise Refused(403, "That page has been disabled for this course")
    return Listing([_file(call, course, found) for found in course.files], knows_last=False)


def folders(call: Call) -> Listing:
    course = _course(call)
    if not course.files_tab:
        raise Refused(403, "That page has been disabled for this course")
    return Listing([shapes.folder(course, number, name) for number, name in shapes.folders_of(course)])


def folder(call: Call) -> dict[str, Any]:
    number = call.path_id("folder_id")
    for course in call.university.semester.courses:
        for folder_id, name in shapes.folders_of(course):
            if folder_id == number:
                return shapes.folder(course, folder_id, name)
    raise not_found()


def file(call: Call) -> dict[str, Any]:
    found = call.university.semester.find_file(call.path_id("file_id"))
    if found is None or ("course_id" in call.request.path_params and found[0].id != call.path_id("course_id")):
        raise not_found()
    if found[0].is_restricted:
        raise no_permission()
    return _file(call, *found)


def _file(call: Call, course: Course, found: File) -> dict[str, Any]:
    return shapes.file(call.university, course, found, base_url(call.request))
