"""What an import tells of grades: one that the student can see for the first time, and one that changed."""

from __future__ import annotations

from typing import Any

from coreengine.kernel.events import EventDraft
from courses.models import Assignment, Course, Submission

Grade = tuple[float | None, str]


def seen_grade(assignment: Assignment, submission: Submission | None) -> Grade | None:
    """The grade that the student can see, as (score, letters); None where there is none, or it is hidden yet."""
    if submission is None or (submission.score is None and not submission.grade):
        return None
    if submission.state != Submission.State.GRADED and submission.posted_at is None:
        return None
    return submission.score, submission.grade


def grade_drafts(
    assignment: Assignment, before: Grade | None, submission: Submission, course: Course
) -> list[EventDraft]:
    """Make `grade.posted` or `grade.changed` of an assignment, beside `submission.graded`, or nothing.

    A grade that its teacher hides again is no news; when it is shown again it is posted again.
    """
    after = seen_grade(assignment, submission)
    if after is None or after == before:
        return []
    data: dict[str, Any] = {
        "assignment": assignment.pk,
        "name": assignment.name,
        "course": course.pk,
        "course_name": course.title,
        "score": after[0],
        "grade": after[1],
        "points_possible": assignment.points_possible,
        "percent": _percent(after[0], assignment.points_possible),
        "after": _words(after, assignment.points_possible),
        "late": submission.late,
        "url": assignment.get_absolute_url(),
    }
    if before is None:
        return [EventDraft("grade.posted", assignment, data)]
    data |= {
        "score_before": before[0],
        "grade_before": before[1],
        "before": _words(before, assignment.points_possible),
    }
    return [EventDraft("grade.changed", assignment, data)]


def _percent(score: float | None, possible: float | None) -> float | None:
    return round(100 * score / possible, 2) if score is not None and possible else None


def _words(grade: Grade, possible: float | None) -> str:
    """ "37 of 40", or the letters where there is no score."""
    score, letters = grade
    if score is None:
        return letters
    return f"{score:g} of {possible:g}" if possible else f"{score:g}"
