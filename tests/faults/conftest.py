"""One start of the whole product for the tests in this folder, on a database of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from plugins.demo_university.testing import RunningUniversity, running_university
from tests.faults.student import Student
from tests.faults.system import System, running_system


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here as slow."""
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="package")
def database(django_db_blocker: Any) -> Iterator[str]:
    """A database of this folder's own, which is neither rolled back nor emptied while workers use it."""
    with django_db_blocker.unblock():
        original, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
        before, test["NAME"] = test["NAME"], f"test_{original.removeprefix('test_')}_faults"
        try:
            # From here on the threads of the tests take this name, too.
            yield connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        finally:
            test["NAME"] = before
            _end_other_sessions()
            connection.creation.destroy_test_db(original, verbosity=0)


def _end_other_sessions() -> None:
    """Close what threads of tests and killed processes left open: a database in use cannot be dropped."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="package")
def university() -> Iterator[RunningUniversity]:
    with running_university() as running:
        yield running


@pytest.fixture(scope="package")
def system(database: str, university: RunningUniversity) -> Iterator[System]:
    with running_system(database, university) as running:
        yield running


@pytest.fixture(autouse=True)
def _as_it_was(system: System) -> Iterator[None]:
    """Leave the university and the processes to the next test as they were."""
    yield
    system.university.reset()
    missing = [name for name in system.commands if name not in system.running]
    if missing:
        system.start(*missing)
        system.wait_ready()


@pytest.fixture
def new_student(system: System) -> Iterator[Callable[[], Student]]:
    """Make students who share nothing."""
    made: list[Student] = []

    def new() -> Student:
        made.append(Student.new(system.address, system.university.make_token("faults")))
        return made[-1]

    yield new
    for student in made:
        student.close()


@pytest.fixture
def student(new_student: Callable[[], Student]) -> Student:
    return new_student()


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str, float], None]:
    """Note a figure: in the report's properties, and in the output."""

    def note(name: str, seconds: float) -> None:
        record_property(name, round(seconds, 2))
        print(f"MEASURED {name}: {seconds:.1f} s", file=sys.stderr)

    return note


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the processes said."""
    report = yield
    system = getattr(item, "funcargs", {}).get("system")
    if report.failed and call.when == "call" and system is not None:
        report.sections.append(("what the processes said", system.last_words()))
    return report
