"""The events of courses, described for triggers of workflows."""

from __future__ import annotations

from coreengine.kernel.event_types import EventType, register_event_type
from courses.event_types_own import OWN_TYPES

GROUP = "Courses"
WORK = {"name": "Problem set 3", "course": 4}
NOT_FIRST = "!trigger.event.data.baseline"


def register() -> None:
    """Describe all of them; called once, when the app is ready."""
    for described in [*TYPES, *OWN_TYPES]:
        register_event_type(described)


TYPES = [
    EventType(
        "assignment.due_soon",
        "An assignment is due soon",
        "Once for each due date of work that is not handed in, as long before as you say in the settings of "
        "reminders (24 hours). Work that becomes known, or is moved, into that time is told at once.",
        {
            "assignment": 12,
            **WORK,
            "course_name": "Operating Systems",
            "due_at": "2026-11-30T22:59:59Z",
            "points_possible": 40,
            "url": "/assignments/12/",
            "lead_hours": 24,
            "hours_left": 23.9,
        },
        filter="trigger.event.data.points_possible >= 20.0",
        group=GROUP,
    ),
    EventType(
        "assignment.overdue",
        "An assignment is overdue",
        "Once, when the due date passes and nothing is handed in.",
        {
            "assignment": 12,
            **WORK,
            "course_name": "Operating Systems",
            "due_at": "2026-11-30T22:59:59Z",
            "points_possible": 40,
            "url": "/assignments/12/",
        },
        group=GROUP,
    ),
    EventType(
        "assignment.created",
        "An assignment is created",
        "A source lists new work, or you add it by hand. What a source's first sync brings has `baseline` true.",
        {**WORK, "due_at": "2026-11-30T22:59:59Z", "baseline": False},
        filter="!has(trigger.event.data.baseline) || !trigger.event.data.baseline",
        group=GROUP,
    ),
    EventType(
        "assignment.updated",
        "An assignment changed",
        "A source changed something, or you did (`by_hand`). `changes` has each field with its value before and after.",
        {**WORK, "changes": {"due_at": ["2026-11-30T22:59:59Z", "2026-12-02T22:59:59Z"]}},
        filter="has(trigger.event.data.changes.due_at)",
        also=("assignment.changed",),
        group=GROUP,
    ),
    EventType(
        "assignment.missing",
        "An assignment is gone at its source",
        "A whole sync did not list it any more.",
        WORK,
        group=GROUP,
    ),
    EventType(
        "submission.submitted",
        "Work was handed in",
        "The source says that you handed something in, or handed it in again.",
        {**WORK, "changes": {"submitted_at": [None, "2026-11-29T20:11:00Z"]}, "score": None, "grade": ""},
        group=GROUP,
    ),
    EventType(
        "grade.posted",
        "A grade is posted",
        "You can see a grade for the first time: it was given, or its teacher shows it now. None for the first sync.",
        {
            "assignment": 12,
            **WORK,
            "course_name": "Operating Systems",
            "score": 37,
            "grade": "37",
            "points_possible": 40,
            "percent": 92.5,
            "after": "37 of 40",
            "late": False,
            "url": "/assignments/12/",
        },
        filter="trigger.event.data.percent != null && trigger.event.data.percent < 60.0",
        group=GROUP,
    ),
    EventType(
        "grade.changed",
        "A grade changed",
        "A grade that you could see is another one now.",
        {
            "assignment": 12,
            **WORK,
            "course_name": "Operating Systems",
            "score": 39,
            "grade": "39",
            "points_possible": 40,
            "percent": 97.5,
            "before": "37 of 40",
            "after": "39 of 40",
            "score_before": 37,
            "grade_before": "37",
            "late": False,
            "url": "/assignments/12/",
        },
        group=GROUP,
    ),
    EventType(
        "announcement.posted",
        "An announcement is posted",
        "A teacher told a course something. What a source's first sync brings has `baseline` true.",
        {"name": "Room change", "course": 4, "baseline": False},
        filter=NOT_FIRST,
        group=GROUP,
    ),
    EventType(
        "course.created",
        "A course is new",
        "A source lists a new course, or you make one. What a source's first sync brings has `baseline` true.",
        {"name": "Operating Systems", "baseline": False},
        group=GROUP,
    ),
    EventType(
        "course.concluded",
        "A course is over",
        "Its source says so, you do, or its dates passed; `by` is source, hand or date.",
        {"name": "Operating Systems", "course": 4, "by": "date"},
        group=GROUP,
    ),
    EventType(
        "module.unlocked",
        "A module opens",
        "A module that was locked is open for you.",
        {"name": "Week 5", "course": 4},
        group=GROUP,
    ),
    EventType(
        "file.added",
        "A course has a new file",
        "A sync put a new file of a course into the vault.",
        {"name": "lecture-05.pdf"},
        group=GROUP,
    ),
    EventType(
        "reminder.sent",
        "A reminder was sent",
        "A reminder reached you, by whatever channel.",
        {"kind": "assignment", "id": 12, "name": "Problem set 3", "reminders": [7], "notification": 31},
        group=GROUP,
    ),
]
