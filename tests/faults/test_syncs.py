"""Syncs that meet a course that vanished, each other, or a student who has second thoughts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from coreengine.kernel.models import Event
from coreengine.kernel.waiting import wait_until
from courses.models import Assignment, Course
from plugins.models import ActionCall
from tests.faults.student import Student, assert_problem, ended, execution_id
from tests.faults.system import System
from workflows.models import Execution

GONE = 4103


def test_a_course_that_vanishes_between_list_and_read_is_told_and_stops_no_other(
    system: System, student: Student
) -> None:
    connection = student.connected()
    system.university.fault(drop_courses=[GONE])
    execution = student.sync(connection)
    assert execution.status == "completed"
    assert student.counts()[0] == 6
    assert student.counts()[1] < 60
    note = student.told()[-1]
    assert note.priority == "high"
    assert "1 course could not be read" in note.content
    errors = set(execution.steps.filter(status="failed").values_list("error", flat=True))
    page = student.read_page(execution.get_absolute_url())
    assert errors and all(error in page for error in errors)
    steps = student.read_api(f"/executions/{execution.pk}/steps/?page_size=100")["results"]
    assert errors <= {step["error"] for step in steps}
    assert student.read_api(f"/connections/{connection.pk}/")["health"] == "healthy"
    system.university.reset()
    assert student.sync(connection).status == "completed"
    student.assert_nothing_lost_or_doubled()


def test_a_course_that_vanishes_from_the_list_is_marked_and_kept_until_it_is_back(
    system: System, student: Student
) -> None:
    connection = student.connected()
    student.sync(connection)
    before = set(Assignment.objects.filter(owner=student.user).values_list("pk", flat=True))
    course = Course.objects.get(owner=student.user, external_id=str(GONE))
    system.university.change("vanish_course", course_id=GONE)
    assert student.sync(connection).status == "completed"
    assert student.read_api(f"/courses/{course.pk}/")["missing_since"]
    assert "no longer" in student.read_page(course.get_absolute_url())
    student.assert_nothing_lost_or_doubled()
    system.university.reset()
    assert student.sync(connection).status == "completed"
    assert student.read_api(f"/courses/{course.pk}/")["missing_since"] is None
    assert "no longer" not in student.read_page(course.get_absolute_url())
    assert set(Assignment.objects.filter(owner=student.user).values_list("pk", flat=True)) == before
    student.assert_nothing_lost_or_doubled()


def test_started_many_times_at_once_at_both_doors_it_runs_once_and_all_are_led_to_it(
    system: System, student: Student
) -> None:
    connection = student.connected()
    system.university.fault(delay_s=0.3)
    together = threading.Barrier(6)

    def press(number: int) -> httpx.Response:
        together.wait()
        if number % 2:
            return student.page.post(f"/connections/{connection.pk}/sync/")
        return student.api.post(f"/connections/{connection.pk}/sync/")

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(press, range(6)))
    assert {answer.status_code for answer in answers} == {302, 202}, [answer.text[:300] for answer in answers]
    urls = {answer.headers["location"] for answer in answers}
    execution = Execution.objects.get(owner=student.user)
    assert urls == {execution.get_absolute_url()}

    again = student.api.post(f"/workflows/{execution.workflow_id}/executions/", json={})
    assert (again.status_code, again.json()["id"], again.json()["is_reused"]) == (200, execution.pk, True)
    page = student.page.post(f"/workflows/{execution.workflow_id}/start/", data={"connection": connection.pk})
    assert page.headers["location"] == execution.get_absolute_url()
    assert "under way already" in student.read_page(execution.get_absolute_url())
    assert ended(execution).status == "completed"
    student.assert_nothing_lost_or_doubled()
    assert student.sync(connection).pk != execution.pk


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_sync_cancelled_in_the_middle_stops_at_once_and_the_next_one_brings_the_rest(
    system: System, student: Student, door: str
) -> None:
    connection = student.connected()
    system.university.fault(delay_s=0.5)
    execution = student.start_sync(connection)
    steps = execution.steps.filter(name="get_assignments")
    wait_until(lambda: steps.filter(status="running").exists(), timeout_s=30, what="a step that runs")
    if door == "page":
        answer = student.page.post(f"/executions/{execution.pk}/cancel/")
        assert (answer.status_code, execution_id(answer.headers["location"])) == (302, execution.pk)
    else:
        assert student.api.post(f"/executions/{execution.pk}/cancel/").status_code == 200
    seen = student.read_api(f"/executions/{execution.pk}/")
    assert seen["status"] == "cancelled"
    assert "cancelled" in student.read_page(execution.get_absolute_url())
    counts = student.counts()
    again = student.api.post(f"/executions/{execution.pk}/cancel/")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")  # twice is harmless

    calls = ActionCall.objects.filter(connection=connection, finished_at=None)
    wait_until(lambda: not calls.exists(), timeout_s=30, what="the calls that were under way")
    log = Event.objects.filter(subject_type="workflows.execution", subject_id=str(execution.pk)).order_by("sequence")
    assert log.last().type == "workflow.execution.cancelled"  # what came late was refused
    assert student.counts() == counts
    assert not student.told()

    system.university.reset()
    assert student.sync(connection).status == "completed"
    student.assert_nothing_lost_or_doubled()
    done = Execution.objects.filter(owner=student.user, status="completed").get()
    assert_problem(student.api.post(f"/executions/{done.pk}/cancel/"), 409)
    assert student.page.post(f"/executions/{done.pk}/cancel/").status_code == 409
