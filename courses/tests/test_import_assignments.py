"""`assignments.import`: with groups and submissions, in few statements, safe to run twice and at once."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coreengine.kernel.actions import ActionContext, run_action
from coreengine.kernel.models import Event
from courses.errors import CourseNotImported
from courses.importing.assignments import import_assignments
from courses.importing.courses import import_courses
from courses.models import Assignment, AssignmentGroup, Course, Submission
from courses.tests.factories import (
    SOURCE,
    AssignmentFactory,
    UserFactory,
    assignment_record,
    course_record,
    submission_record,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(owner: Any) -> Course:
    import_courses(owner, source=SOURCE, courses=[course_record("101")], by=owner)
    return Course.objects.get()


@pytest.fixture
def run(owner: Any, course: Course) -> Any:
    context = ActionContext(owner=owner, actor=owner)
    return lambda *records: run_action(
        "assignments.import", context, {"source": SOURCE, "course_id": "101", "assignments": list(records)}
    )


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    return result["created"], result["changed"], result["unchanged"], result["missing"]


class TestImportingAssignments:
    def test_a_first_import_makes_assignments_groups_and_submissions(self, run: Any, course: Course) -> None:
        result = run(assignment_record("1"), assignment_record("2", group=None, submission=None))

        assert counts(result) == (2, 0, 0, 0)
        assert result["names"] == ["Problem set 1", "Problem set 2"]
        assert AssignmentGroup.objects.get().weight == 40
        assert Submission.objects.get().assignment.pk == result["ids"]["1"]
        assert set(course.assignments.values_list("owner", flat=True)) == {course.owner_id}

    def test_the_same_import_again_changes_nothing(self, run: Any) -> None:
        run(assignment_record("1"), assignment_record("2"))
        events = Event.objects.count()

        assert counts(run(assignment_record("1"), assignment_record("2"))) == (0, 0, 2, 0)
        assert Event.objects.count() == events

    def test_a_moved_due_date_is_written_and_told_with_both_dates(self, run: Any) -> None:
        run(assignment_record("1", due_at="2026-11-30T12:00:00Z"))

        assert counts(run(assignment_record("1", due_at="2026-11-25T12:00:00+01:00"))) == (0, 1, 0, 0)
        assert Assignment.objects.get().due_at == datetime(2026, 11, 25, 11, tzinfo=UTC)
        changes = Event.objects.get(type="assignment.updated").data["changes"]
        assert changes == {"due_at": ["2026-11-30T12:00:00Z", "2026-11-25T11:00:00Z"]}

    def test_a_grade_is_told_as_one(self, run: Any) -> None:
        run(assignment_record("1"))
        graded = submission_record(state="graded", submitted_at="2026-11-20T10:00:00Z", score=37, grade="37")

        assert counts(run(assignment_record("1", submission=graded))) == (0, 1, 0, 0)
        event = Event.objects.get(type="submission.graded")
        assert (event.data["score"], event.data["points_possible"]) == (37, 40)
        assert event.data["changes"]["score"] == [None, 37.0]

    def test_a_grade_that_comes_with_new_work_is_told_after_the_first_import(self, run: Any) -> None:
        graded = submission_record(state="graded", score=37)
        run(assignment_record("1", submission=graded))
        run(assignment_record("1", submission=graded), assignment_record("2", submission=graded))

        event = Event.objects.get(type="submission.graded")
        assert (event.data["name"], event.data["changes"]["score"]) == ("Problem set 2", [None, 37.0])

    def test_handing_in_is_told(self, run: Any) -> None:
        run(assignment_record("1"))

        run(
            assignment_record("1", submission=submission_record(state="submitted", submitted_at="2026-11-20T10:00:00Z"))
        )

        assert Event.objects.filter(type="submission.submitted").count() == 1

    def test_a_grade_that_is_not_posted_yet_is_no_news(self, run: Any) -> None:
        run(assignment_record("1"))

        run(assignment_record("1", submission=submission_record(state="graded", submitted_at=None)))

        assert not Event.objects.filter(type="submission.graded").exists()

    def test_a_vanished_assignment_is_marked_kept_and_healed(self, run: Any) -> None:
        run(assignment_record("1"), assignment_record("2"))

        assert counts(run(assignment_record("1"))) == (0, 0, 1, 1)
        assert Assignment.objects.get(external_id="2").missing_since is not None
        assert counts(run(assignment_record("1"), assignment_record("2"))) == (0, 1, 1, 0)
        assert Assignment.objects.get(external_id="2").missing_since is None

    def test_a_record_without_submission_leaves_the_known_one(self, run: Any) -> None:
        run(
            assignment_record("1", submission=submission_record(state="submitted", submitted_at="2026-11-20T10:00:00Z"))
        )

        run(assignment_record("1", submission=None))

        assert Submission.objects.get().state == "submitted"

    def test_what_the_student_wrote_stays(self, run: Any) -> None:
        run(assignment_record("1"))
        done_at = timezone.now()
        Assignment.objects.update(notes="ask Tom", done_at=done_at)

        run(assignment_record("1", name="New name", due_at=None))

        row = Assignment.objects.get()
        assert (row.name, row.notes, row.done_at) == ("New name", "ask Tom", done_at)

    def test_an_own_task_in_the_course_is_left_alone(self, run: Any, course: Course) -> None:
        own = AssignmentFactory(course=course)

        run(assignment_record("1"))

        own.refresh_from_db()
        assert own.missing_since is None

    def test_malformed_records_are_reported_and_the_others_are_imported(self, run: Any) -> None:
        result = run(
            assignment_record("1"),
            assignment_record("2", due_at="tomorrow"),
            assignment_record("3", points_possible=float("nan")),
            assignment_record("4", course_id="999"),
            None,
        )

        assert result["created"] == 1
        assert sorted(problem["id"] for problem in result["problems"]) == ["", "2", "3", "4"]

    def test_a_malformed_record_leaves_its_assignment_as_it_was(self, run: Any) -> None:
        run(assignment_record("1"))

        result = run(assignment_record("1", submission=submission_record(score="A")))

        assert counts(result) == (0, 0, 0, 0)
        assert Assignment.objects.get().missing_since is None

    def test_a_submission_state_of_the_future_is_read_by_its_times(self, run: Any) -> None:
        run(assignment_record("1", submission=submission_record(state="untaken", submitted_at="2026-11-20T10:00:00Z")))

        assert Submission.objects.get().state == "submitted"

    def test_an_unknown_course_is_refused_with_the_next_step(self, owner: Any) -> None:
        with pytest.raises(CourseNotImported, match="import the courses first"):
            import_assignments(owner, source=SOURCE, course_id="7", assignments=[], by=owner)

    def test_a_description_too_long_to_index_whole_is_imported(self, run: Any) -> None:
        words = " ".join(f"word{number}" for number in range(150_000))

        assert run(assignment_record("1", description_html=words))["created"] == 1

    def test_two_thousand_assignments_take_few_statements_and_seconds(
        self, run: Any, django_assert_max_num_queries: Any
    ) -> None:
        records = [assignment_record(str(number)) for number in range(2_000)]

        for expected, due in [((2_000, 0, 0, 0), "2026-12-01T00:00:00Z"), ((0, 2_000, 0, 0), "2026-12-02T00:00:00Z")]:
            # Processor time: other processes share the machine. The database's part is held by the statements.
            started = time.process_time()
            with django_assert_max_num_queries(40):
                result = run(*[{**record, "due_at": due} for record in records])
            assert counts(result) == expected
            assert time.process_time() - started < 5


TIMES = st.sampled_from([None, "", "2026-11-25T12:00:00Z", "2026-11-25T12:00:00", "2026-11-25T12:00:00-05:00"])
RECORDS = st.lists(
    st.builds(
        lambda id, name, due, score, state: assignment_record(
            id, name=name, due_at=due, submission=submission_record(state=state, score=score, submitted_at=due)
        ),
        st.sampled_from(["1", "2", "3", "4", " 5 ", ""]),
        st.text(max_size=300),
        TIMES,
        st.one_of(st.none(), st.floats(), st.integers(-5, 200), st.text(max_size=3)),
        st.sampled_from(["unsubmitted", "submitted", "graded", "pending_review", "odd", None]),
    ),
    max_size=8,
)


class TestImportingAnything:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(records=RECORDS)
    def test_whatever_comes_a_second_import_of_it_changes_nothing(self, run: Any, records: list[Any]) -> None:
        run(*records)

        result = run(*records)

        assert (result["created"], result["changed"], result["missing"]) == (0, 0, 0)


@pytest.mark.django_db(transaction=True)
class TestTwoImportsAtOnce:
    def test_both_succeed_and_nothing_is_there_twice(self) -> None:
        owner = UserFactory()
        outcomes: list[Any] = []
        barrier = threading.Barrier(2)

        def sync() -> None:
            try:
                barrier.wait(10)
                courses = import_courses(owner, source=SOURCE, courses=[course_record("101")], by=owner)
                records = [assignment_record(str(number)) for number in range(50)]
                work = import_assignments(owner, source=SOURCE, course_id="101", assignments=records, by=owner)
                outcomes.append((courses.created, work.created))
            except Exception as error:  # the test reports what a thread would swallow
                outcomes.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=sync) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert sorted(outcomes, key=str) == [(0, 0), (1, 50)] or sorted(outcomes, key=str) == [(0, 50), (1, 0)]
        assert (Course.objects.count(), Assignment.objects.count(), Submission.objects.count()) == (1, 50, 50)
        assert Event.objects.filter(type="assignment.created").count() == 50
