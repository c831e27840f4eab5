"""A student with much of everything, as syncs would have brought it, and the two jobs that are timed beside pages."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Max

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.events import EventDraft, record_many
from courses.grading.courses import grades_of
from courses.models import Announcement, Assignment, AssignmentGroup, Course, Submission

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
    for course in own if courses else []:
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
    _add_events(student, works, events)
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


def _add_events(student: Any, works: list[Assignment], count: int) -> None:
    """The log's events. Events of a calendar go here as well, once there is a model of them."""
    changes = {"due_at": ["2026-11-01T10:00:00Z", "2026-11-08T10:00:00Z"]}
    drafts = [
        EventDraft("assignment.updated", works[at % len(works)], {"name": f"Problem set {at}", "changes": changes})
        for at in range(count)
    ]
    record_many(drafts, actor=student, owner=student)


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
