"""Steps that change something inside Core Engine. They run in the transaction that records them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coreengine.kernel.actions import ActionContext, is_brief, run_action
from workflows.engine.outcome import Effect, Outcome, StepCall
from workflows.steps.faults import EXPECTED, outcome_of_error
from workflows.steps.people import people_of


class SystemActionExecutor:
    """Calls a registered system action."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """It commits together with its step."""
        return Effect.SAME_TRANSACTION

    def is_brief(self, config: Mapping[str, Any]) -> bool:
        """The action says so."""
        return is_brief(config["action"])

    def run(self, call: StepCall) -> Outcome:
        """Do one attempt."""
        try:
            owner, actor = people_of(call)
            context = ActionContext(
                owner=owner,
                actor=actor,
                execution_id=call.execution_id,
                step_path=call.path,
                idempotency_key=call.idempotency_key,
                variables=call.variables,
            )
            return Outcome.done(run_action(call.config["action"], context, call.config.get("params") or {}))
        except EXPECTED as error:
            return outcome_of_error(error)
