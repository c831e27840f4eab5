"""The pages of a student with 40 courses, 3,000 assignments and 10,000 events, against a floor page.

The floor is the least that a page of this project costs: the base template, the session, a joined query and its fifty
rows, registered only here. Times of one reader are taken in this process; those of 32 readers at a real granian with
the production's number of threads, ours and the floor in turn. A page counts with the card requests it makes.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import running
from bench.harness import Figure, alternate, report

COURSES, ASSIGNMENTS, EVENTS = 40, 3_000, 10_000
RUNS, READERS, LOADS, EACH = 15, 32, 5, 64
FLOOR = "/bench/floor/"
MOST_QUERIES, MOST_IN_ONE, P50_S, P95_S = 25, 15, 0.040, 0.080
PAGES = [
    ("dashboard", "/"),
    ("courses", "/courses/"),
    ("course", "/courses/{course}/"),
    ("assignments", "/assignments/"),
    ("grades", "/grades/"),
    ("announcements", "/courses/announcements/"),
    ("changes", "/courses/changes/"),
    ("notifications", "/notifications/"),
    ("search", "/search/?q=scheduling"),
    ("vault", "/vault/"),
]
_CARD = re.compile(r'hx-get="(/dashboard/cards/[a-z-]+/)" hx-trigger="(?:load|revealed)"')


def main() -> None:
    with running.folder_for_servers() as var:
        os.environ |= {"VAR_DIR": str(var), "ENVIRONMENT": "development", "DEBUG": "false"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "coreengine.settings.dev"
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        _measure(var)


def _measure(var: Path) -> None:
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
    call_command("prepare", stdout=sys.stderr)
    student = User.objects.get(email="student@example.edu")
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(student)
    figures: dict[str, Figure] = {}

    course = pages_data.fill(student, courses=COURSES, assignments=ASSIGNMENTS, events=EVENTS)
    pages = [(key, path.format(course=course)) for key, path in PAGES]
    first = {key: _queries(client, path) for key, path in pages}
    figures |= _sizes(client, pages)
    figures |= _one_reader(client, pages)
    figures |= _many_readers(client, pages)
    figures["grades_of_40_courses"] = Figure(pages_data.grade_time_s(student), 0.05)
    figures["import_2000_assignments"] = Figure(pages_data.import_time_s(student, 2_000), 5.0)
    pages_data.fill(student, courses=0, assignments=9 * ASSIGNMENTS, events=9 * EVENTS)
    for key, path in pages:
        together, most = first[key]
        later, later_most = _queries(client, path)
        figures[f"{key}_queries"] = Figure(together, MOST_QUERIES, "queries")
        figures[f"{key}_queries_in_one_request"] = Figure(most, MOST_IN_ONE, "queries")
        figures[f"{key}_queries_at_ten_times"] = Figure(later, together, "queries")
        figures[f"{key}_queries_in_one_request_at_ten_times"] = Figure(later_most, most, "queries")
    connection.close()
    embedded.stop(var)
    report("pages", figures)


def _reading(client: Any, path: str) -> list[str]:
    """What a browser asks for when it opens a page: the page and its cards."""
    text = _get(client, path)
    return [path, *dict.fromkeys(_CARD.findall(text))]


def _get(client: Any, path: str) -> str:
    headers = {"HX-Request": "true"} if path.startswith("/dashboard/cards/") else {}
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    return str(answer.content.decode())


def _queries(client: Any, path: str) -> tuple[int, int]:
    """Queries of a page with its cards together, and the most in one request."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for asked in _reading(client, path):
        with CaptureQueriesContext(connection) as seen:
            _get(client, asked)
        counts.append(len(seen))
    return sum(counts), max(counts)


def _sizes(client: Any, pages: list[tuple[str, str]]) -> dict[str, Figure]:
    floor = len(gzip.compress(_get(client, FLOOR).encode())) / 1024
    return {
        f"{key}_html": Figure(len(gzip.compress(_get(client, path).encode())) / 1024, floor, "KiB")
        for key, path in pages
    }


def _one_reader(client: Any, pages: list[tuple[str, str]]) -> dict[str, Figure]:
    """Times of one reader; the limits of the dashboard stand as its floor."""
    figures = {}
    for key, path in pages:
        _get(client, path)
        figures[f"{key}_cpu_p50"] = alternate(
            lambda path=path: _get(client, path),  # type: ignore[misc]
            lambda: _get(client, FLOOR),
            runs=RUNS,
            clock=time.process_time,
        )
    times = []
    for _ in range(3 * RUNS):
        began = time.perf_counter()
        _get(client, "/")
        times.append(time.perf_counter() - began)
    figures["dashboard_p50"] = Figure(statistics.median(times), P50_S)
    figures["dashboard_p95"] = Figure(statistics.quantiles(times, n=20)[-1], P95_S)
    return figures


def _many_readers(client: Any, pages: list[tuple[str, str]]) -> dict[str, Figure]:
    """What one request costs while 32 read at once, ours and the floor in turn."""
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    figures = {}
    with _granian() as address:

        def load(paths: list[str]) -> float:
            return asyncio.run(_load(address, cookie, paths))

        load([FLOOR])
        for key, path in pages:
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

    waiting = [paths[at % len(paths)] for at in range(max(EACH, READERS * 2))]
    headers = {"Cookie": cookie, "Host": "127.0.0.1"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as http:

        async def reader() -> None:
            while waiting:
                path = waiting.pop()
                part = {"HX-Request": "true"} if path.startswith("/dashboard/cards/") else {}
                answer = await http.get(path, headers=part)
                assert answer.status_code == 200, f"{path}: {answer.status_code}"

        count = len(waiting)
        began = time.perf_counter()
        await asyncio.gather(*(reader() for _ in range(READERS)))
        return (time.perf_counter() - began) / count


@contextmanager
def _granian() -> Any:
    """The same server as `script/server` and production start, with the floor page."""
    import socket

    import httpx

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += [
        "--workers",
        "1",
        "--blocking-threads",
        "4",
        "--no-ws",
        "--log-level",
        "error",
        "bench.pages_wsgi:application",
    ]
    process = subprocess.Popen(command, cwd=running.ROOT, stdout=sys.stderr)
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    main()
