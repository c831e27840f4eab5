"""Tests that need a Docker engine or Chromium: skipped aloud without one, failed under REQUIRE_ALL=1."""

import os
import shutil
import subprocess
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REQUIRE_ALL = os.environ.get("REQUIRE_ALL", "") == "1"
NEEDS = {"docker": "a Docker engine", "browser": "Chromium"}


@cache
def is_here(need: str) -> bool:
    """Whether this machine has it."""
    if need == "docker":
        if not shutil.which("docker"):
            return False
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")) or any(
        Path.home().glob(".cache/ms-playwright/chromium*")
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what cannot run here."""
    if REQUIRE_ALL:
        return
    for item in items:
        for need, words in NEEDS.items():
            if item.get_closest_marker(need) and not is_here(need):
                item.add_marker(pytest.mark.skip(reason=f"needs {words}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under REQUIRE_ALL a test that skips itself has failed."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and REQUIRE_ALL=1 allows no skips: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was not tested, so that nobody takes silence for success."""
    for need, words in NEEDS.items():
        skipped = [r for r in terminalreporter.getreports("skipped") if need in r.keywords and not is_here(need)]
        if skipped:
            terminalreporter.write_sep(
                "!", f"NOT TESTED: {len(skipped)} tests need {words}, and there is none", red=True
            )
