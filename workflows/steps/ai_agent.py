"""Steps that ask an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.services import run_agent
from coreengine.kernel.statuses import Status
from workflows.engine.outcome import Effect, Outcome, StepCall
from workflows.engine.retry import TIMEOUT
from workflows.steps.faults import EXPECTED, kind_of, outcome_of_error
from workflows.steps.people import people_of


class AgentExecutor:
    """Runs an agent and gives `{content, data, cost, run}`."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """A repeated key finds the run of the first attempt."""
        return Effect.KEYED

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt. The key makes a repeated attempt find the run of the first instead of paying twice."""
        try:
            owner, actor = people_of(call)
            run = run_agent(
                call.config["agent"],
                call.config["prompt"] if isinstance(call.config["prompt"], str) else str(call.config["prompt"]),
                owner=owner,
                by=actor,
                parameters=call.config.get("parameters") or {},
                context={"variables": dict(call.variables), "metadata": {"step_name": call.name}},
                session_id=f"execution:{call.execution_id}",
                source=f"execution:{call.execution_id}",
                idempotency_key=call.idempotency_key,
            )
        except TimeoutError:
            return Outcome.failed("The agent did not answer in time.", kind=TIMEOUT)
        except EXPECTED as error:
            return outcome_of_error(error)
        if run.status != Status.COMPLETED:
            kind = kind_of(run.error_code, retryable=run.is_retryable)
            return Outcome.failed(run.error or "The agent gave no answer.", kind=kind)
        cost_usd = run.cost_usd_micros / 1_000_000
        return Outcome.done({"content": run.content, "data": run.data, "cost": cost_usd, "run": run.pk})
