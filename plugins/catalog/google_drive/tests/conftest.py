"""A Drive to talk to, and the plugin as a child process in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.catalog.google_drive.server.testing import RunningDrive, running_drive
from plugins.sdk.testkit import PluginKit

FOLDER = Path(__file__).parent.parent
HOME = "www.googleapis.com"


@pytest.fixture
def google() -> Iterator[RunningDrive]:
    """An empty Drive on a real port."""
    with running_drive() as running:
        yield running


@pytest.fixture
def drive(google: RunningDrive) -> Any:
    """What it holds."""
    return google.drive


@pytest.fixture
def kit(google: RunningDrive) -> PluginKit:
    """The plugin, connected to it."""
    return PluginKit(
        FOLDER / "plugin.py",
        manifest=FOLDER / "plugin-manifest.yaml",
        config={"folders": "University"},
        token=google.token,
        hosts={HOME: google.url},
    )


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    """The manifest as data."""
    return yaml.safe_load((FOLDER / "plugin-manifest.yaml").read_text("utf-8"))
