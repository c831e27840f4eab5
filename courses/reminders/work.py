"""Assignments and the source's events as things to be reminded of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from coreengine.accounts.models import User
from coreengine.database.kept_queries import KeptQuery, owner_with
from courses.models import Assignment, PlannerItem
from courses.querysets import COURSE_TAG_FIELDS, ROW_FIELDS
from courses.reminders.targets import Target, TargetKind, register_target
from courses.work_state import OUTSTANDING

EXAM = re.compile(r"\b(exam|midterm|final|quiz|test|klausur)\b", re.IGNORECASE)
MORNING = timedelta(hours=8)
"""When what has a day and no hour begins, for reminders: nobody wants "one hour before" at eleven in the night."""


def _assignments(owner: Any) -> QuerySet[Assignment]:
    return Assignment.objects.visible_to(owner).for_list().only(*ROW_FIELDS, "same_as_id")


def _of_assignments(rows: Iterable[Assignment], now: datetime) -> Iterator[Target]:
    for row in rows:
        is_exam = "online_quiz" in row.submission_types or EXAM.search(row.name) is not None
        yield Target(
            kind="assignment",
            pk=row.pk,
            title=row.name,
            at=row.due_at,
            url=row.get_absolute_url(),
            is_open=row.state_at(now) in OUTSTANDING,
            rule_kind="exam" if is_exam else "assignment",
            course_id=row.course_id,
            course=row.course.title,
            facts=tuple(filter(None, [row.points_text])),
            shown_pk=row.same_as_id,
        )


def read_assignments(owner: User, ids: Iterable[int]) -> Iterator[Target]:
    return _of_assignments(_ASSIGNMENTS.objects(owner=owner.pk, ids=list(ids)), timezone.now())


_ASSIGNMENTS = KeptQuery(lambda owner, ids: _assignments(owner_with(owner)).filter(pk__any_of=ids), owner=int, ids=int)


def target_of_assignment(owner: User, assignment: Assignment) -> Target:
    """An assignment as it was read for its own page, its course and its submission joined."""
    return next(_of_assignments([assignment], timezone.now()))


def assignments_ahead(owner: User, start: datetime, end: datetime) -> Iterator[Target]:
    now = timezone.now()
    rows = _assignments(owner).present().in_active_courses(now).due_between(start, end)
    rows = rows.filter(done_at=None, dismissed_at=None)
    return (target for target in _of_assignments(rows, now) if target.is_open)


def _events(owner: Any) -> QuerySet[PlannerItem]:
    columns = ("title", "starts_at", "is_all_day", "done_at", "dismissed_at", "missing_since", "location", "same_as_id")
    rows = PlannerItem.objects.visible_to(owner).beside_assignments().select_related("course")
    return rows.only(*columns, "html_url", "owner_id", *COURSE_TAG_FIELDS)


def _of_events(rows: Iterable[PlannerItem]) -> Iterator[Target]:
    for row in rows:
        at = row.starts_at + MORNING if row.starts_at and row.is_all_day else row.starts_at
        yield Target(
            kind="planner-item",
            pk=row.pk,
            title=row.title,
            at=at,
            url=row.course.get_absolute_url() if row.course else "/",
            is_open=not (row.is_settled or row.missing_since),
            rule_kind="event",
            course_id=row.course_id,
            course=row.course.title if row.course else "",
            is_all_day=row.is_all_day,
            facts=tuple(filter(None, [row.location])),
            shown_pk=row.same_as_id,
        )


def read_events(owner: User, ids: Iterable[int]) -> Iterator[Target]:
    return _of_events(_EVENTS.objects(owner=owner.pk, ids=list(ids)))


_EVENTS = KeptQuery(lambda owner, ids: _events(owner_with(owner)).filter(pk__any_of=ids), owner=int, ids=int)


def events_ahead(owner: User, start: datetime, end: datetime) -> Iterator[Target]:
    rows = _events(owner).present().filter(done_at=None, dismissed_at=None)
    rows = rows.filter(starts_at__gte=start - MORNING, starts_at__lt=end)
    rows = rows.filter(Q(course__isnull=True) | Q(course__is_hidden=False))
    return (target for target in _of_events(rows) if target.at is not None and start <= target.at < end)


def register() -> None:
    """Add both kinds; called once, when the app is ready."""
    register_target(
        TargetKind(
            *("assignment", "Assignment", "is due", "was due"),
            read_assignments,
            assignments_ahead,
            of_row=target_of_assignment,
        )
    )
    register_target(TargetKind("planner-item", "Event", "begins", "began", read_events, events_ahead))
