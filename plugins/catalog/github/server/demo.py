"""A student's repositories, to go with the semester of the demo university."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .hub import Hub
from .store import File

STUDENT = "mira-kaya"
COURSE = "cs3410-fall"
README = """# {name}

{words}

## Build

    make && make test
"""


def fill(hub: Hub, *, now: datetime | None = None) -> str:
    """Fill an empty hub with a student's term; their personal token."""
    now = now or datetime.now(UTC)
    hub.is_quiet = True
    token = hub.store.add_person(STUDENT)

    def ago(hours: float) -> datetime:
        return now - timedelta(hours=hours)

    lab = hub.store.add_repository(
        f"{COURSE}/lab-4-readers-writers",
        description="Lab 4: readers, writers and a barrier, in C with pthreads",
        language="C",
        topics=["concurrency", "pthreads"],
        is_private=True,
        administrators={STUDENT},
    )
    for hours, message in [
        (98, "Start from the course's template"),
        (52, "Readers may share the lock\n\nWriters still starve; the test shows it."),
        (27, "Let waiting writers go first"),
        (3, "Add the barrier, reusable\n\nTwo turnstiles, as in the lecture."),
    ]:
        hub.commit(lab, message, at=ago(hours))
    for name, conclusion, hours in [("build", "success", 2.8), ("tests", "failure", 2.7)]:
        run = hub.start_run(lab, name=name, at=ago(hours + 0.1))
        hub.move_run(lab, run, "completed", conclusion, at=ago(hours))
    hub.open_issue(lab, "The barrier hangs with more than 8 threads", at=ago(2.5), labels=["bug"])
    hub.open_issue(lab, "Say in the README how starvation is avoided", at=ago(40), labels=["documentation"])
    hub.open_issue(lab, "Reusable barrier", at=ago(20), is_pull=True, branch="barrier")

    index = hub.store.add_repository(
        f"{STUDENT}/b-plus-tree",
        description="A B+ tree index with range scans, for the databases course",
        language="Rust",
        topics=["database", "index"],
    )
    for hours, message in [(230, "Leaf pages and their links"), (120, "Split inner pages"), (30, "Range scans")]:
        hub.commit(index, message, at=ago(hours))
    run = hub.start_run(index, name="cargo test", at=ago(29.8))
    hub.move_run(index, run, "completed", "success", at=ago(29.7))
    merged = hub.open_issue(index, "Range scans", at=ago(60), is_pull=True, branch="scans")
    hub.close_issue(index, merged, at=ago(30), merged=True)

    tracer = hub.store.add_repository(
        f"{STUDENT}/ray-tracer",
        description="Spheres, planes and soft shadows",
        language="C++",
        topics=["graphics"],
    )
    for hours, message in [(300, "Spheres"), (190, "Shadows are soft now")]:
        hub.commit(tracer, message, at=ago(hours))
    hub.start_run(tracer, name="render", at=ago(0.1)).status = "in_progress"

    notes = hub.store.add_repository(f"{STUDENT}/lecture-notes", description="Notes, one file a week", language="")
    hub.commit(notes, "Week 11: virtual memory", at=ago(70))
    hub.store.add_repository(f"{STUDENT}/contest-bot", description="Nothing here yet", language="")
    for repository in (lab, index, tracer, notes):
        words = README.format(name=repository.name, words=repository.description)
        repository.files["README.md"] = File(words.encode())
        repository.files["src/main.c"] = File(b"int main(void) { return 0; }\n")
    hub.is_quiet = False
    return token
