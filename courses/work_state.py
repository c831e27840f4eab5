"""Where a piece of work stands, for its student: the one place that decides what is overdue.

Each state has two forms of the same test, side by side: one for rows in the database and one for an object in
hand. They are tried in the order of `RULES` and the first that holds wins; a test drives both with the same
thousands of cases and expects the same answer. Submitted work can therefore never be overdue: `SUBMITTED` is
asked before `OVERDUE`, in both forms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Case, Q, Value, When

if TYPE_CHECKING:
    from courses.models import Assignment

# What Canvas calls work that is not handed in online: nothing will ever arrive, so nothing can be late. Of a source
# that does not tell what was handed in ("not_reported"), nobody can say that work is owed.
NOT_SUBMITTABLE = ["none", "on_paper", "not_graded", "wiki_page", "not_reported"]
HANDED_IN = ["submitted", "pending_review"]


class WorkState(models.TextChoices):
    GONE = "gone", "Removed at the source"
    EXCUSED = "excused", "Excused"
    GRADED = "graded", "Graded"
    SUBMITTED = "submitted", "Submitted"
    DONE = "done", "Done"
    DISMISSED = "dismissed", "Dismissed"
    UNDATED = "undated", "No due date"
    UPCOMING = "upcoming", "Open"
    PAST = "past", "Past"
    OVERDUE = "overdue", "Overdue"


# Still to be done by the student, whether late or not.
OUTSTANDING = [WorkState.UNDATED, WorkState.UPCOMING, WorkState.OVERDUE]


@dataclass(frozen=True)
class Rule:
    """One state, as a condition on rows and as a test of one object."""

    state: WorkState
    rows: Callable[[datetime], Q]
    one: Callable[[Assignment, datetime], bool]


def _is_graded(assignment: Assignment, now: datetime) -> bool:
    submission = assignment.own_submission
    if submission is None or submission.state != "graded":
        return False
    return not submission.missing or submission.submitted_at is not None


def _is_submitted(assignment: Assignment, now: datetime) -> bool:
    submission = assignment.own_submission
    return submission is not None and (submission.submitted_at is not None or submission.state in HANDED_IN)


def _is_not_handed_in_online(assignment: Assignment, now: datetime) -> bool:
    types = assignment.submission_types
    return assignment.source != "" and bool(types) and set(types) <= set(NOT_SUBMITTABLE)


RULES: list[Rule] = [
    Rule(
        WorkState.GONE,
        lambda now: Q(missing_since__isnull=False),
        lambda assignment, now: assignment.missing_since is not None,
    ),
    Rule(
        WorkState.EXCUSED,
        lambda now: Q(submission__excused=True),
        lambda assignment, now: assignment.own_submission is not None and assignment.own_submission.excused,
    ),
    # A late policy gives missing work a zero: that is a grade on the books, yet the work is still owed.
    Rule(
        WorkState.GRADED,
        lambda now: (
            Q(submission__state="graded") & (Q(submission__missing=False) | Q(submission__submitted_at__isnull=False))
        ),
        _is_graded,
    ),
    Rule(
        WorkState.SUBMITTED,
        lambda now: Q(submission__submitted_at__isnull=False) | Q(submission__state__in=HANDED_IN),
        _is_submitted,
    ),
    Rule(
        WorkState.DONE,
        lambda now: Q(done_at__isnull=False),
        lambda assignment, now: assignment.done_at is not None,
    ),
    # Out of sight by the student's own word: neither owed nor done.
    Rule(
        WorkState.DISMISSED,
        lambda now: Q(dismissed_at__isnull=False),
        lambda assignment, now: assignment.dismissed_at is not None,
    ),
    Rule(
        WorkState.UNDATED,
        lambda now: Q(due_at__isnull=True),
        lambda assignment, now: assignment.due_at is None,
    ),
    Rule(
        WorkState.UPCOMING,
        lambda now: Q(due_at__gte=now),
        lambda assignment, now: assignment.due_at is not None and assignment.due_at >= now,
    ),
    Rule(
        WorkState.PAST,
        lambda now: ~Q(source="") & ~Q(submission_types=[]) & Q(submission_types__contained_by=NOT_SUBMITTABLE),
        _is_not_handed_in_online,
    ),
]


def is_owed() -> Q:
    """The rows' form of "nothing was handed in, and nothing settled it": neither excused, graded nor submitted."""
    return Q(submission__isnull=True) | Q(
        Q(submission__missing=True) | ~Q(submission__state="graded"),
        ~Q(submission__state__in=HANDED_IN),
        submission__excused=False,
        submission__submitted_at__isnull=True,
    )


def is_settled_by_source() -> Q:
    """The rows' form of "graded or submitted"."""
    return Q(
        Q(submission__submitted_at__isnull=False)
        | Q(submission__state__in=HANDED_IN)
        | Q(submission__state="graded", submission__missing=False),
        submission__excused=False,
    )


def waits_for_grade() -> Q:
    """The rows' form of "handed in, and not graded yet"."""
    handed_in = Q(submission__submitted_at__isnull=False) | Q(submission__state__in=HANDED_IN)
    return Q(handed_in, ~Q(submission__state="graded"), submission__excused=False)


def can_be_late() -> Q:
    """The rows' form of "something has to arrive": what is handed in on paper, or nowhere, is never overdue."""
    return Q(source="") | Q(submission_types=[]) | ~Q(submission_types__contained_by=NOT_SUBMITTABLE)


def state_of_rows(now: datetime) -> Case:
    """Give the state of every assignment of a query, as an expression to annotate it with."""
    whens = [When(rule.rows(now), then=Value(rule.state.value)) for rule in RULES]
    return Case(*whens, default=Value(WorkState.OVERDUE.value), output_field=models.CharField(max_length=16))


def state_of(assignment: Assignment, now: datetime) -> WorkState:
    """Give the state of one assignment; reads its submission, which lists should have joined."""
    return next((rule.state for rule in RULES if rule.one(assignment, now)), WorkState.OVERDUE)
