"""The events of what a student plans, reckons and keeps, described for triggers of workflows."""

from __future__ import annotations

from coreengine.kernel.event_types import EventType

PLANNER, CALENDAR, GRADES, COURSES = "Planner", "Calendar", "Grades", "Courses"
TASK = {"title": "Read chapter 5", "course": 4, "assignment": None, "parent": None, "series": None}
BLOCK = {"title": "Problem set 3", "kind": "assignment", "work": 12, "starts_at": "2026-11-28T14:00:00Z", "minutes": 90}
EVENT = {"name": "Study group", "starts_at": "2026-11-28T14:00:00Z", "course": 4}
CALENDAR_NAME = {"calendar": 3, "calendar_name": "Timetable"}

OWN_TYPES = [
    EventType(
        "task.created", "An own task is made", "You add a task, or one that repeats comes again.", TASK, group=PLANNER
    ),
    EventType(
        "task.updated",
        "An own task changed",
        "`changes` has each field with its value before and after.",
        {**TASK, "changes": {"due_on": ["2026-11-28", "2026-11-30"]}},
        filter="has(trigger.event.data.changes.due_on)",
        group=PLANNER,
    ),
    EventType(
        "task.completed", "An own task is ticked off", "By you, on any page or by a program.", TASK, group=PLANNER
    ),
    EventType(
        "assignment.done",
        "An assignment is marked as done",
        "You ticked it off here, or at its source.",
        {"name": "Problem set 3", "course": 4},
        group=PLANNER,
    ),
    EventType(
        "assignment.dismissed",
        "An assignment is dismissed",
        "You put it out of sight, undone.",
        {"name": "Problem set 3", "course": 4, "by_hand": True},
        group=PLANNER,
    ),
    EventType(
        "planner.mark_refused",
        "A source did not take a mark",
        "A “done” of yours could not be written back; `error` says why. The next sync tries again.",
        {"name": "Problem set 3", "assignment": 12, "course": 4, "error": "Canvas says: not allowed."},
        group=PLANNER,
    ),
    EventType(
        "plan.proposed",
        "A plan of work is proposed",
        "It is worked out and waits for your word. `unplaced` counts what found no place.",
        {"blocks": 9, "minutes": 720, "unplaced": 1},
        filter="trigger.event.data.unplaced > 0",
        group=PLANNER,
    ),
    EventType(
        "plan.accepted",
        "A plan of work is accepted",
        "You took blocks into your plan.",
        {"blocks": 9, "minutes": 720},
        group=PLANNER,
    ),
    EventType("block.started", "You begin to work", "A block of the plan runs.", BLOCK, group=PLANNER),
    EventType(
        "block.completed",
        "A block of work is done",
        "`actual_minutes` is how long you worked, beside the planned `minutes`.",
        {**BLOCK, "actual_minutes": 110},
        filter="trigger.event.data.actual_minutes > trigger.event.data.minutes",
        group=PLANNER,
    ),
    EventType("block.skipped", "A block of work is skipped", "Nothing was worked in it.", BLOCK, group=PLANNER),
    EventType(
        "event.created",
        "The calendar has a new event",
        "By you (`by_hand`), or by a calendar that you follow; its first reading is no news.",
        {**EVENT, **CALENDAR_NAME},
        group=CALENDAR,
    ),
    EventType(
        "event.updated",
        "An event of the calendar changed",
        "`changes` has each field with its value before and after.",
        {**EVENT, **CALENDAR_NAME, "changes": {"location": ["R 12", "R 14"]}},
        filter="has(trigger.event.data.changes.starts_at)",
        group=CALENDAR,
    ),
    EventType(
        "event.removed",
        "A calendar dropped an event",
        "It covers the event's time and does not have it any more.",
        {**EVENT, **CALENDAR_NAME},
        group=CALENDAR,
    ),
    EventType(
        "calendar_source.failed",
        "A calendar cannot be read",
        "The first time in a row; it is tried again on its own.",
        {"name": "Timetable", "kind": "address", "error": "There is nothing at this address any more."},
        group=CALENDAR,
    ),
    EventType(
        "scenario.created",
        "A what-if is kept",
        "Under a name that the course had not.",
        {"name": "Best case", "scenario": 5},
        group=GRADES,
    ),
    EventType(
        "submission.commented",
        "Feedback is given",
        "Somebody wrote about work that you handed in. What a source's first sync brings has `baseline` true.",
        {"name": "Problem set 3", "course": 4, "baseline": False},
        filter="!trigger.event.data.baseline",
        group=GRADES,
    ),
    EventType(
        "course.updated",
        "A course changed",
        "A source changed something, or you did (`by_hand`). `changes` has each field before and after.",
        {"name": "Operating Systems", "changes": {"ai_policy": ["unstated", "cited"]}},
        filter="has(trigger.event.data.changes.ai_policy)",
        group=COURSES,
    ),
    EventType(
        "course.imported",
        "A list of work was brought in",
        "From a table or a syllabus, after you looked at it.",
        {"name": "Operating Systems", "what": "12 assignments", "draft": 6, "by_hand": True},
        group=COURSES,
    ),
    EventType(
        "announcement.updated",
        "An announcement was rewritten",
        "`changes` has each field with its value before and after.",
        {"name": "Room change", "changes": {"title": ["Room", "Room change"]}},
        group=COURSES,
    ),
    EventType(
        "file.replaced",
        "A file of a course was replaced",
        "A sync found other bytes under the same id.",
        {"name": "lecture-05.pdf", "course": 4, "baseline": False},
        group=COURSES,
    ),
    EventType(
        "course_archive.completed",
        "An archive is ready",
        "The ZIP of courses that you asked for.",
        {"title": "Fall 2026", "size_bytes": 41_000_000, "missing": 0},
        group=COURSES,
    ),
    EventType(
        "digest.sent",
        "A digest was mailed",
        "The daily or the weekly one; `counts` says what it told.",
        {"kind": "daily", "counts": {"due": 3, "overdue": 1}},
        group=COURSES,
    ),
]
