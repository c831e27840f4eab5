"""After every test of this app: what the log tells is what the rows say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from workflows.models import Execution
from workflows.rebuild import compare
from workflows.tests import worlds


# The mark, and not `db` asked for in the fixture, tells pytest-django that there must be a database of tests.
@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.django_db)])
def world(request: pytest.FixtureRequest) -> worlds.World:
    """The engine over one of its stores."""
    if request.param == "memory":
        return worlds.MemoryWorld()
    return worlds.DatabaseWorld(request.getfixturevalue("owner"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Compare before fixtures are torn down, for tests that have passed so far."""
    worlds.made.clear()
    try:
        result = yield
        if item.get_closest_marker("log_differs") is None:
            for world in worlds.made:
                world.check_log()
            if not worlds.made and _has_database(item) and not connection.needs_rollback:
                assert dict(compare(Execution.objects.all())) == {}
    finally:
        worlds.made.clear()
    return result


def _has_database(item: pytest.Item) -> bool:
    asked: set[str] = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(asked & {"db", "transactional_db"})
