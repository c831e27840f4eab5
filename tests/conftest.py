"""What tests of the whole share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from workflows.models import Execution
from workflows.running import CeleryHints, runner


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Execution | None], Execution]:
    """Do what the messages of an execution ask for, until none is left."""
    messages: deque[tuple[str, list[Any]]] = deque()
    monkeypatch.setattr(CeleryHints, "_send", lambda self, task, args, *rest: messages.append((task, args)))

    def go(execution: Execution | None) -> Execution:
        assert execution is not None
        while messages:
            task, args = messages.popleft()
            engine = runner()
            (engine.run_step if task == "workflows.run_step" else engine.advance)(*args)
        execution.refresh_from_db()
        return execution

    return go
