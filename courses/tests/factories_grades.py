"""Courses with groups and scores."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from courses.models import Assignment, AssignmentGroup, Course
from courses.tests.factories import NOW, AssignmentFactory, SubmissionFactory


def graded(
    course: Course,
    group: AssignmentGroup | None,
    name: str,
    score: float | None,
    points: float,
    *,
    days: int = 0,
    **fields: Any,
) -> Assignment:
    """Work with its submission, graded so many days after NOW; without a score it is handed in."""
    work = AssignmentFactory(
        course=course,
        imported=bool(course.source),
        group=group,
        name=name,
        points_possible=points,
        position=days,
    )
    state = "graded" if score is not None else "submitted"
    moment = NOW + timedelta(days=days)
    SubmissionFactory(
        assignment=work,
        **{"state": state, "score": score, "submitted_at": NOW, "graded_at": moment, "posted_at": moment} | fields,
    )
    return work
