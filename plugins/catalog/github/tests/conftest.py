"""A running GitHub, and the plugin as a child process beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.catalog.github.server.store import Repository
from plugins.catalog.github.server.testing import HOSTS, STUDENT, RunningGitHub, running_github
from plugins.sdk.testkit import PluginKit

FOLDER = Path(__file__).parent.parent


@pytest.fixture
def github() -> Iterator[RunningGitHub]:
    with running_github() as running:
        yield running


@pytest.fixture
def kit(github: RunningGitHub) -> PluginKit:
    return PluginKit(
        FOLDER / "plugin.py",
        manifest=FOLDER / "plugin-manifest.yaml",
        config={"sync_frequency": "daily"},
        token=github.token(),
        hosts=dict.fromkeys(HOSTS, github.url),
        retries=0,
    )


@pytest.fixture
def repository(github: RunningGitHub) -> Repository:
    """A repository of the student, in which nobody has done anything."""
    return github.hub.store.add_repository(f"{STUDENT}/os-labs", description="Labs", is_private=True)
