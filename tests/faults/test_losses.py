"""Workers killed, Redis emptied, Redis gone: what was begun is finished, each effect once."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from coreengine.kernel.waiting import wait_until
from plugins.models import Connection
from tests.faults.student import Student, assert_problem, ended, execution_id
from tests.faults.system import WORKERS, System
from workflows.engine.store import Patience
from workflows.models import Execution

Measured = Callable[[str, float], None]
LEASE_S = int(Patience().lease_s)
HINT_AGAIN_AFTER_S = int(Patience().hint_again_after_s)
SWEEP_S = 5
ROOM_S = 35
"""What a busy machine may add: the start of processes, the work itself."""


def in_the_middle(student: Student, execution: Execution) -> None:
    """Wait until some courses are in, and others are being read."""
    steps = execution.steps.all()
    wait_until(
        lambda: (
            steps.filter(name="import_assignments", status="completed").exists()
            and steps.filter(name="get_assignments", status="running").exists()
        ),
        timeout_s=40,
        interval_s=0.02,
        what="the middle of the sync",
    )


def test_workers_killed_in_the_middle_lose_nothing_and_do_nothing_twice(
    system: System, student: Student, measured: Measured
) -> None:
    connection = student.connected()
    system.university.fault(delay_s=0.4)
    execution = student.start_sync(connection)
    in_the_middle(student, execution)
    system.kill(*WORKERS)
    system.university.fault(delay_s=0)
    at = time.monotonic()
    assert student.read_api(f"/executions/{execution.pk}/")["status"] == "running"
    assert "running" in student.read_page(execution.get_absolute_url())
    assert student.start_sync(connection).pk == execution.pk  # asked for again meanwhile: still the same
    lost = set(execution.steps.filter(status="running", name="get_assignments").values_list("path", flat=True))
    assert lost
    system.start(*WORKERS)
    ended(execution, timeout_s=LEASE_S + 2 * SWEEP_S + ROOM_S)
    measured("both workers killed, to the end of the sync", time.monotonic() - at)
    assert (execution.status, execution.error_message) == ("completed", "")
    attempts = dict(execution.steps.filter(path__in=lost).values_list("path", "attempt"))
    assert set(attempts.values()) == {2}, attempts
    student.assert_nothing_lost_or_doubled()
    assert student.sync(connection).status == "completed"
    student.assert_nothing_lost_or_doubled()


def test_children_of_the_workers_killed_in_the_middle_are_replaced(
    system: System, student: Student, measured: Measured
) -> None:
    connection = student.connected()
    system.university.fault(delay_s=0.4)
    execution = student.start_sync(connection)
    in_the_middle(student, execution)
    at = time.monotonic()
    for name in WORKERS:  # the processes of one, the sandboxed plugins of the other
        for child in psutil.Process(system.running[name].pid).children(recursive=True):
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
    ended(execution, timeout_s=LEASE_S + 2 * SWEEP_S + ROOM_S)
    measured("children killed, to the end of the sync", time.monotonic() - at)
    assert (execution.status, execution.error_message) == ("completed", "")
    student.assert_nothing_lost_or_doubled()


def test_redis_emptied_while_a_hint_waits_in_it_loses_only_time(
    system: System, student: Student, measured: Measured
) -> None:
    connection = student.connected()
    system.kill("plugin-worker")  # so that the message stays in its queue
    execution = student.start_sync(connection)
    wait_until(lambda: system.redis.llen("plugins"), timeout_s=20, what="the first hint")
    system.redis.flushall()
    system.start("plugin-worker")
    at = time.monotonic()
    ended(execution, timeout_s=HINT_AGAIN_AFTER_S + 2 * SWEEP_S + ROOM_S)
    measured("Redis emptied with a hint in it, to the end of the sync", time.monotonic() - at)
    assert (execution.status, execution.error_message) == ("completed", "")
    student.assert_nothing_lost_or_doubled()


def test_redis_emptied_again_and_again_while_workers_work_loses_only_time(
    system: System, student: Student, measured: Measured
) -> None:
    connection = student.connected()
    system.university.fault(delay_s=0.3)
    execution = student.start_sync(connection)
    in_the_middle(student, execution)
    at = time.monotonic()
    for done in range(1, 4):
        system.redis.flushall()
        wait_until(lambda least=done: _read_courses(execution) > least or not _open(execution), timeout_s=40)
    ended(execution, timeout_s=3 * (HINT_AGAIN_AFTER_S + 2 * SWEEP_S) + ROOM_S)
    measured("Redis emptied three times, to the end of the sync", time.monotonic() - at)
    assert (execution.status, execution.error_message) == ("completed", "")
    student.assert_nothing_lost_or_doubled()
    assert student.sync(connection).status == "completed"


def _read_courses(execution: Execution) -> int:
    return execution.steps.filter(name="get_assignments", status="completed").count()


def _open(execution: Execution) -> bool:
    execution.refresh_from_db()
    return execution.is_open


def test_while_redis_is_away_doors_stay_open_and_what_was_asked_is_done_when_it_is_back_empty(
    system: System, student: Student, new_student: Callable[[], Student], measured: Measured
) -> None:
    connection = student.connected()
    other = new_student()
    others = other.connected()
    system.university.fault(delay_s=0.4)
    execution = student.start_sync(connection)
    in_the_middle(student, execution)
    system.kill("redis")
    try:
        # Pages and API answer, and take what they are asked for.
        for path in ("/", "/settings/plugins/", f"/connections/{connection.pk}/", execution.get_absolute_url()):
            student.read_page(path)
        assert student.read_api(f"/executions/{execution.pk}/")["status"] in {"running", "completed"}
        ready = student.page.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["redis"]["ok"] is False
        began = time.monotonic()
        answer = other.page.post(f"/connections/{others.pk}/sync/")
        assert answer.status_code == 302, answer.text[:600]
        asked = Execution.objects.get(pk=execution_id(answer.headers["location"]))
        assert time.monotonic() - began < 5
        check = other.api.post(f"/connections/{others.pk}/test/")
        assert check.status_code == 202, check.text
    finally:
        system.start("redis")
        at = time.monotonic()
    for run in (execution, asked):
        ended(run, timeout_s=LEASE_S + 2 * HINT_AGAIN_AFTER_S + 2 * SWEEP_S + ROOM_S)
        assert (run.status, run.error_message) == ("completed", "")
    measured("Redis back and empty, to the end of both syncs", time.monotonic() - at)
    wait_until(lambda: Connection.objects.get(pk=others.pk).health == "healthy", timeout_s=60, what="the check")
    system.wait_ready()
    measured("Redis back and empty, to a check made again and readiness", time.monotonic() - at)
    student.assert_nothing_lost_or_doubled()
    other.assert_nothing_lost_or_doubled()


def test_a_connection_whose_check_lost_its_worker_says_so_and_can_be_checked_again(
    system: System, student: Student
) -> None:
    connection = student.connected()
    system.university.fault(delay_s=30)
    answer = student.api.post(f"/connections/{connection.pk}/test/")
    assert answer.status_code == 202
    assert "Checking the connection" in student.read_page(f"/connections/{connection.pk}/")
    system.kill("plugin-worker")
    system.university.reset()
    system.start("plugin-worker")
    again = student.api.post(f"/connections/{connection.pk}/test/")
    assert again.status_code in {200, 202}
    wait_until(lambda: Connection.objects.get(pk=connection.pk).health == "healthy", timeout_s=40, what="the check")
    assert_problem(student.api.get("/connections/999999999/"), 404)
