"""The pages of a student with 40 courses, 3,000 assignments and 10,000 events, against a floor page.

The floor is the least that a page of this project costs: the base template, the session, a joined query and its fifty
rows, registered only here. A page counts with the card requests it makes. For each page, by its key:

- `KEY`: seconds that one request costs while 32 read at once, of the page and its cards, at a real granian with the
  production's number of threads; ours and the floor in turn. Aim: at most 2 times the floor.
- `KEY_queries` (at most 25, all requests together), `KEY_queries_in_one_request` (at most 15), and both
  `..._at_ten_times` the rows, against those before (the same numbers).
- `KEY_cpu`: this process's own work for one reader, against the floor page's. Of a page with cards also `KEY_p50` and
  `KEY_p95`, the page alone, and `KEY_whole_p50` and `KEY_whole_p95`, with its cards, and the aims as their floor.
- `KEY_html`: its compressed size, against the floor page's; the month of the calendar has 60 KiB as its floor.

`--only dashboard,planner` measures some of them, and `--quick` leaves out ten times the rows and the 32 readers.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import running
from bench.harness import Figure, alternate, report

COURSES, ASSIGNMENTS, EVENTS = 40, 3_000, 10_000
RUNS, READERS, LOADS, EACH = 7, 32, 3, 40
TIMED = 30
FLOOR = "/bench/floor/"
MOST_QUERIES, MOST_IN_ONE, P50_S, P95_S, MONTH_KIB = 25, 15, 0.040, 0.080, 60.0
PAGES = {
    "dashboard": "/",
    "planner": "/planner/",
    "planner_board": "/planner/?view=board",
    "planner_week": "/planner/?view=week",
    "calendar": "/calendar/",
    "calendar_week": "/calendar/?view=week",
    "calendar_agenda": "/calendar/?view=agenda",
    "workload": "/planner/workload/",
    "plan": "/planner/plan/",
    "courses": "/courses/",
    "course": "/courses/{course}/",
    "course_map": "/courses/{course}/map/",
    "courses_map": "/courses/map/",
    "assignments": "/assignments/",
    "grades": "/grades/",
    "course_grades": "/courses/{course}/grades/",
    "announcements": "/courses/announcements/",
    "changes": "/courses/changes/",
    "notifications": "/notifications/",
    "search": "/search/?q=scheduling",
    "vault": "/vault/",
    "reminders": "/settings/reminders/",
    "reminder_list": "/reminders/",
    "digest": "/settings/reminders/digests/daily/",
    "assignment": "/assignments/{assignment}/",
    "course_assignments": "/courses/{course}/assignments/",
    "task": "/planner/tasks/{task}/",
    "task_form": "/planner/tasks/{task}/edit/",
    "event": "/calendar/events/{event}/",
    "event_form": "/calendar/events/new/",
    "plan_form": "/planner/plan/by-hand/?work=task:{task}",
    "worked": "/planner/plan/worked/",
    "import": "/courses/import/?course={course}",
    "archive": "/courses/archive/",
    "agent": "/agents/summarizer/?course={course}",
}
_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_CARD = re.compile(r'hx-get="([^"]+)" hx-trigger="(?:load|revealed)"')


def main() -> None:
    options = argparse.ArgumentParser(description="Measure the pages.")
    options.add_argument("--only", default="", help="keys of pages, with commas")
    options.add_argument("--quick", action="store_true", help="one reader and the counts of the first rows only")
    given = options.parse_args()
    with running.folder_for_servers() as var:
        os.environ |= {"VAR_DIR": str(var), "ENVIRONMENT": "development", "DEBUG": "false"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "coreengine.settings.dev"
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        _measure(var, set(filter(None, given.only.split(","))), given.quick)


def _measure(var: Path, only: set[str], is_quick: bool) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from bench import pages_data
    from coreengine.accounts.models import User
    from coreengine.kernel import embedded

    settings.ROOT_URLCONF = "bench.pages_urls"
    settings.TEMPLATES[0]["DIRS"] = [*settings.TEMPLATES[0]["DIRS"], running.ROOT / "bench" / "templates"]
    figures: dict[str, Figure] = {}
    try:
        call_command("prepare", stdout=sys.stderr)
        student = User.objects.get(email="student@example.edu")
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(student)
        course = pages_data.fill(student, courses=COURSES, assignments=ASSIGNMENTS, events=EVENTS)
        import_module("coreengine.wsgi")  # as the server does, it keeps the collector from what stays for good
        pages = {key: path for key, path in _pages(course).items() if not only or key in only}
        _say(f"{len(pages)} pages")
        first = {key: _queries(client, path) for key, path in pages.items()}
        figures |= _sizes(client, pages)
        figures |= _one_reader(client, pages)
        _say("one reader is done")
        if not is_quick:
            figures |= _many_readers(client, pages)
            _say("32 readers are done")
        figures["grades_of_40_courses"] = Figure(pages_data.grade_time_s(student), 0.05)
        # After the pages, which are those of 3,000 assignments.
        figures["import_2000_assignments"] = Figure(pages_data.import_time_s(student, 2_000), 5.0)
        if not is_quick:
            pages_data.fill(student, courses=0, assignments=9 * ASSIGNMENTS, events=9 * EVENTS)
            _say("there is ten times as much")
        for key, path in pages.items():
            together, most = first[key]
            figures[f"{key}_queries"] = Figure(together, MOST_QUERIES, "queries")
            figures[f"{key}_queries_in_one_request"] = Figure(most, MOST_IN_ONE, "queries")
            if not is_quick:
                later, later_most = _queries(client, path)
                figures[f"{key}_queries_at_ten_times"] = Figure(later, together, "queries")
                figures[f"{key}_queries_in_one_request_at_ten_times"] = Figure(later_most, most, "queries")
    finally:
        connection.close()
        embedded.stop(var)
    report("pages", figures)


_began = time.monotonic()


def _say(words: str) -> None:
    print(f"{time.monotonic() - _began:5.0f} s: {words}", file=sys.stderr, flush=True)


def _pages(course: int) -> dict[str, str]:
    """The addresses by key, with a key for every part of a course's page; pages of one thing are those of its first."""
    from bench import pages_data
    from courses.course_page.tabs import OVERVIEW, tabs

    parts = {
        f"course_{tab.key}_part": f"/courses/{{course}}/?part={tab.key}"
        for tab in tabs()
        if tab.template and tab.key != OVERVIEW
    }
    ids = {"course": course, **pages_data.one_of_each(course)}
    return {key: path.format(**ids) for key, path in (PAGES | parts).items()}


