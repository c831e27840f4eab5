"""Whatever a step changes is noted as caused by its execution."""

from __future__ import annotations

from coreengine.kernel.events import caused_by
from workflows.engine.outcome import Executor, Outcome, StepCall


class Causing:
    """An executor whose events say which execution made them."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt."""
        with caused_by(call.execution_id):
            return self.executor.run(call)
