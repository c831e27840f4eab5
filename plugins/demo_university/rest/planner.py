"""The planner: what it lists, the marks that the student makes in it, and the events of the calendar."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from ..semester import Assignment, Course
from ..semester.model import CalendarEvent
from ..university import University
from . import shapes
from .answers import Call, Listing, Refused, no_permission, not_found

KINDS = ("announcement", "assignment", "calendar_event", "discussion_topic", "planner_note", "quiz", "wiki_page")
MAX_CONTEXT_CODES = 10


def planner_items(call: Call) -> Listing:
    """Assignments, events and announcements between two days; two weeks either way unless told."""
    now = call.university.now
    start = call.moment("start_date", now - timedelta(days=14))
    end = call.moment("end_date", now + timedelta(days=14))
    codes = set(call.query_list("context_codes"))
    items = []
    for course in call.university.semester.courses:
        if course.is_restricted or course.is_concluded or (codes and f"course_{course.id}" not in codes):
            continue
        for found in course.assignments:
            if found.due_at and start <= found.due_at <= end:
                items.append(_assignment(call, course, found))
        items += [_event(call, course, event) for event in course.events if start <= event.starts_at <= end]
        for news in course.announcements:
            if start <= news.posted_at <= end:
                shape = shapes.announcement(call.university, course, news)
                plannable = {key: shape[key] for key in ("id", "title")}
                items.append(
                    _item(call, course, "announcement", news.id, shape["posted_at"], plannable)
                    | {"submissions": False, "html_url": f"/courses/{course.id}/discussion_topics/{news.id}"}
                )
    items.sort(key=lambda item: item["plannable_date"])
    return Listing(items, knows_last=False, per_page=50)


def _item(
    call: Call, course: Course, kind: str, number: int, when: str | None, plannable: dict[str, Any]
) -> dict[str, Any]:
    return {
        "context_type": "Course",
        "course_id": course.id,
        "context_name": course.name,
        "context_image": None,
        "plannable_id": number,
        "plannable_type": kind,
        "plannable_date": when,
        "plannable": plannable,
        "new_activity": False,
        "planner_override": call.university.store.overrides.get(f"{kind}:{number}"),
    }


def _assignment(call: Call, course: Course, found: Assignment) -> dict[str, Any]:
    made = found.submission
    kind, number = ("quiz", found.quiz_id) if found.quiz_id else ("assignment", found.id)
    plannable = {
        "id": number,
        "title": found.name,
        "due_at": shapes.iso(found.due_at),
        "points_possible": found.points,
        "assignment_id": found.id,
    }
    return _item(call, course, kind, number, shapes.iso(found.due_at), plannable) | {
        "submissions": {
            "submitted": made.state != "unsubmitted",
            "excused": made.excused,
            "graded": made.visible_score is not None,
            "posted_at": shapes.iso(made.posted_at),
            "late": made.late,
            "missing": made.missing,
            "needs_grading": made.state in ("submitted", "pending_review"),
            "has_feedback": False,
            "redo_request": False,
        },
        "html_url": f"/courses/{course.id}/assignments/{found.id}",
    }


def _event(call: Call, course: Course, event: CalendarEvent) -> dict[str, Any]:
    shape = shapes.calendar_event(call.university, course, event)
    names = ("id", "title", "start_at", "end_at", "all_day", "all_day_date", "description", "location_name")
    plannable = {name: shape[name] for name in names}
    address = f"/calendar?event_id={event.id}&include_contexts=course_{course.id}"
    return _item(call, course, "calendar_event", event.id, shape["start_at"], plannable) | {
        "submissions": False,
        "html_url": address,
    }


def calendar_events(call: Call) -> Listing:
    """Events of the given contexts, or their assignments (`type=assignment`); today's unless told."""
    codes = call.query_list("context_codes")
    if len(codes) > MAX_CONTEXT_CODES:
        raise Refused(400, f"Only {MAX_CONTEXT_CODES} context codes may be given")
    day = call.university.now.replace(hour=0, minute=0, second=0, microsecond=0)
    is_everything = call.query("all_events") in ("true", "1")
    start = call.moment("start_date", day)
    end = call.moment("end_date", start + timedelta(days=1))
    found = []
    for course in call.university.semester.courses:
        if f"course_{course.id}" not in codes or course.is_restricted:
            continue
        if call.query("type", "event") == "assignment":
            for entry in course.assignments:
                if entry.due_at and (is_everything or start <= entry.due_at <= end):
                    found.append(shapes.assignment_event(call.university, course, entry))
        else:
            for event in course.events:
                if is_everything or start <= event.starts_at <= end:
                    found.append(shapes.calendar_event(call.university, course, event))
    return Listing(sorted(found, key=lambda shape: shape["start_at"]), knows_last=False)


# Marks


def overrides(call: Call) -> Listing:
    return Listing(list(call.university.store.overrides.values()))


def override(call: Call) -> dict[str, Any]:
    return _override(call)[1]


def make_override(call: Call) -> dict[str, Any]:
    """A mark on something that the student can see. There is one for each thing."""
    body = _body(call)
    kind, raw = str(body.get("plannable_type", "")), str(body.get("plannable_id", ""))
    if kind not in KINDS or not raw.isdecimal():
        raise Refused(400, "invalid plannable_type or plannable_id")
    number = int(raw)
    if not _is_there(call.university, kind, number):
        raise not_found()
    if f"{kind}:{number}" in call.university.store.overrides:
        raise Refused(400, "Plannable has already been taken")
    return call.university.store.keep_override(kind, number, _changes(body))


def change_override(call: Call) -> dict[str, Any]:
    key, _ = _override(call)
    kind, _, number = key.partition(":")
    return call.university.store.keep_override(kind, int(number), _changes(_body(call)))


def _override(call: Call) -> tuple[str, dict[str, Any]]:
    number = call.path_id("override_id")
    found = call.university.store.overrides
    pair = next(((key, entry) for key, entry in found.items() if entry["id"] == number), None)
    if pair is None:
        raise not_found()
    return pair


def _is_there(university: University, kind: str, number: int) -> bool:
    semester = university.semester
    pair: Any = None
    if kind == "assignment":
        pair = semester.find_assignment(number)
        if pair and pair[1].quiz_id:
            pair = None  # in the planner a classic quiz goes by its own id
    elif kind == "quiz":
        pair = semester.find_quiz(number)
    elif kind == "calendar_event":
        pair = next(
            ((course, found) for course in semester.courses for found in course.events if found.id == number), None
        )
    elif kind == "announcement":
        news = [(course, found) for course in semester.courses for found in course.announcements]
        pair = next((entry for entry in news if entry[1].id == number), None)
    if pair is not None and pair[0].is_restricted:
        raise no_permission()
    return pair is not None


def _body(call: Call) -> dict[str, Any]:
    """The fields of a body, which may be JSON or a form, as Canvas takes both."""
    if "json" in call.request.headers.get("content-type", ""):
        try:
            body = json.loads(call.body or b"{}")
        except ValueError:
            raise Refused(400, "invalid JSON") from None
        return body if isinstance(body, dict) else {}
    return {name: values[-1] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}


def _changes(body: dict[str, Any]) -> dict[str, bool]:
    names = ("marked_complete", "dismissed")
    return {name: str(body[name]).lower() in ("true", "1") for name in names if name in body}
