"""A first sync of 50 courses and 2,000 assignments by a running server, every plugin call in a container of its own.

The demo university is enlarged to that; the floor fetches the same pages over HTTP and throws them away. The memory
of every container is looked up while it lives: beyond the manifest's limit the kernel would end it and the sync fail.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench import running
from bench.harness import Figure
from bench.sync import connect, fetch, sync

COURSES, ASSIGNMENTS = 50, 2_000
LIMIT_BYTES = 128 * 2**20


def measure(courses: int = COURSES, assignments: int = ASSIGNMENTS, runs: int = 1) -> Figure:
    """Seconds of the sync, against those of fetching; medians where there are several runs, in turn."""
    from plugins.demo_university.testing import DOMAIN, running_university

    ours, floor = [], []
    with running_university() as university, running.folder_for_servers() as var:
        enlarge(university.semester, courses, assignments)
        server = running.start(var, PLUGIN_SANDBOX="docker", GATEWAY_HOSTS=f"{DOMAIN}={university.url}")
        try:
            secret = server.manage("api_token", "student@example.edu")
            headers = {"Authorization": f"Bearer {secret}"}
            with (
                httpx.Client(base_url=server.address, headers=headers, timeout=30) as api,
                httpx.Client(base_url=university.url, headers=university.headers, timeout=30) as canvas,
                watched_memory() as most,
            ):
                for _ in range(runs):
                    connection = connect(api, DOMAIN, university.token)
                    ours.append(_timed(lambda connection=connection: sync(api, connection)))
                    floor.append(_timed(lambda: fetch(canvas)))
                found = api.get("/api/v1/assignments/").raise_for_status().json()
                assert found["results"], "nothing was brought in"
        finally:
            running.stop(server)
    print(f"memory of a container at most {most[0] / 2**20:.0f} MiB of {LIMIT_BYTES / 2**20:.0f}", file=sys.stderr)
    assert most[0] <= LIMIT_BYTES
    middle = len(ours) // 2
    return Figure(sorted(ours)[middle], sorted(floor)[middle])


def enlarge(semester: Any, courses: int, assignments: int) -> None:
    """Fill a semester with copies of its courses, all with ids of their own."""
    originals, each = list(semester.courses), assignments // courses
    semester.courses[:] = [_copy(originals[number % len(originals)], number, each) for number in range(courses)]


def _copy(original: Any, number: int, count: int) -> Any:
    course, shift = copy.deepcopy(original), (number + 1) * 100_000_000
    course.id += shift
    course.name = f"{course.name} {number + 1}"
    course.modules, course.pages, course.files = [], [], []
    course.announcements = course.announcements[:1]
    for thing in (*course.groups, *course.announcements):
        thing.id += shift
    given = course.assignments
    course.assignments = [
        dataclasses.replace(
            given[place % len(given)],
            id=given[place % len(given)].id + shift + place * 10_000_000_000,
            position=place + 1,
            submission=copy.copy(given[place % len(given)].submission),
        )
        for place in range(count)
    ]
    return course


@contextmanager
def watched_memory() -> Iterator[list[int]]:
    """Note the most memory that any container had, by the kernel's own marks (control groups of either version)."""
    most, over = [0], threading.Event()
    patterns = (
        "memory/docker/*/memory.max_usage_in_bytes",
        "docker/*/memory.peak",
        "system.slice/docker-*.scope/memory.peak",
    )

    def watch() -> None:
        while not over.wait(0.1):
            for pattern in patterns:
                for file in Path("/sys/fs/cgroup").glob(pattern):
                    try:
                        most[0] = max(most[0], int(file.read_text()))
                    except (OSError, ValueError):
                        continue  # it ended meanwhile

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def _timed(thing: Any) -> float:
    began = time.perf_counter()
    thing()
    return time.perf_counter() - began


if __name__ == "__main__":
    from bench.harness import report

    report("sandbox", {"sync": measure()})
