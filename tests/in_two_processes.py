"""What shares a process, and what shares the machine, when `script/test` runs two processes at once.

Each process has servers and a folder of its own (`coreengine.settings.test`), so that light tests need know nothing of
each other. Those that start many processes, containers or a browser run in one process, one after the other, beside
light ones; those that measure time have the machine to themselves.
"""

from __future__ import annotations

import fcntl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
HEAVY = ("tests/faults/", "tests/browser/", "tests/test_")
GROUP = "heavy"


@cache
def is_heavy(file: str) -> bool:
    """Tell whether a file's tests run beside light ones only; what speaks of Docker starts containers."""
    return file.startswith(HEAVY) or "docker" in (ROOT / file).read_text(encoding="utf-8")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the heavy tests first, so that nobody waits for them at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not is_heavy(_file_of(item.nodeid)))


def _file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


class HeavyFirstThenFiles(LoadScopeScheduling):
    """Give out the heavy tests as one piece, then whole files: what a file keeps for its tests is made once.

    Not by xdist's own groups: it writes them behind the names of tests, which pytest 9 does not let it.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = _file_of(nodeid)
        return GROUP if is_heavy(file) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Divide the tests in the order in which they were collected."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return HeavyFirstThenFiles(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked `alone` wait for the other process, and the other process for it."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    with _machine(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _machine(*, alone: bool) -> Iterator[None]:
    """Hold the machine, with others or alone. Who wants it alone keeps the door shut until it is."""
    # Locks on files that are there anyway: nothing is left behind, whatever ends the process.
    with (ROOT / "pyproject.toml").open() as door, (ROOT / "conftest.py").open() as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
