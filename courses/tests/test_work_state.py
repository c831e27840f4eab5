"""Where work stands: one rule with two forms, and submitted work is never overdue in either."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courses.models import Assignment, Course, Submission
from courses.tests.factories import NOW, SOURCE, AssignmentFactory, CourseFactory, SubmissionFactory, TermFactory
from courses.work_state import OUTSTANDING, WorkState

pytestmark = pytest.mark.django_db

PAST, SOON = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
TIME = st.sampled_from([None, PAST, NOW, SOON])
ASSIGNMENT = st.fixed_dictionaries(
    {
        "due_at": TIME,
        "done_at": TIME,
        "dismissed_at": st.sampled_from([None, None, PAST]),
        "missing_since": st.sampled_from([None, None, PAST]),
        "source": st.sampled_from(["", SOURCE]),
        "submission_types": st.sampled_from(
            [[], ["none"], ["online_upload"], ["on_paper", "online_quiz"], ["not_graded", "none"]]
        ),
    }
)
SUBMISSION = st.none() | st.fixed_dictionaries(
    {
        "state": st.sampled_from(Submission.State.values),
        "submitted_at": TIME,
        "missing": st.booleans(),
        "excused": st.booleans(),
        "late": st.booleans(),
        "score": st.sampled_from([None, 0.0, 37.0]),
    }
)


class TestTheRule:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(cases=st.lists(st.tuples(ASSIGNMENT, SUBMISSION), min_size=8, max_size=8))
    def test_rows_and_objects_agree_and_submitted_work_is_never_overdue(self, owner: Any, cases: list[Any]) -> None:
        Course.objects.all().delete()
        course = CourseFactory(owner=owner)
        for number, (fields, submission) in enumerate(cases):
            external_id = str(number) if fields["source"] else ""
            row = AssignmentFactory(course=course, external_id=external_id, **fields)
            if submission is not None:
                SubmissionFactory(assignment=row, **submission)

        overdue = set(Assignment.objects.overdue(NOW).values_list("pk", flat=True))
        outstanding = set(Assignment.objects.outstanding(NOW).values_list("pk", flat=True))
        for row in Assignment.objects.with_work_state(NOW).select_related("submission"):
            assert row.work_state == row.state_at(NOW)
            assert (row.pk in overdue) == row.is_overdue(NOW)
            assert not (row.pk in overdue and row.own_submission and row.own_submission.submitted_at)
            assert (row.pk in outstanding) == (row.state_at(NOW) in OUTSTANDING)

    @pytest.mark.parametrize(
        ("assignment", "submission", "expected"),
        [
            ({}, None, WorkState.OVERDUE),
            ({}, {"state": "unsubmitted"}, WorkState.OVERDUE),
            ({}, {"state": "submitted", "submitted_at": PAST, "late": True}, WorkState.SUBMITTED),
            ({}, {"state": "pending_review"}, WorkState.SUBMITTED),
            ({}, {"state": "graded", "score": 37}, WorkState.GRADED),
            ({}, {"state": "unsubmitted", "excused": True}, WorkState.EXCUSED),
            # A late policy's zero for work that never came: still owed.
            ({}, {"state": "graded", "score": 0, "missing": True}, WorkState.OVERDUE),
            ({"submission_types": ["on_paper"]}, None, WorkState.PAST),
            ({"submission_types": ["not_graded"]}, None, WorkState.PAST),
            ({"submission_types": ["on_paper"], "due_at": SOON}, None, WorkState.UPCOMING),
            ({"done_at": PAST}, None, WorkState.DONE),
            ({"dismissed_at": PAST}, None, WorkState.DISMISSED),
            ({"due_at": None}, None, WorkState.UNDATED),
            ({"due_at": NOW}, None, WorkState.UPCOMING),
            ({"missing_since": PAST}, None, WorkState.GONE),
        ],
    )
    def test_a_case_that_students_meet(self, assignment: Any, submission: Any, expected: WorkState) -> None:
        row = AssignmentFactory(imported=True, **{"due_at": PAST, **assignment})
        if submission is not None:
            SubmissionFactory(assignment=row, **submission)

        assert Assignment.objects.get(pk=row.pk).state_at(NOW) == expected
        assert Assignment.objects.overdue(NOW).exists() == (expected == WorkState.OVERDUE)
        assert Assignment.objects.outstanding(NOW).exists() == (expected in OUTSTANDING)


class TestCoursesThatAreOver:
    @pytest.mark.parametrize(
        ("fields", "term_ends", "concluded"),
        [
            ({}, None, False),
            ({"state": "completed"}, None, True),
            ({"ends_at": PAST}, None, True),
            ({"ends_at": SOON}, PAST, False),
            ({}, PAST, True),
            ({}, SOON, False),
            ({"missing_since": PAST}, None, True),
        ],
    )
    def test_rows_and_objects_agree(self, fields: Any, term_ends: Any, concluded: bool) -> None:
        course = CourseFactory(imported=True, **fields)
        if term_ends:
            course.term = TermFactory(owner=course.owner, ends_at=term_ends)
            course.save()
        work = AssignmentFactory(course=course)

        assert course.is_concluded(NOW) is concluded
        assert Course.objects.concluded(NOW).exists() is concluded
        assert Course.objects.active(NOW).exists() is not concluded
        assert Assignment.objects.in_active_courses(NOW).filter(pk=work.pk).exists() is not concluded

    def test_a_hidden_course_is_not_active(self) -> None:
        CourseFactory(is_hidden=True)

        assert not Course.objects.active(NOW).exists()
        assert Course.objects.hidden().exists()


class TestChoices:
    def test_unsubmitted_leaves_out_what_was_handed_in(self) -> None:
        plain = AssignmentFactory(imported=True)
        SubmissionFactory(state="submitted", submitted_at=PAST)

        assert list(Assignment.objects.unsubmitted()) == [plain]

    def test_due_between_includes_the_start_and_not_the_end(self) -> None:
        first = AssignmentFactory(due_at=PAST)
        AssignmentFactory(due_at=SOON)

        assert list(Assignment.objects.due_between(PAST, SOON)) == [first]

    def test_another_students_rows_are_not_visible(self, owner: Any, stranger: Any) -> None:
        row = AssignmentFactory(course=CourseFactory(owner=owner))

        assert list(Assignment.objects.visible_to(owner)) == [row]
        assert not Assignment.objects.visible_to(stranger).exists()
        assert not Course.objects.visible_to(stranger).exists()

    def test_what_is_deleted_is_visible_to_nobody_and_takes_its_work_along(self, owner: Any) -> None:
        course = CourseFactory(owner=owner, deleted_at=NOW)
        AssignmentFactory(course=course)

        assert not Assignment.objects.visible_to(owner).exists()
        assert list(Course.objects.restorable_by(owner)) == [course]

    def test_matching_finds_words_and_their_forms(self, owner: Any) -> None:
        found = AssignmentFactory(name="Lottery scheduling", notes="ask Tom")
        AssignmentFactory(name="Hashing")

        assert list(Assignment.objects.matching("schedules")) == [found]
        assert list(Assignment.objects.matching('"ask tom" -hashing')) == [found]
