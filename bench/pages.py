"""The dashboard of a student with 6 courses and 60 assignments, for one reader: time and queries.

The floor is the page of notifications with nothing on it: the same session, person and frame, and no content.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import running
from bench.harness import Figure, alternate, report

COURSES, ASSIGNMENTS_EACH, RUNS = 6, 10, 40


def main() -> None:
    with running.folder_for_servers() as var:
        os.environ |= {"VAR_DIR": str(var), "ENVIRONMENT": "development", "DEBUG": "false"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "coreengine.settings.dev"
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        _measure()


def _measure() -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from coreengine.accounts.models import User
    from coreengine.kernel import embedded

    call_command("prepare")
    student = User.objects.get(email="student@example.edu")
    _fill(student)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(student)

    def get(path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            get(path)
        return len(seen)

    dashboard, floor = "/", "/notifications/"
    get(dashboard)
    get(floor)
    figures = {
        "dashboard_p50": alternate(lambda: get(dashboard), lambda: get(floor), runs=RUNS),
        "dashboard_cpu_p50": alternate(lambda: get(dashboard), lambda: get(floor), runs=RUNS, clock=time.process_time),
        "dashboard_queries": Figure(queries(dashboard), queries(floor), "queries"),
    }
    connection.close()
    embedded.stop(Path(os.environ["VAR_DIR"]))
    report("pages", figures)


def _fill(student: Any) -> None:
    """What a sync would have brought."""
    from coreengine.kernel.actions import ActionContext, run_action

    context = ActionContext(owner=student, actor=student)
    courses = [{"id": str(n), "name": f"Course {n}", "course_code": f"CS {100 + n}"} for n in range(COURSES)]
    run_action("courses.import", context, {"source": "connection:0", "courses": courses})
    now = datetime.now(UTC)
    for course in courses:
        assignments = [
            {
                "id": f"{course['id']}-{n}",
                "course_id": course["id"],
                "name": f"Assignment {n}",
                "due_at": (now + timedelta(days=3 * n - 8)).isoformat(),
                "points_possible": 10,
                "submission": {"state": "graded", "score": 9, "submitted_at": now.isoformat()} if n < 3 else None,
            }
            for n in range(ASSIGNMENTS_EACH)
        ]
        params = {"source": "connection:0", "course_id": course["id"], "assignments": assignments}
        run_action("assignments.import", context, params)


if __name__ == "__main__":
    main()
