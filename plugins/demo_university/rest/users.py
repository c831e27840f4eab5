"""What Canvas knows of the student: profile, enrolments, to-do list, planner, colours and nicknames."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..semester import Assignment, Course
from ..semester.grades import course_score, letter
from ..semester.model import STUDENT
from . import shapes
from .answers import Call, Listing, no_permission, not_found


def _is_self(call: Call) -> None:
    """The student may read himself only, as `self` or by his own id."""
    if call.request.path_params.get("user_id", "self") not in ("self", str(STUDENT["id"])):
        raise no_permission()


def user(call: Call) -> dict[str, Any]:
    _is_self(call)
    return {
        "id": STUDENT["id"],
        "name": STUDENT["name"],
        "sortable_name": STUDENT["sortable_name"],
        "short_name": STUDENT["short_name"],
        "created_at": shapes.iso(call.university.semester.starts_at),
        "avatar_url": None,
        "locale": None,
        "effective_locale": STUDENT["locale"],
        "permissions": {"can_update_name": False, "can_update_avatar": False},
    }


def profile(call: Call) -> dict[str, Any]:
    _is_self(call)
    return {
        **{key: value for key, value in STUDENT.items() if key != "locale"},
        "title": None,
        "bio": None,
        "avatar_url": None,
        "calendar": {"ics": f"{call.university.public_url}/feeds/calendars/{call.university.feed_name}.ics"},
        "locale": None,
    }


def enrollments(call: Call) -> Listing:
    _is_self(call)
    return Listing([enrollment(call, course) for course in call.university.semester.courses])


def enrollment(call: Call, course: Course) -> dict[str, Any]:
    current, final = course_score(course, final=False), course_score(course, final=True)
    return {
        "id": course.id * 10 + 3,
        "course_id": course.id,
        "user_id": STUDENT["id"],
        "type": "StudentEnrollment",
        "role": "StudentEnrollment",
        "enrollment_state": "completed" if course.is_concluded else "active",
        "html_url": f"{shapes.course_url(call.university, course)}/users/{STUDENT['id']}",
        "grades": {
            "html_url": f"{shapes.course_url(call.university, course)}/grades",
            "current_score": current,
            "current_grade": letter(current),
            "final_score": final,
            "final_grade": letter(final),
        },
    }


def colors(call: Call) -> dict[str, Any]:
    bundled = {f"course_{course.id}": course.color for course in call.university.semester.courses}
    return {"custom_colors": bundled | call.university.colors}


def nicknames(call: Call) -> Listing:
    courses = {course.id: course.name for course in call.university.semester.courses}
    return Listing(
        [
            {"course_id": number, "name": courses[number], "nickname": nickname}
            for number, nickname in call.university.nicknames.items()
            if number in courses
        ]
    )


def dashboard_positions(call: Call) -> dict[str, Any]:
    courses = call.university.semester.courses
    return {"dashboard_positions": {f"course_{course.id}": n for n, course in enumerate(courses)}}


def _open_work(call: Call) -> list[tuple[Course, Assignment]]:
    """What is neither handed in nor excused, soonest first."""
    pairs = [
        (course, found)
        for course in call.university.semester.courses
        if not (course.is_concluded or course.is_restricted)
        for found in course.assignments
        if found.submission.state == "unsubmitted" and not found.submission.excused and found.due_at
    ]
    return sorted(pairs, key=lambda pair: (pair[1].due_at is None, pair[1].due_at))


def todo(call: Call) -> Listing:
    now = call.university.now
    return Listing(
        [
            {
                "type": "submitting",
                "context_type": "Course",
                "course_id": course.id,
                "context_name": course.name,
                "ignore": "",
                "ignore_permanently": "",
                "html_url": f"{shapes.course_url(call.university, course)}/assignments/{found.id}",
                "assignment": shapes.assignment(call.university, course, found, set()),
            }
            for course, found in _open_work(call)
            if found.due_at and now <= found.due_at <= now + timedelta(days=7)
        ]
    )


def upcoming_events(call: Call) -> Listing:
    now = call.university.now
    return Listing(
        [
            shapes.assignment_event(call.university, course, found)
            for course, found in _open_work(call)
            if found.due_at and now <= found.due_at <= now + timedelta(days=7)
        ]
    )


def missing_submissions(call: Call) -> Listing:
    _is_self(call)
    return Listing(
        [
            shapes.assignment(call.university, course, found, call.includes)
            for course, found in _open_work(call)
            if found.submission.missing
        ],
        knows_last=False,
    )


def account(call: Call) -> dict[str, Any]:
    """The list of accounts, users and the like belong to administrators."""
    raise no_permission()


def unknown(call: Call) -> dict[str, Any]:
    raise not_found()
