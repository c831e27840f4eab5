"""Steps that ask an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.models import AgentRun
from agents.services import run_agent
from coreengine.kernel.statuses import Status
from workflows.engine.outcome import Effect, Outcome, StepCall
from workflows.engine.retry import TIMEOUT
from workflows.engine.runner import idempotency_key
from workflows.steps.faults import EXPECTED, kind_of, outcome_of_error
from workflows.steps.people import people_of


class AgentExecutor:
    """Runs an agent and gives `{content, data, cost, run}`."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """A repeated key finds the run of the first attempt."""
        return Effect.KEYED

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """It talks to the outside."""
        return False

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt. The key makes a repeated attempt find the run of the first instead of paying twice."""
        try:
            run = self._ask(call, call.idempotency_key)
            if run.status == Status.FAILED and not run.is_retryable and run.source != _source(call):
                # A retry of an execution brings the key of the first one. That run failed for good, which is known:
                # to ask once more does nothing twice.
                run = self._ask(call, idempotency_key(call.execution_id, call.path))
        except TimeoutError:
            return Outcome.failed("The agent did not answer in time.", kind=TIMEOUT)
        except EXPECTED as error:
            return outcome_of_error(error)
        if run.status != Status.COMPLETED:
            kind = kind_of(run.error_code, retryable=run.is_retryable)
            return Outcome.failed(run.error or "The agent gave no answer.", kind=kind)
        cost_usd = run.cost_usd_micros / 1_000_000
        return Outcome.done({"content": run.content, "data": run.data, "cost": cost_usd, "run": run.pk})

    @staticmethod
    def _ask(call: StepCall, key: str) -> AgentRun:
        owner, actor = people_of(call)
        prompt = call.config["prompt"]
        return run_agent(
            call.config["agent"],
            prompt if isinstance(prompt, str) else str(prompt),
            owner=owner,
            by=actor,
            parameters=call.config.get("parameters") or {},
            context={"variables": dict(call.variables), "metadata": {"step_name": call.name}},
            session_id=_source(call),
            source=_source(call),
            idempotency_key=key,
        )


def _source(call: StepCall) -> str:
    return f"execution:{call.execution_id}"
