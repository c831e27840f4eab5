"""The plugin worker killed while its plugins are in containers: none stays, and what they did is done again, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from coreengine.kernel.waiting import wait_until
from plugins.sandbox.docker import docker_client, engine_answers
from plugins.sandbox.images import BASE_IMAGE
from plugins.sandbox.owners import OWNER_LABEL, started_ticks
from tests.faults.student import Student, ended
from tests.faults.system import System
from tests.faults.test_losses import LEASE_S, ROOM_S, SWEEP_S, in_the_middle

pytestmark = pytest.mark.docker
IN_DOCKER = {"PLUGIN_SANDBOX": "docker", "PLUGIN_POOL_SIZE": "3", "PLUGIN_POOL_TOTAL": "6"}


@pytest.fixture
def in_docker(system: System) -> Iterator[System]:
    """The system with its plugins in containers, for one test."""
    if not engine_answers() or not docker_client().images.list(BASE_IMAGE):
        pytest.skip(f"needs a Docker engine with the image {BASE_IMAGE} (script/base-image)")
    before = dict(system.environment)
    system.kill("plugin-worker")
    system.environment.update(IN_DOCKER)
    system.start("plugin-worker")
    try:
        system.wait_ready()
        yield system
    finally:
        system.kill("plugin-worker")
        system.environment.clear()
        system.environment.update(before)
        system.start("plugin-worker")
        system.wait_ready()


def test_a_worker_killed_with_its_containers_alive_leaves_none_and_loses_nothing(
    in_docker: System, student: Student, measured: Callable[[str, float], None]
) -> None:
    system = in_docker
    connection = student.connected()
    system.university.fault(delay_s=0.4)
    execution = student.start_sync(connection)
    in_the_middle(student, execution)
    worker = system.running["plugin-worker"].pid
    label = f"{OWNER_LABEL}={worker}:{started_ticks(worker)}"
    assert containers(label)
    system.kill("plugin-worker")
    system.university.fault(delay_s=0)
    at = time.monotonic()
    lost = set(execution.steps.filter(status="running", name="get_assignments").values_list("path", flat=True))
    assert lost

    system.start("plugin-worker")

    wait_until(lambda: not containers(label), timeout_s=120, what="the end of the killed worker's containers")
    measured("plugin worker killed, to the end of its containers", time.monotonic() - at)
    ended(execution, timeout_s=LEASE_S + 2 * SWEEP_S + ROOM_S)
    assert (execution.status, execution.error_message) == ("completed", "")
    attempts = dict(execution.steps.filter(path__in=lost).values_list("path", "attempt"))
    assert set(attempts.values()) == {2}, attempts
    student.assert_nothing_lost_or_doubled()


def containers(label: str) -> list[str]:
    return [row["Id"] for row in docker_client().api.containers(all=True, filters={"label": [label]})]
