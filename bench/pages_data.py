"""A student with much of everything, as syncs would have brought it, and the two jobs that are timed beside pages."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.events import EventDraft, record_many
from courses.grading.courses import grades_of
from courses.models import (
    Announcement,
    Assignment,
    AssignmentGroup,
    CalendarEvent,
    CalendarOccurrence,
    Course,
    Module,
    ModuleItem,
    OwnTask,
    PlannerItem,
    Reminder,
    Submission,
    WorkBlock,
)
from resources.models import Resource

SOURCE = "connection:0"
ROUNDS = 5


def fill(student: Any, *, courses: int, assignments: int, events: int) -> int:
    """Add rows and give the id of a course; more of them come to the courses that are there."""
    first = int(Course.objects.aggregate(last=Max("pk"))["last"] or 0)
    Course.objects.bulk_create(
        Course(
            owner=student, source=SOURCE, external_id=f"c{first + n}", name=f"Course {n}", code=f"CS {n}", hue=n % 12
        )
        for n in range(courses)
    )
    own = list(Course.objects.filter(owner=student, source=SOURCE).order_by("pk"))
    for course in (each for each in own if each.pk > first):
        AssignmentGroup.objects.create(course=course, external_id="g", name="Homework", weight=100, drop_lowest=1)
    groups = {group.course_id: group for group in AssignmentGroup.objects.filter(course__in=own)}
    now, start = datetime.now(UTC), int(Assignment.objects.aggregate(last=Max("pk"))["last"] or 0)
    works = Assignment.objects.bulk_create(
        [_assignment(student, own[n % len(own)], groups, start + n, n, now) for n in range(assignments)],
        batch_size=2_000,
    )
    handed_in = [work for at, work in enumerate(works) if at % 8 < 5]
    Submission.objects.bulk_create([_submission(work, at, now) for at, work in enumerate(handed_in)], batch_size=2_000)
    Announcement.objects.bulk_create(
        Announcement(
            owner=student,
            course=own[n % len(own)],
            source=SOURCE,
            external_id=f"n{start + n}",
            title=f"News {n}",
            message_html="<p>The lecture on scheduling moves.</p>",
            posted_at=now - timedelta(hours=n),
        )
        for n in range(assignments // 10)
    )
    _add_log(student, works, events)
    _add_calendar(student, own, start, events // 3, now)
    _add_planned(student, own, works, start, now)
    _add_modules(student, own, works, start)
    _add_reminders(student, works, now)
    _analyze()
    return own[0].pk


def _assignment(student: Any, course: Course, groups: dict[int, Any], key: int, at: int, now: datetime) -> Assignment:
    return Assignment(
        owner=student,
        course=course,
        group=groups[course.pk],
        source=SOURCE,
        external_id=f"a{key}",
        name=f"Problem set {at}: scheduling",
        due_at=now + timedelta(hours=(at * 37) % 2_880 - 1_440),
        points_possible=10,
        submission_types=["online_upload"],
        description_html="<p>Solve it.</p>",
    )


def _submission(work: Assignment, at: int, now: datetime) -> Submission:
    if at % 5 == 0:
        return Submission(assignment=work, state="submitted", submitted_at=now - timedelta(days=at % 30))
    if at % 5 == 1:
        return Submission(assignment=work, missing=work.due_at is not None and work.due_at < now)
    return Submission(
        assignment=work, state="graded", score=9, submitted_at=now, graded_at=now - timedelta(days=at % 60)
    )


def _add_log(student: Any, works: list[Assignment], count: int) -> None:
    changes = {"due_at": ["2026-11-01T10:00:00Z", "2026-11-08T10:00:00Z"]}
    drafts = [
        EventDraft("assignment.updated", works[at % len(works)], {"name": f"Problem set {at}", "changes": changes})
        for at in range(count)
    ]
    for at in range(0, len(drafts), 1_000):  # each a transaction of its own, as each course's import is
        record_many(drafts[at : at + 1_000], actor=student, owner=student)


def _add_calendar(student: Any, own: list[Course], start: int, count: int, now: datetime) -> None:
    """Events of the calendar, spread over years as those of a timetable are, and what the source's planner lists."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    events = CalendarEvent.objects.bulk_create(
        [
            CalendarEvent(
                owner=student,
                title=f"Lecture {start + at}",
                location="Room 5",
                starts_at=hour + timedelta(hours=(at * 7) % 17_520 - 8_760),
                ends_at=hour + timedelta(hours=(at * 7) % 17_520 - 8_759),
                course=own[at % len(own)],
            )
            for at in range(count)
        ],
        batch_size=2_000,
    )
    CalendarOccurrence.objects.bulk_create(
        [
            CalendarOccurrence(
                owner=student,
                event=event,
                key=f"{event.starts_at:%Y%m%dT%H%M%SZ}"[:16],
                starts_at=event.starts_at,
                ends_at=event.ends_at,
            )
            for event in events
        ],
        batch_size=2_000,
    )
    PlannerItem.objects.bulk_create(
        [
            PlannerItem(
                owner=student,
                course=own[at % len(own)],
                source=SOURCE,
                external_id=f"planner_note:{start}-{at}",
                kind=("planner_note", "calendar_event", "wiki_page")[at % 3],
                title=f"Read chapter {at}",
                starts_at=hour + timedelta(hours=(at * 11) % 2_880 - 1_440),
            )
            for at in range(count // 10)
        ],
        batch_size=2_000,
    )


def _add_planned(student: Any, own: list[Course], works: list[Assignment], start: int, now: datetime) -> None:
    """Own tasks, blocks of work and things in the vault: a tenth of the work each."""
    hour, count = now.replace(minute=0, second=0, microsecond=0), len(works) // 10
    OwnTask.objects.bulk_create(
        OwnTask(
            owner=student,
            title=f"Print the notes {start + at}",
            course=own[at % len(own)] if at % 2 else None,
            due_at=hour + timedelta(hours=(at * 13) % 960 - 480) if at % 3 else None,
            due_on=None if at % 3 else (hour + timedelta(days=at % 40 - 20)).date(),
            done_at=now - timedelta(days=at % 9) if at % 4 == 0 else None,
            estimate_minutes=30,
        )
        for at in range(count)
    )
    WorkBlock.objects.bulk_create(
        WorkBlock(
            owner=student,
            kind="assignment",
            work_id=work.pk,
            title=work.name,
            course_id=work.course_id,
            starts_at=hour + timedelta(hours=(at * 5) % 1_440 - 720),
            ends_at=hour + timedelta(hours=(at * 5) % 1_440 - 719),
            due_at=work.due_at,
            state=WorkBlock.State.DONE if at % 3 == 0 else WorkBlock.State.PLANNED,
            actual_minutes=50 if at % 3 == 0 else None,
        )
        for at, work in enumerate(works[:count])
    )
    Resource.objects.bulk_create(
        Resource(owner=student, kind=Resource.Kind.NOTE, title=f"Notes on scheduling {start + at}", body="Round robin.")
        for at in range(count)
    )


def _add_modules(student: Any, own: list[Course], works: list[Assignment], start: int) -> None:
    """A module for every five pieces of work, in line; each needs the one before it."""
    modules = Module.objects.bulk_create(
        [
            Module(
                owner=student,
                course=own[at % len(own)],
                source=SOURCE,
                external_id=f"m{start}-{at}",
                name=f"Week {at // len(own) + 1}",
                position=at // len(own),
                state="unlocked",
                prerequisite_ids=[f"m{start}-{at - len(own)}"] if at >= len(own) else [],
            )
            for at in range(len(works) // 5)
        ],
        batch_size=2_000,
    )
    by_course: dict[int, list[Module]] = {}
    for module in modules:
        by_course.setdefault(module.course_id, []).append(module)
    ModuleItem.objects.bulk_create(
        [
            ModuleItem(
                module=by_course[work.course_id][at // len(own) // 5 % len(by_course[work.course_id])],
                external_id=f"i{work.pk}",
                title=work.name,
                kind="assignment",
                position=at,
                assignment=work,
                requirement_type="must_submit",
                is_completed=at % 2 == 0,
            )
            for at, work in enumerate(works)
        ],
        batch_size=2_000,
    )


def _add_reminders(student: Any, works: list[Assignment], now: datetime) -> None:
    """Two of every tenth piece of work: one that is to come, one that came."""
    hour = timedelta(hours=1)
    some = works[::10]
    Reminder.objects.bulk_create(
        Reminder(
            owner=student,
            target_kind="assignment",
            target_id=work.pk,
            target_at=work.due_at,
            lead_minutes=60 if state == "scheduled" else 120,
            channels=["bell", "mail"],
            state=state,
            fire_at=now + (at + 1) * hour if state == "scheduled" else now - (at + 1) * hour,
            sent_at=None if state == "scheduled" else now - (at + 1) * hour,
        )
        for at, work in enumerate(some)
        for state in ("scheduled", "sent")
    )


def one_of_each(course: int) -> dict[str, int]:
    """Ids of a piece of work of the course, of a task that is open, and of an event, for the pages of one thing."""
    rows = {
        "assignment": Assignment.objects.filter(course=course),
        "task": OwnTask.objects.filter(course__isnull=False, done_at=None, parent=None),
        "event": CalendarEvent.objects.filter(course__isnull=False),
    }
    return {name: each.order_by("pk").values_list("pk", flat=True)[0] for name, each in rows.items()}


def _analyze() -> None:
    """What autovacuum does within a minute of a sync."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def grade_time_s(student: Any) -> float:
    """Compute the grades of forty courses; the best of some rounds, since the machine's noise only adds."""
    courses = list(Course.objects.filter(owner=student, source=SOURCE).for_list()[:40])
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for each in grades_of(courses):
            assert each.current is not None
        times.append(time.perf_counter() - began)
    return min(times)


def import_time_s(student: Any, count: int) -> float:
    """Import a course of many assignments that are all new."""
    context = ActionContext(owner=student, actor=student)
    run_action("courses.import", context, {"source": "connection:9", "courses": [{"id": "big", "name": "Big"}]})
    due = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    works = [
        {"id": f"big-{n}", "course_id": "big", "name": f"Assignment {n}", "due_at": due, "points_possible": 10}
        for n in range(count)
    ]
    began = time.perf_counter()
    run_action("assignments.import", context, {"source": "connection:9", "course_id": "big", "assignments": works})
    return time.perf_counter() - began
