"""Which section a piece of work stands in, against a second telling of the rule, and which of many are shown."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from courses.agenda_rows import BEHIND, FEW_SHOWN, MOST, SHOWN, read_rows
from courses.models import Assignment, Course, Submission
from courses.tests.factories import NOW, SOURCE, AssignmentFactory, CourseFactory, SubmissionFactory
from courses.work_state import HANDED_IN, WorkState

pytestmark = pytest.mark.django_db

TODAY = NOW.replace(hour=0, minute=0)
TOMORROW, MONDAY, AFTER_NEXT = (TODAY + timedelta(days=days) for days in (1, 7, 14))
LATELY = NOW - timedelta(days=14)
MOMENTS: dict[str, datetime] = {
    "now": NOW,
    "lately": LATELY,
    "today": TODAY,
    "tomorrow": TOMORROW,
    "monday": MONDAY,
    "after_next": AFTER_NEXT,
}
DUE_DAYS = (None, None, -30, -3, -0.1, 0, 0.2, 1, 3, 8, 20)


@pytest.fixture
def course(owner: Any) -> Course:
    return CourseFactory(owner=owner)


def shown(owner: Any) -> dict[str, list[str]]:
    """The names that each section shows."""
    found: dict[str, list[str]] = {}
    for row in read_rows(owner.pk, **MOMENTS):
        found.setdefault(row.section, []).append(row.work.name)
    return found


def section_of(work: Assignment) -> str | None:
    """Tell from the state of one object where the agenda has it."""
    due, state, submission = work.due_at, work.state_at(NOW), work.own_submission
    is_of_today = due is not None and TODAY <= due < TOMORROW
    if state == WorkState.GONE:
        settled = submission is not None and _is_settled(submission)
        was_lately = work.missing_since >= LATELY and (due is None or due >= LATELY)
        is_open = not settled and work.done_at is None and work.dismissed_at is None
        return "gone" if was_lately and is_open else None
    if state in (WorkState.GRADED, WorkState.SUBMITTED):
        waits = state == WorkState.SUBMITTED and work.grading_type != "not_graded"
        return "today" if is_of_today else "waiting" if waits else None
    if state == WorkState.DONE:
        return _ahead(due) if work.done_at >= TODAY or is_of_today else None
    if state in (WorkState.EXCUSED, WorkState.DISMISSED):
        return None
    if submission is not None and submission.missing:
        return "missing"
    if state == WorkState.UNDATED:
        return "later" if work.source == "" else None
    return "overdue" if state == WorkState.OVERDUE else _ahead(due) if state == WorkState.UPCOMING else None


def _is_settled(submission: Submission) -> bool:
    graded = submission.state == "graded" and not submission.missing
    return graded or submission.excused or submission.submitted_at is not None or submission.state in HANDED_IN


def _ahead(due: datetime | None) -> str:
    if due is None or due < TOMORROW:
        return "today"
    return "week" if due < MONDAY else "next" if due < AFTER_NEXT else "later"


def _random_work(course: Course, number: int, pick: random.Random) -> Assignment:
    """One piece of work in any state; in the order of `number` where several are due at once."""
    source = pick.choice(["", SOURCE, SOURCE])
    days = pick.choice(DUE_DAYS)
    work = AssignmentFactory(
        course=course,
        name=f"Work {number}",
        position=number,
        source=source,
        external_id=str(number) if source else "",
        due_at=None if days is None else NOW + timedelta(days=days),
        done_at=pick.choice([None, None, None, NOW, NOW - timedelta(days=3)]),
        dismissed_at=pick.choice([None, None, None, NOW]),
        missing_since=pick.choice([None] * 4 + [NOW - timedelta(days=1), NOW - timedelta(days=40)]),
        grading_type=pick.choice(["points", "points", "not_graded"]),
        submission_types=pick.choice([[], ["online_upload"], ["online_upload"], ["on_paper"], ["none", "not_graded"]]),
    )
    if pick.random() < 0.6:
        SubmissionFactory(
            assignment=work,
            state=pick.choice(Submission.State.values),
            submitted_at=pick.choice([None, None, NOW - timedelta(days=2)]),
            missing=pick.random() < 0.3,
            excused=pick.random() < 0.2,
        )
    return work


def test_each_piece_of_work_stands_in_the_section_that_its_state_says(owner: Any, course: Course) -> None:
    pick = random.Random(20261129)
    made = [_random_work(course, number, pick) for number in range(500)]
    wanted: dict[str, list[Assignment]] = {}
    for work in made:
        section = section_of(work)
        if section is not None:
            wanted.setdefault(section, []).append(work)

    rows = read_rows(owner.pk, **MOMENTS)

    assert {row.section: row.total for row in rows} == {section: len(works) for section, works in wanted.items()}
    assert set(wanted) == {*BEHIND, *MOST, "later"}, "the cases should reach every section"
    for section, works in wanted.items():
        is_behind = section in BEHIND
        # By time, and what has no date where it is furthest away.
        works.sort(key=lambda work: ((work.due_at is None) != is_behind, work.due_at or NOW, work.position))
        most = MOST.get(section, FEW_SHOWN)
        expected = works[-most:] if is_behind else works[:most]
        assert [row.work.name for row in rows if row.section == section] == [work.name for work in expected]


def test_what_the_source_calls_missing_stands_there_alone_though_it_is_still_ahead(owner: Any, course: Course) -> None:
    work = AssignmentFactory(course=course, name="Lab", imported=True, due_at=NOW + timedelta(days=2))
    SubmissionFactory(assignment=work, missing=True)

    assert shown(owner) == {"missing": ["Lab"]}


def test_what_was_handed_in_and_is_due_today_does_not_count_as_waiting(owner: Any, course: Course) -> None:
    for name, days in (("Of today", 0), ("Of last week", -7)):
        work = AssignmentFactory(course=course, name=name, imported=True, due_at=NOW + timedelta(days=days))
        SubmissionFactory(assignment=work, state="submitted", submitted_at=NOW - timedelta(days=8))

    assert shown(owner) == {"today": ["Of today"], "waiting": ["Of last week"]}
    assert {row.total for row in read_rows(owner.pk, **MOMENTS)} == {1}


def test_a_long_section_shows_its_first_ones_and_counts_all(owner: Any, course: Course) -> None:
    for minutes in range(SHOWN + 5):
        AssignmentFactory(course=course, name=str(minutes), due_at=NOW + timedelta(minutes=minutes + 1))

    rows = read_rows(owner.pk, **MOMENTS)

    assert [row.work.name for row in rows] == [str(minutes) for minutes in range(SHOWN)]
    assert {row.total for row in rows} == {SHOWN + 5}