def _reading(client: Any, path: str) -> list[str]:
    """What a browser asks for when it opens a page: the page and its cards."""
    text = _get(client, path)
    return [path, *dict.fromkeys(found.replace("&amp;", "&") for found in _CARD.findall(text))]


def _headers(path: str) -> dict[str, str]:
    return {"HX-Request": "true"} if path.startswith("/dashboard/cards/") else {}


def _get(client: Any, path: str) -> str:
    answer = client.get(path, headers=_headers(path))
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return str(answer.content.decode())


def _queries(client: Any, path: str) -> tuple[int, int]:
    """Queries of a page with its cards together, and the most in one request; what is kept is kept by then.

    What begins and ends a transaction asks for nothing, and does not count.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for asked in _reading(client, path):
        _get(client, asked)
        with CaptureQueriesContext(connection) as seen:
            _get(client, asked)
        counts.append(sum(not query["sql"].startswith(_CONTROL) for query in seen))
    return sum(counts), max(counts)


def _sizes(client: Any, pages: dict[str, str]) -> dict[str, Figure]:
    sizes = {key: len(gzip.compress(_get(client, path).encode())) / 1024 for key, path in pages.items()}
    floor = len(gzip.compress(_get(client, FLOOR).encode())) / 1024
    return {
        f"{key}_html": Figure(size, MONTH_KIB if key == "calendar" else floor, "KiB") for key, size in sizes.items()
    }


def _one_reader(client: Any, pages: dict[str, str]) -> dict[str, Figure]:
    """Times of one reader; the limits of the dashboard stand as its floor."""
    figures = {}
    for key, path in pages.items():
        paths = _reading(client, path)
        figures[f"{key}_cpu"] = alternate(
            lambda path=path: _get(client, path),  # type: ignore[misc]
            lambda: _get(client, FLOOR),
            runs=RUNS,
            clock=time.process_time,
        )
        if len(paths) > 1:
            alone, whole = _times(client, [path]), _times(client, paths)
            figures[f"{key}_p50"] = Figure(_p50(alone), P50_S)
            figures[f"{key}_p95"] = Figure(_p95(alone), P95_S)
            figures[f"{key}_whole_p50"] = Figure(_p50(whole), P50_S)
            figures[f"{key}_whole_p95"] = Figure(_p95(whole), P95_S)
    return figures


_p50 = statistics.median


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _times(client: Any, paths: list[str]) -> list[float]:
    times = []
    for _ in range(TIMED):
        began = time.perf_counter()
        for path in paths:
            _get(client, path)
        times.append(time.perf_counter() - began)
    return times


def _many_readers(client: Any, pages: dict[str, str]) -> dict[str, Figure]:
    """What one request costs while 32 read at once, ours and the floor in turn."""
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    figures = {}
    with _granian() as address:

        def load(paths: list[str]) -> float:
            return asyncio.run(_load(address, cookie, paths))

        load([FLOOR])
        for key, path in pages.items():
            paths = _reading(client, path)
            load(paths)
            ours, floor = [], []
            for _ in range(LOADS):
                ours.append(load(paths))
                floor.append(load([FLOOR]))
            figures[key] = Figure(statistics.median(ours), statistics.median(floor))
    return figures


async def _load(address: str, cookie: str, paths: list[str]) -> float:
    """Seconds that one request costs the server: the whole time by the number of requests."""
    import httpx

    waiting = [paths[at % len(paths)] for at in range(EACH)]
    headers = {"Cookie": cookie, "Host": "127.0.0.1"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as http:

        async def reader() -> None:
            while waiting:
                path = waiting.pop()
                answer = await http.get(path, headers=_headers(path))
                assert answer.status_code == 200, f"{path}: {answer.status_code}"

        count = len(waiting)
        began = time.perf_counter()
        await asyncio.gather(*(reader() for _ in range(READERS)))
        return (time.perf_counter() - began) / count


@contextmanager
def _granian() -> Iterator[str]:
    """The same server as `script/server` and production start, with the floor page."""
    import socket

    import httpx

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = f"-m granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 4"
    command = f"{command} --no-ws --log-level error bench.pages_wsgi:application"
    process = subprocess.Popen([sys.executable, *command.split()], cwd=running.ROOT, stdout=sys.stderr)
    try:
        for _ in range(300):
            try:
                httpx.get(f"{address}/health", timeout=2)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
