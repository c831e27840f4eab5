"""Whatever a step changes is noted as caused by its execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreengine.kernel.causes import caused_by
from workflows.engine.outcome import Effect, Executor, Outcome, StepCall


class Causing:
    """An executor whose events say which execution made them."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """How often it can happen."""
        return self.executor.effect(config)

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """Whether it takes no time to speak of."""
        return self.executor.is_brief(config)

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt."""
        with caused_by(call.execution_id):
            return self.executor.run(call)
