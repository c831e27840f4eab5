"""The first sync of the demo university (6 courses, 60 assignments) by a running server, in a sandbox.

Counted from the request that starts it to the moment the execution has ended. The floor fetches the same courses,
assignments and announcements from the university over HTTP, one page after the other, and throws them away.
PLUGIN_SANDBOX chooses the sandbox (process unless set).
"""

import os
import time
from typing import Any

import httpx

from bench import running
from bench.harness import alternate, report

LIMIT_S = 300
CODES_AT_ONCE = 10
"""Canvas refuses to look at the announcements of more courses at once."""
ENDED = {"completed", "failed", "cancelled"}


def main() -> None:
    from plugins.demo_university.testing import DOMAIN, running_university

    sandbox = os.environ.get("PLUGIN_SANDBOX") or "process"
    with running_university() as university, running.folder_for_servers() as var:
        server = running.start(var, PLUGIN_SANDBOX=sandbox, GATEWAY_HOSTS=f"{DOMAIN}={university.url}")
        try:
            secret = server.manage("api_token", "student@example.edu")
            headers = {"Authorization": f"Bearer {secret}"}
            with (
                httpx.Client(base_url=server.address, headers=headers, timeout=30) as api,
                httpx.Client(base_url=university.url, headers=university.headers, timeout=30) as canvas,
            ):
                connections = iter([connect(api, DOMAIN, university.token) for _ in range(6)])
                sync(api, next(connections))  # warms pools and caches, as any first request does
                figure = alternate(lambda: sync(api, next(connections)), lambda: fetch(canvas))
        finally:
            running.stop(server)
    report("sync", {f"first_sync_{sandbox}": figure})


def connect(api: httpx.Client, domain: str, token: str) -> int:
    """A connection of its own for each run: everything is new to it."""
    body = {"plugin": "canvas-integration", "configuration": {"canvas_domain": domain}, "token": token}
    connection: dict[str, Any] = api.post("/api/v1/connections/", json=body).raise_for_status().json()
    until(lambda: api.get(f"/api/v1/connections/{connection['id']}/").json()["confirmed_at"], "the connection")
    return int(connection["id"])


def sync(api: httpx.Client, connection: int) -> None:
    url = api.post(f"/api/v1/connections/{connection}/sync/").raise_for_status().json()["url"]
    execution = f"/api/v1/executions/{url.rstrip('/').rpartition('/')[2]}/"
    until(lambda: api.get(execution).raise_for_status().json()["status"] in ENDED, "the sync")
    ended = api.get(execution).json()
    assert ended["status"] == "completed", ended["error_message"]


def fetch(canvas: httpx.Client) -> None:
    courses = pages(canvas, "/api/v1/courses?include[]=term&include[]=total_scores&per_page=100")
    for course in courses:
        pages(canvas, f"/api/v1/courses/{course['id']}/assignments?include[]=submission&per_page=100")
    for start in range(0, len(courses), CODES_AT_ONCE):
        codes = "&".join(f"context_codes[]=course_{course['id']}" for course in courses[start : start + CODES_AT_ONCE])
        pages(canvas, f"/api/v1/announcements?{codes}&per_page=100")


def pages(canvas: httpx.Client, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while path:
        answer = canvas.get(path).raise_for_status()
        rows += answer.json()
        path = answer.links.get("next", {}).get("url", "")
    return rows


def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not end within {LIMIT_S} s")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
