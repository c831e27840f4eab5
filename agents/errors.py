"""What the agents' rules say no to."""

from coreengine.kernel.errors import DomainError


class AgentNotFound(DomainError):
    code = "agent_not_found"
    status = 404
    title = "No such agent"


class AgentNotReady(DomainError):
    code = "agent_not_ready"
    status = 409
    title = "This agent cannot run yet"


class BudgetUsedUp(DomainError):
    """The budget has not enough left for what a run can cost at the most."""

    code = "budget_used_up"
    status = 409
    title = "The budget is used up"


class RunAlreadyFinished(DomainError):
    code = "run_already_finished"
    status = 409
    title = "This run is over"


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    title = "This key belongs to another request"
