"""Fixtures of the agents' tests."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from agents.registry import _catalog
from agents.testing.messages_api import MessagesApi


@pytest.fixture(autouse=True)
def _own_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of tests do not meet those of a running server or of another worker."""
    monkeypatch.setattr("coreengine.kernel.streams.PREFIX", f"ce-test:{uuid.uuid4().hex}")


@pytest.fixture
def messages_api(settings: Any) -> Iterator[MessagesApi]:
    """A double of the Messages API that the operator's key and address lead to."""
    with MessagesApi() as double:
        settings.AGENTS = {
            "ANTHROPIC_API_KEY": double.key,
            "ANTHROPIC_BASE_URL": double.url,
            "ANTHROPIC_MODEL": "claude-haiku-5-5",
            "MONTHLY_BUDGET_CENTS": 1000,
        }
        _catalog.cache_clear()
        yield double
    _catalog.cache_clear()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses before retries take no time; they are collected instead."""
    pauses: list[float] = []

    def skip(self: Any, pause_s: float) -> None:
        pauses.append(pause_s)
        self._check_in(is_due=True)

    monkeypatch.setattr("agents.services._Execution._wait", skip)
    return pauses
